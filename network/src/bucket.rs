//! A bucket of tokens: how much of something one peer may do.
//!
//! By hand: `governor` refuses a cost above the burst, cannot charge what was already done
//! ([`Bucket::spend`]), and costs more to build than these lines to read; a clock of one's own is a
//! trait there, and an argument here.

/// Tokens that flow in at a rate, up to a burst.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    /// In thousandths, so that slow rates do not round to nothing.
    thousandths: u64,
    burst: u64,
    per_s: u64,
    filled_ms: u64,
}

impl Bucket {
    /// A full bucket, of so many tokens, that fills at a rate.
    pub fn full(burst: u64, per_s: u64, now_ms: u64) -> Self {
        Self { thousandths: burst.saturating_mul(1_000), burst, per_s, filled_ms: now_ms }
    }

    /// Takes tokens for something that was done already, as far as there are any.
    pub fn spend(&mut self, cost: u64) {
        self.thousandths = self.thousandths.saturating_sub(cost.saturating_mul(1_000));
    }

    /// Takes tokens. Returns whether there were enough; if not, none are taken. A cost above the
    /// burst counts as the burst.
    pub fn take(&mut self, cost: u64, now_ms: u64) -> bool {
        let passed_ms = now_ms.saturating_sub(self.filled_ms);
        self.filled_ms = self.filled_ms.max(now_ms);
        let most = self.burst.saturating_mul(1_000);
        self.thousandths =
            self.thousandths.saturating_add(passed_ms.saturating_mul(self.per_s)).min(most);
        let cost = cost.min(self.burst).saturating_mul(1_000);
        match self.thousandths.checked_sub(cost) {
            Some(left) => {
                self.thousandths = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_flow_in_up_to_the_burst() {
        let mut bucket = Bucket::full(10, 2, 1_000);
        assert!(bucket.take(10, 1_000));
        assert!(!bucket.take(1, 1_499));
        assert!(bucket.take(1, 1_500), "half a second gives one");
        assert!(!bucket.take(1, 1_400), "time that goes back gives none");
        assert!(bucket.take(10, 100_000));
        assert!(!bucket.take(1, 100_000), "never more than the burst");
        assert!(bucket.take(1_000, 200_000), "what can never be paid costs the burst");
        let mut bucket = Bucket::full(10, 2, 0);
        bucket.spend(9);
        assert!(bucket.take(1, 0));
        bucket.spend(100);
        assert!(!bucket.take(1, 0) && bucket.take(1, 500), "there is no debt");
    }
}
