//! What can go wrong with a device, and how the operator is told.

use cudarc::driver::{DriverError, sys::CUresult};

/// Why there is no device, or why it does not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CudaError {
    /// There is no driver on this machine.
    #[error("no NVIDIA driver: expected libcuda.so of driver 525 or newer")]
    NoDriver,
    /// The driver lacks functions that are called. Versions are major and minor.
    #[error(
        "the NVIDIA driver is too old: expected one for CUDA {}.{}, which is 525 or newer, got one \
         for CUDA {}.{}",
        expected.0, expected.1, got.0, got.1
    )]
    OldDriver {
        /// The oldest that will do.
        expected: (i32, i32),
        /// What the driver says.
        got: (i32, i32),
    },
    /// There is a driver, and nothing for it to drive.
    #[error("the NVIDIA driver finds no device")]
    NoDevices,
    /// A device was asked for that is not there.
    #[error("no CUDA device {got}: `lode-miner devices` lists the {count} that are there")]
    NoSuchDevice {
        /// The index asked for.
        got: usize,
        /// Number of devices.
        count: usize,
    },
    /// A device was asked for by a bus id that is not there.
    #[error("no CUDA device has the bus id {got:?}")]
    NoSuchBusId {
        /// The bus id asked for.
        got: String,
    },
    /// The device is older than the kernels' PTX.
    #[error("{device}: expected compute capability 7.0 or higher, got {got}")]
    Unsupported {
        /// The device, as it is shown.
        device: String,
        /// Its compute capability, as `major.minor`.
        got: String,
    },
    /// Not even one attempt fits.
    #[error("out of memory: expected {needed_bytes} bytes of free device memory, got {free_bytes}")]
    Memory {
        /// What one attempt a lane needs.
        needed_bytes: u64,
        /// What there is.
        free_bytes: u64,
    },
    /// A call of the driver failed.
    #[error("{during}: CUDA error {code} ({text})")]
    Driver {
        /// What was being done.
        during: &'static str,
        /// `CUresult`.
        code: u32,
        /// The driver's words.
        text: String,
    },
    /// A copy from the device is not what any kernel writes.
    #[error("the device says {got} of {attempts} attempts won")]
    Winners {
        /// Attempts of the batch.
        attempts: u32,
        /// Winners among them, as read.
        got: u32,
    },
    /// The field has no roots of unity for this size.
    #[error("the field has no transforms of this size")]
    Size,
}

impl CudaError {
    /// Whether a smaller allocation might have succeeded.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        matches!(
            self,
            Self::Driver { code, .. } if *code == CUresult::CUDA_ERROR_OUT_OF_MEMORY as u32
        )
    }
}

/// Says what the driver was asked for when it failed.
pub(crate) trait During<T> {
    fn during(self, what: &'static str) -> Result<T, CudaError>;
}

impl<T> During<T> for Result<T, DriverError> {
    fn during(self, what: &'static str) -> Result<T, CudaError> {
        self.map_err(|error| {
            let text = error
                .error_string()
                .map_or_else(|_| "unknown".into(), |text| text.to_string_lossy().into_owned());
            CudaError::Driver { during: what, code: error.0 as u32, text }
        })
    }
}
