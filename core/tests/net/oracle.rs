//! Proofs that cost nothing.

use lode_consensus::{
    Obligation,
    obligation::{ProofChecker, Verdict, judge},
};
use lode_core::{Entropy, EntropyError};
use lode_puzzle::{Claim, Half, Item, Proof, Seed, Ticket, VerifyError};

/// The first byte of a forged proof.
const FORGED: u8 = 0xBA;

/// Holds tickets to their targets, as the real checker does, and knows forged proofs by their mark.
pub(crate) struct Oracle;

impl ProofChecker for Oracle {
    fn check(&self, obligations: &[Obligation], weights: &[u128]) -> Vec<Verdict> {
        judge(obligations, |items| Self::proofs(items, weights))
    }
}

impl Oracle {
    fn proofs(items: &[Item], weights: &[u128]) -> Vec<Result<Ticket, VerifyError>> {
        assert!(weights.len() >= items.len());
        let judge = |item: &Item| {
            let ticket = Ticket::new(&Seed::new(&item.statement, item.nonce), &item.proof);
            let (half, target, value) = match item.claim {
                Claim::Block(target) => (Half::Block, target, ticket.block_value()),
                Claim::Share(target) => (Half::Share, target, ticket.share_value()),
                Claim::None => return Ok(ticket),
            };
            match item.proof.commitment[0] {
                _ if !target.is_met_by(value) => {
                    Err(VerifyError::TargetMissed { half, target, value })
                }
                FORGED => Err(VerifyError::PairingFailed),
                _ => Ok(ticket),
            }
        };
        items.iter().map(judge).collect()
    }
}

/// Fixed weights: the oracle does not use them.
pub(crate) struct Weights;

impl Entropy for Weights {
    fn weights(&self, count: usize) -> Result<Vec<u128>, EntropyError> {
        Ok(vec![1; count])
    }
}

/// A proof that the oracle knows to be forged.
pub(crate) fn forged(nonce: u64) -> Proof {
    let mut proof = super::proof(nonce);
    proof.commitment[0] = FORGED;
    proof
}
