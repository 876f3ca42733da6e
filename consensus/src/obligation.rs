//! What blocks, headers and transactions still have to prove after every cheap rule was checked, and who judges it.
//!
//! Each obligation is a value of its own: an address that has to be read, a claim about a puzzle's proof, a signature. A
//! block gathers its obligations in one list, with the place in which each stands ([`Placed`]), and a [`ProofChecker`]
//! gives one [`Verdict`] for each. A further kind of proof is a further variant here.
//!
//! What must not be broken: kinds are judged in the order of [`Kind`], cheapest first, and who failed in one is not
//! looked at in the next; whatever was not judged does not hold.

use std::sync::Arc;

use lode_puzzle::{Item, Ticket, Verifier, VerifyError};

use crate::{
    Address,
    address::AddressError,
    rules::{BlockError, ShareError},
    transaction::{SignatureClaim, SignatureError},
};

/// Something that is still to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obligation {
    /// These bytes are an address, which takes a square root.
    Address(Address),
    /// An attempt's proof holds, and its ticket meets what is claimed of it. Needs a weight.
    Puzzle(Item),
    /// A signature is the sender's, whose address is read with it.
    Signature(SignatureClaim),
}

/// The kinds of obligations in the order in which they are judged, the cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// [`Obligation::Address`].
    Address,
    /// [`Obligation::Puzzle`].
    Puzzle,
    /// [`Obligation::Signature`].
    Signature,
}

impl Kind {
    /// All kinds, in their order.
    pub const ALL: [Self; 3] = [Self::Address, Self::Puzzle, Self::Signature];

    /// Whether obligations of this kind are folded into one equation, with a random weight for each.
    pub fn needs_weight(self) -> bool {
        self == Self::Puzzle
    }
}

impl Obligation {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Address(_) => Kind::Address,
            Self::Puzzle(_) => Kind::Puzzle,
            Self::Signature(_) => Kind::Signature,
        }
    }
}

/// Why an obligation is not met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObligationError {
    /// The bytes are no address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The proof does not hold, or its ticket is not what was claimed.
    #[error(transparent)]
    Puzzle(#[from] VerifyError),
    /// The signature does not hold.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The checker said nothing of it: our fault.
    #[error("the checker did not judge it")]
    Unjudged,
}

impl ObligationError {
    /// Whether this says nothing about the obligation, because the fault is ours.
    pub fn is_ours(&self) -> bool {
        match self {
            Self::Unjudged => true,
            Self::Puzzle(error) => error.is_ours(),
            Self::Address(_) | Self::Signature(_) => false,
        }
    }
}

/// What a checker says of one obligation.
pub type Verdict = Result<(), ObligationError>;

/// Judges what takes long. The chain's judge is [`Verifier`]; a node puts its memory in front of it, and a simulation may
/// bring an oracle that knows who was honest.
pub trait ProofChecker {
    /// One verdict for each obligation, in order. `weights` are random 128-bit numbers, none of them zero, drawn after the
    /// list was fixed: one for each obligation whose kind needs one ([`Kind::needs_weight`]), in their order.
    fn check(&self, obligations: &[Obligation], weights: &[u128]) -> Vec<Verdict>;
}

impl ProofChecker for Verifier {
    fn check(&self, obligations: &[Obligation], weights: &[u128]) -> Vec<Verdict> {
        judge(obligations, |items| self.verify_batch(items, weights))
    }
}

impl<C: ProofChecker + ?Sized> ProofChecker for Arc<C> {
    fn check(&self, obligations: &[Obligation], weights: &[u128]) -> Vec<Verdict> {
        (**self).check(obligations, weights)
    }
}

/// For checkers: addresses and signatures are judged one by one, and all puzzle claims together by `batch`, which is not
/// asked if there are none.
pub fn judge(
    obligations: &[Obligation],
    batch: impl FnOnce(&[Item]) -> Vec<Result<Ticket, VerifyError>>,
) -> Vec<Verdict> {
    let item = |obligation: &Obligation| match obligation {
        Obligation::Puzzle(item) => Some(*item),
        Obligation::Address(_) | Obligation::Signature(_) => None,
    };
    let items: Vec<Item> = obligations.iter().filter_map(item).collect();
    let mut proofs = if items.is_empty() { Vec::new() } else { batch(&items) }.into_iter();
    let mut verdict = |obligation: &Obligation| match obligation {
        Obligation::Address(address) => Ok(address.check()?),
        Obligation::Puzzle(_) => match proofs.next() {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(error.into()),
            None => Err(ObligationError::Unjudged),
        },
        Obligation::Signature(claim) => Ok(claim.verify()?),
    };
    obligations.iter().map(&mut verdict).collect()
}

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
            (Place::Share(index), ObligationError::Puzzle(error)) => BlockError::ShareProof { index, error },
            (Place::Transaction(index), ObligationError::Address(error)) => BlockError::Recipient { index, error },
            (Place::Transaction(index), ObligationError::Signature(error)) => BlockError::Signature { index, error },
            // An error of a kind that nobody asked for judges nothing.
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

/// Has the obligations of several blocks or headers judged, all of one kind at once, cheapest first; who fails is left out
/// of what follows. One result for each, in order: the first obligation in the order of judgement that is not met.
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
        let obligations: Vec<Obligation> = asked.iter().flatten().map(|placed| placed.obligation).collect();
        if obligations.is_empty() {
            continue;
        }
        let needed = if kind.needs_weight() { obligations.len() } else { 0 };
        let (own, rest) = weights.split_at_checked(needed).unwrap_or((weights, &[]));
        weights = rest;
        let mut verdicts = checker.check(&obligations, own).into_iter();
        for (asked, result) in asked.iter().zip(&mut results).filter(|(asked, _)| !asked.is_empty()) {
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
    asked.iter().zip(verdicts).try_for_each(|(placed, verdict)| verdict.map_err(|error| placed.broken(error)))
}
