//! What blocks, headers and transactions still have to prove after every cheap rule was checked,
//! and the trait of what checks it.
//!
//! Each obligation is a value of its own: an address that has to be read, a claim about a puzzle's
//! proof, a signature. A block gathers its obligations in one list, with the place in which each
//! stands ([`Placed`]), and a [`ProofChecker`] gives one [`Verdict`] for each. A further kind of
//! proof is a further variant here.
//!
//! What must not be broken: kinds are judged in the order of [`Kind`], cheapest first; a block that
//! failed in one kind is not judged in the next; an obligation that was not judged counts as
//! failed.

use std::sync::Arc;

use lode_puzzle::{Item, Ticket, Verifier, VerifyError};

use crate::{
    Address,
    address::AddressError,
    signature::{SignatureClaim, SignatureError},
};

pub use crate::placed::{Place, Placed, weights_needed};

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

    /// Whether obligations of this kind are folded into one equation, with a random weight for
    /// each.
    pub fn needs_weight(self) -> bool {
        self == Self::Puzzle
    }
}

impl Obligation {
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

/// Judges the expensive obligations. The chain's checker is [`Verifier`]; a node puts a cache of
/// verified obligations in front of it, and a simulation may use an oracle that knows which proofs
/// are honest.
pub trait ProofChecker {
    /// One verdict for each obligation, in order. `weights` are random 128-bit numbers, none of
    /// them zero, drawn after the list was fixed: one for each obligation whose kind needs one
    /// ([`Kind::needs_weight`]), in their order.
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

/// For checkers: addresses and signatures are judged one by one, and all puzzle claims together by
/// `batch`, which is not asked if there are none.
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
