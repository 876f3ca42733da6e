//! How long to wait before trying again: twice as long after each failure in a row.

use std::time::Duration;

/// The waits of one series of failures: the first one given, then the double of the one before, up
/// to a longest.
///
/// It knows no clock: it says how long to wait, and its owner waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Waits from `first` to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// The wait that is due now.
    pub fn next_wait(&mut self) -> Duration {
        let wait = self.next.min(self.longest);
        self.next = wait.saturating_mul(2).min(self.longest);
        wait
    }

    /// Something succeeded: the next failure is a first one again.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

/// From one second to half a minute: for a node that may be restarting.
impl Default for Backoff {
    fn default() -> Self {
        Self::new(Duration::from_secs(1), Duration::from_secs(30))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        let mut backoff = Backoff::default();
        let seconds: Vec<u64> = (0..7).map(|_| backoff.next_wait().as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
        backoff.reset();
        assert_eq!(backoff.next_wait(), Duration::from_secs(1));
    }

    #[test]
    fn no_wait_is_longer_than_the_longest() {
        let longest = Duration::from_millis(5);
        let mut backoff = Backoff::new(Duration::MAX, longest);
        assert_eq!([backoff.next_wait(), backoff.next_wait()], [longest; 2]);
    }
}
