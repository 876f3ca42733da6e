//! The size of the puzzle's domain.

/// The base-2 logarithm of the domain size `n`, between [`LogSize::MIN`] and [`LogSize::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogSize(u8);

/// A logarithm outside of the supported range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected log_n between {} and {}, got {got}", LogSize::MIN.0, LogSize::MAX.0)]
pub struct LogSizeError {
    /// The logarithm given.
    pub got: u8,
}

impl LogSize {
    /// The smallest domain: 4 points.
    pub const MIN: Self = Self(2);
    /// The largest domain that the embedded setup serves: 32,768 points.
    pub const MAX: Self = Self(15);
    /// The domain of mainnet, testnet and devnet: 8,192 points.
    pub const MAINNET: Self = Self(13);

    /// Checks the range.
    pub fn new(log_n: u8) -> Result<Self, LogSizeError> {
        if (Self::MIN.0..=Self::MAX.0).contains(&log_n) {
            Ok(Self(log_n))
        } else {
            Err(LogSizeError { got: log_n })
        }
    }

    /// The logarithm of the domain size.
    pub const fn log_n(self) -> u8 {
        self.0
    }

    /// The number of points in the domain.
    pub const fn n(self) -> usize {
        1 << self.0
    }
}
