//! What is claimed of a proof.

use crate::{Half, Proof, Statement, Target, Ticket, VerifyError};

/// What the ticket is claimed to meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The block half meets this target.
    Block(Target),
    /// The share half meets this target.
    Share(Target),
    /// Nothing: only the proof itself is checked.
    None,
}

impl Claim {
    /// Whether a ticket meets it.
    ///
    /// # Errors
    /// [`VerifyError::TargetMissed`].
    pub fn check(&self, ticket: &Ticket) -> Result<(), VerifyError> {
        let (half, target, value) = match self {
            Self::Block(target) => (Half::Block, target, ticket.block_value()),
            Self::Share(target) => (Half::Share, target, ticket.share_value()),
            Self::None => return Ok(()),
        };
        if target.is_met_by(value) {
            Ok(())
        } else {
            Err(VerifyError::TargetMissed { half, target: *target, value })
        }
    }
}

/// One proof of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// What the attempt is about.
    pub statement: Statement,
    /// The attempt's nonce.
    pub nonce: u64,
    /// The unverified proof.
    pub proof: Proof,
    /// What its ticket must meet.
    pub claim: Claim,
}
