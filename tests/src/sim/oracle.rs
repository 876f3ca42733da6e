//! The judge of proofs: knows which attempts were honest.
//!
//! Tickets are real. They are hashes, so that an attempt with random bytes for a proof has the same
//! odds as one with a true proof, and every check of a ticket against a target is the node's own.
//! Only the equation is replaced: what no honest attempt registered does not hold.

use std::collections::BTreeMap;

use lode_consensus::{
    Obligation,
    obligation::{ProofChecker, Verdict, judge},
};
use lode_puzzle::{Claim, Half, Item, Proof, Seed, Statement, Ticket, VerifyError};
use parking_lot::{Mutex, MutexGuard};

/// All announced honest attempts of a run.
#[derive(Debug, Default)]
pub struct Oracle {
    honest: Mutex<BTreeMap<(Statement, u64), Proof>>,
}

impl Oracle {
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
        let (half, target, value) = match item.claim {
            Claim::None => (Half::Block, None, 0),
            Claim::Block(target) => (Half::Block, Some(target), ticket.block_value()),
            Claim::Share(target) => (Half::Share, Some(target), ticket.share_value()),
        };
        if let Some(target) = target.filter(|target| !target.is_met_by(value)) {
            return Err(VerifyError::TargetMissed { half, target, value });
        }
        if self.is_honest(item.statement, item.nonce, &item.proof) {
            Ok(ticket)
        } else {
            Err(VerifyError::PairingFailed)
        }
    }
}

impl Oracle {
    fn judge_all(&self, items: &[Item], weights: &[u128]) -> Vec<Result<Ticket, VerifyError>> {
        if items.len() != weights.len() {
            let error = VerifyError::MissingWeights { expected: items.len(), got: weights.len() };
            return vec![Err(error); items.len()];
        }
        items.iter().map(|item| self.judge(item)).collect()
    }
}

impl ProofChecker for Oracle {
    fn check(&self, obligations: &[Obligation], weights: &[u128]) -> Vec<Verdict> {
        judge(obligations, |items| self.judge_all(items, weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lode_puzzle::Target;

    #[test]
    fn only_what_was_registered_holds_and_only_for_its_claim() {
        let oracle = Oracle::default();
        let (statement, proof) =
            (Statement([1; 32]), Proof { commitment: [2; 96], opening: [3; 96] });
        oracle.register(statement, 7, proof);
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
        let verdicts = oracle.judge_all(&items, &[1; 6]);
        assert_eq!(verdicts[..2], [Ok(ticket), Ok(ticket)]);
        assert!(matches!(verdicts[2], Err(VerifyError::TargetMissed { half: Half::Block, .. })));
        assert!(verdicts[3..].iter().all(|verdict| *verdict == Err(VerifyError::PairingFailed)));
        assert!(oracle.judge_all(&items, &[1; 5]).iter().all(Result::is_err));
    }
}
