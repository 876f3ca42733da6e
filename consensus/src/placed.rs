//! Obligations with their places in a block, and the rule that the block breaks if one is not met.
//!
//! What must not be broken: kinds are judged in the order of [`Kind`], cheapest first; a block that
//! failed in one kind is not judged in the next; an obligation that was not judged counts as
//! failed.

use crate::{
    Obligation,
    obligation::{Kind, ObligationError, ProofChecker, Verdict},
    rules::{BlockError, ShareError},
};

/// Where in a block an obligation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the header, or beside it: its producer and its own proof.
    Header,
    /// In the share at this place in the body.
    Share(usize),
    /// In the transaction at this place in the body.
    Transaction(usize),
}

/// An obligation, and where in its block it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Where.
    pub place: Place,
    /// What.
    pub obligation: Obligation,
}

impl Placed {
    /// The rule that the block breaks if this obligation is not met.
    fn broken(&self, error: ObligationError) -> BlockError {
        match (self.place, error) {
            (Place::Header, ObligationError::Address(error)) => BlockError::Producer(error),
            (Place::Header, ObligationError::Puzzle(error)) => BlockError::Proof(error),
            (Place::Share(index), ObligationError::Address(error)) => {
                BlockError::Share { index, error: ShareError::Prover(error) }
            }
            (Place::Share(index), ObligationError::Puzzle(error)) => {
                BlockError::ShareProof { index, error }
            }
            (Place::Transaction(index), ObligationError::Address(error)) => {
                BlockError::Recipient { index, error }
            }
            (Place::Transaction(index), ObligationError::Signature(error)) => {
                BlockError::Signature { index, error }
            }
            // An error that does not belong to the obligation's kind counts as no verdict.
            (Place::Header | Place::Share(_), ObligationError::Signature(_))
            | (Place::Transaction(_), ObligationError::Puzzle(_))
            | (_, ObligationError::Unjudged) => BlockError::Unjudged { expected: 1, got: 0 },
        }
    }
}

/// How many random weights a list of obligations needs.
pub fn weights_needed(obligations: &[Placed]) -> usize {
    obligations.iter().filter(|placed| placed.obligation.kind().needs_weight()).count()
}

/// Has the obligations of several blocks or headers judged, all of one kind at once, cheapest
/// first; a block that fails one kind is left out of the next. One result for each, in order: the
/// first obligation in the order of judgement that is not met.
pub(crate) fn judge_all(
    parties: &[&[Placed]],
    checker: &(impl ProofChecker + ?Sized),
    weights: &[u128],
) -> Vec<Result<(), BlockError>> {
    let mut results = vec![Ok(()); parties.len()];
    let mut weights = weights;
    for kind in Kind::ALL {
        let due = |party: &[Placed]| -> Vec<Placed> {
            party.iter().filter(|placed| placed.obligation.kind() == kind).copied().collect()
        };
        let of_party = |(party, result): (&&[Placed], &Result<(), BlockError>)| match result {
            Ok(()) => due(party),
            Err(_) => Vec::new(),
        };
        let asked: Vec<Vec<Placed>> = parties.iter().zip(&results).map(of_party).collect();
        let obligations: Vec<Obligation> =
            asked.iter().flatten().map(|placed| placed.obligation).collect();
        if obligations.is_empty() {
            continue;
        }
        let needed = if kind.needs_weight() { obligations.len() } else { 0 };
        let (own, rest) = weights.split_at_checked(needed).unwrap_or((weights, &[]));
        weights = rest;
        let mut verdicts = checker.check(&obligations, own).into_iter();
        for (asked, result) in asked.iter().zip(&mut results).filter(|(asked, _)| !asked.is_empty())
        {
            *result = first_broken(asked, verdicts.by_ref().take(asked.len()).collect());
        }
    }
    results
}

fn first_broken(asked: &[Placed], verdicts: Vec<Verdict>) -> Result<(), BlockError> {
    let got = verdicts.iter().filter(|verdict| **verdict != Err(ObligationError::Unjudged)).count();
    if got < asked.len() {
        return Err(BlockError::Unjudged { expected: asked.len(), got });
    }
    asked
        .iter()
        .zip(verdicts)
        .try_for_each(|(placed, verdict)| verdict.map_err(|error| placed.broken(error)))
}
