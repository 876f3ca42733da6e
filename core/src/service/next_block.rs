//! What the service remembers to say what transactions mean at the tip.

use std::sync::Arc;

use lode_consensus::{Address, Hash, Transaction, market::proofs::SoldProof, transition::Opened};
use parking_lot::Mutex;

use crate::verdicts::{Lru, statement_of};

/// Senders and nonces of which it is remembered which proof was verified.
const MAX_CLAIMS: usize = 65_536;

/// The next block, opened once for each tip.
pub(super) type NextBlock = Arc<Mutex<Option<Arc<Opened>>>>;

/// Which proof was verified for a sender and a nonce.
#[derive(Debug)]
pub(super) struct Claims(Mutex<Lru<(Address, u64), Hash>>);

impl Default for Claims {
    fn default() -> Self {
        Self(Mutex::new(Lru::new(MAX_CLAIMS)))
    }
}

impl Claims {
    /// Claims a sender's nonce for a proof. Whether no other one was verified for it.
    pub(super) fn claim(&self, transaction: &Transaction, proof: &SoldProof) -> bool {
        let (place, statement) = ((transaction.from, transaction.nonce), statement_of(proof));
        let mut claims = self.0.lock();
        match claims.get(&place) {
            Some(claimed) => claimed == statement,
            None => {
                claims.insert(place, statement);
                true
            }
        }
    }
}
