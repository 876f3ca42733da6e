//! How long to wait before trying again: twice as long after each failure.

use std::time::Duration;

/// The first wait.
pub(crate) const MIN_BACKOFF: Duration = Duration::from_secs(1);
/// The longest wait.
pub(crate) const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// The waits of one series of failures.
#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Backoff {
    pub(crate) fn new() -> Self {
        Self(MIN_BACKOFF)
    }

    /// The wait that is due now.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(MAX_BACKOFF);
        wait
    }

    /// Something succeeded.
    pub(crate) fn reset(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        let mut backoff = Backoff::new();
        let seconds: Vec<u64> = (0..7).map(|_| backoff.next().as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
        backoff.reset();
        assert_eq!(backoff.next(), MIN_BACKOFF);
    }
}
