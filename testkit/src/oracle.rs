//! The judges of proofs: they know which attempts were honest.
//!
//! Tickets are real. They are hashes, so that an attempt with random bytes for a proof has the same
//! odds as one with a true proof, and every check of a ticket against a target is the node's own.
//! Only the equation is replaced: it holds but for marked proofs ([`Oracle`], and [`Trusting`],
//! which looks at no ticket either), or for registered ones alone ([`Registry`]).

use std::collections::BTreeMap;

use lode_consensus::{
    Obligation,
    market::proofs::{ProofSystems, SoldProof},
    obligation::{ProofChecker, Verdict, judge},
};
use lode_core::{Entropy, EntropyError};
use lode_puzzle::{Item, Proof, Seed, Statement, Ticket, VerifyError};
use parking_lot::{Mutex, MutexGuard};

/// Proof systems for tests: a key's first byte is its number of values, and 0 is refused; a proof
/// holds that begins with its binding.
#[derive(Debug, Clone, Copy)]
pub struct Told;

impl ProofSystems for Told {
    fn values(&self, _: u8, key: &[u8]) -> Option<u16> {
        key.first().copied().filter(|values| *values > 0).map(u16::from)
    }

    fn cost(&self, _: u8, instances: usize, values: usize) -> u64 {
        12_000 + 600 * instances as u64 + 40 * (values * instances) as u64
    }

    fn holds(&self, proof: &SoldProof) -> bool {
        proof.proof.starts_with(&proof.binding.0)
    }
}

/// The first byte of a forged proof.
pub const FORGED: u8 = 0xBA;

/// A proof that the [`Oracle`] takes, if its ticket meets the target.
pub fn proof(nonce: u64) -> Proof {
    let mut proof = Proof { commitment: [1; 96], opening: [1; 96] };
    proof.opening[..8].copy_from_slice(&nonce.to_le_bytes());
    proof
}

/// A proof that the judges know to be forged.
pub fn forged(nonce: u64) -> Proof {
    let mut proof = proof(nonce);
    proof.commitment[0] = FORGED;
    proof
}

/// Weights that nobody needs to guess.
pub struct Weights;

impl Entropy for Weights {
    fn weights(&self, count: usize) -> Result<Vec<u128>, EntropyError> {
        Ok(vec![1; count])
    }
}

/// Holds tickets to their targets, as the real checker does, and refuses marked proofs and those at
/// the places that it was told.
#[derive(Debug, Default)]
pub struct Oracle {
    pub refuse: BTreeMap<usize, VerifyError>,
    /// How many verdicts it forgets to give.
    pub forget: usize,
}

impl ProofChecker for Oracle {
    fn check(&self, obligations: &[Obligation], weights: &[u128]) -> Vec<Verdict> {
        judge(obligations, |items| self.proofs(items, weights))
    }
}

impl Oracle {
    fn proofs(&self, items: &[Item], weights: &[u128]) -> Vec<Result<Ticket, VerifyError>> {
        assert!(weights.len() >= items.len());
        let judge = |(index, item): (usize, &Item)| {
            if let Some(error) = self.refuse.get(&index) {
                return Err(*error);
            }
            let ticket = Ticket::new(&Seed::new(&item.statement, item.nonce), &item.proof);
            item.claim.check(&ticket)?;
            verdict(item, ticket)
        };
        items.iter().take(items.len() - self.forget).enumerate().map(judge).collect()
    }
}

/// Takes every proof that is not marked as forged, whatever its ticket.
pub struct Trusting;

impl ProofChecker for Trusting {
    fn check(&self, obligations: &[Obligation], weights: &[u128]) -> Vec<Verdict> {
        judge(obligations, |items| {
            assert_eq!(items.len(), weights.len());
            items.iter().map(|item| verdict(item, Ticket([0; 32]))).collect()
        })
    }
}

fn verdict(item: &Item, ticket: Ticket) -> Result<Ticket, VerifyError> {
    if item.proof.commitment[0] == FORGED { Err(VerifyError::PairingFailed) } else { Ok(ticket) }
}

/// All honest attempts of a run that anybody was told of.
#[derive(Debug, Default)]
pub struct Registry {
    honest: Mutex<BTreeMap<(Statement, u64), Proof>>,
}

impl Registry {
    /// Takes an attempt for honest.
    pub fn register(&self, statement: Statement, nonce: u64, proof: Proof) {
        self.honest().insert((statement, nonce), proof);
    }

    /// Whether an attempt was honest, to the byte.
    pub fn is_honest(&self, statement: Statement, nonce: u64, proof: &Proof) -> bool {
        self.honest().get(&(statement, nonce)) == Some(proof)
    }

    fn honest(&self) -> MutexGuard<'_, BTreeMap<(Statement, u64), Proof>> {
        self.honest.lock()
    }

    fn judge(&self, item: &Item) -> Result<Ticket, VerifyError> {
        let ticket = Ticket::new(&Seed::new(&item.statement, item.nonce), &item.proof);
        item.claim.check(&ticket)?;
        if self.is_honest(item.statement, item.nonce, &item.proof) {
            Ok(ticket)
        } else {
            Err(VerifyError::PairingFailed)
        }
    }
}

impl Registry {
    fn judge_all(&self, items: &[Item], weights: &[u128]) -> Vec<Result<Ticket, VerifyError>> {
        if items.len() != weights.len() {
            let error = VerifyError::MissingWeights { expected: items.len(), got: weights.len() };
            return vec![Err(error); items.len()];
        }
        items.iter().map(|item| self.judge(item)).collect()
    }
}

impl ProofChecker for Registry {
    fn check(&self, obligations: &[Obligation], weights: &[u128]) -> Vec<Verdict> {
        judge(obligations, |items| self.judge_all(items, weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lode_puzzle::{Claim, Half, Target};

    #[test]
    fn only_what_was_registered_holds_and_only_for_its_claim() {
        let registry = Registry::default();
        let (statement, proof) =
            (Statement([1; 32]), Proof { commitment: [2; 96], opening: [3; 96] });
        registry.register(statement, 7, proof);
        let ticket = Ticket::new(&Seed::new(&statement, 7), &proof);
        let claim = Claim::Block(Target::new(ticket.block_value()).unwrap());
        let honest = Item { statement, nonce: 7, proof, claim };
        let missed = Claim::Block(Target::new(ticket.block_value() - 1).unwrap());
        let items = [
            honest,
            Item { claim: Claim::None, ..honest },
            Item { claim: missed, ..honest },
            Item { nonce: 8, claim: Claim::None, ..honest },
            Item { statement: Statement([9; 32]), claim: Claim::None, ..honest },
            Item { proof: Proof { opening: [4; 96], ..proof }, claim: Claim::None, ..honest },
        ];
        let verdicts = registry.judge_all(&items, &[1; 6]);
        assert_eq!(verdicts[..2], [Ok(ticket), Ok(ticket)]);
        assert!(matches!(verdicts[2], Err(VerifyError::TargetMissed { half: Half::Block, .. })));
        assert!(verdicts[3..].iter().all(|verdict| *verdict == Err(VerifyError::PairingFailed)));
        assert!(registry.judge_all(&items, &[1; 5]).iter().all(Result::is_err));
    }
}
