//! Which instructions the kernels use: chosen at run time, since one binary serves many machines.

use core::{fmt, str::FromStr};

/// A set of kernels. All compute the same, bit for bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// AVX-512 F and IFMA: eight elements side by side.
    Ifma,
    /// AVX-512 F: eight coordinates of points side by side, multiplied in double precision; scalars
    /// as [`Self::Scalar`].
    Avx512,
    /// BMI2 and ADX: one element at a time, in assembly.
    Scalar,
    /// Portable Rust.
    Portable,
}

/// The variable that masks off instructions: `ifma`, `avx512`, `scalar` or `portable`.
pub const CPU_VARIABLE: &str = "LODE_CPU";

/// Why a back end cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// No such back end.
    #[error("expected ifma, avx512, scalar or portable, got {0:?}")]
    Unknown(String),
    /// The processor lacks its instructions.
    #[error(
        "the back end {expected} needs instructions that this processor lacks; the best it has is \
         {best}"
    )]
    Unavailable {
        /// The back end asked for.
        expected: Backend,
        /// [`Backend::best`].
        best: Backend,
    },
}

impl Backend {
    /// All back ends, the fastest first.
    pub const ALL: [Self; 4] = [Self::Ifma, Self::Avx512, Self::Scalar, Self::Portable];

    /// Whether this processor has the instructions.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Ifma => {
                is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => is_x86_feature_detected!("avx512f"),
            #[cfg(target_arch = "x86_64")]
            Self::Scalar => is_x86_feature_detected!("bmi2") && is_x86_feature_detected!("adx"),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Ifma | Self::Avx512 | Self::Scalar => false,
            Self::Portable => true,
        }
    }

    /// The back ends that this processor can run, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|backend| backend.is_available())
    }

    /// The fastest back end of this processor.
    pub fn best() -> Self {
        Self::available().next().unwrap_or(Self::Portable)
    }

    /// The back end that [`CPU_VARIABLE`] asks for, or the fastest if it is unset. An empty value
    /// is an error and not the default: a measurement must not run on another back end than the one
    /// asked for.
    pub fn detect() -> Result<Self, BackendError> {
        match std::env::var_os(CPU_VARIABLE) {
            Some(name) => name.to_string_lossy().parse::<Self>()?.checked(),
            None => Ok(Self::best()),
        }
    }

    /// This back end, if the processor has the instructions.
    pub fn checked(self) -> Result<Self, BackendError> {
        if self.is_available() {
            Ok(self)
        } else {
            Err(BackendError::Unavailable { expected: self, best: Self::best() })
        }
    }

    /// The name, as [`CPU_VARIABLE`] takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ifma => "ifma",
            Self::Avx512 => "avx512",
            Self::Scalar => "scalar",
            Self::Portable => "portable",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Backend {
    type Err = BackendError;
    fn from_str(name: &str) -> Result<Self, BackendError> {
        Self::ALL
            .into_iter()
            .find(|backend| backend.name() == name)
            .ok_or_else(|| BackendError::Unknown(name.to_owned()))
    }
}
