//! What the parts of the machine want done, as values: the switchboard carries them out, in their
//! order.
//!
//! Owns nothing. A part returns [`Effects`] from each call; their number is bounded by what the
//! call was given: a few for each header, share, transaction, body or peer.
//!
//! What must not be broken: effects are carried out in the order in which they were returned, each
//! before the next part is called, so that a part may rely on what it has asked for.

use std::fmt;

use lode_consensus::{ChainWork, Hash, Height, SealedHeader};
use lode_ledger::LedgerError;
use lode_network::{Gossip, InboundId, PeerId, Penalty, Request, Response, Status, Verdict};

use super::jobs::Origin;

/// What is asked of a peer, and what its answer is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Question {
    Status {
        /// What this machine's clock showed.
        asked_ms: u64,
    },
    /// For the peer's candidate.
    Headers {
        limit: u16,
        /// Tip and work of the status that it is asked for.
        claim: (Hash, ChainWork),
    },
    /// For the chain that is read again.
    Replay {
        limit: u16,
        /// Tells it from chains that were read again before.
        number: u64,
    },
    Bodies(Vec<Hash>),
    Mempool,
}

/// One thing to be done.
#[derive(Debug)]
pub(super) enum Effect {
    /// To the network, and to the record of open questions by peer.
    Ask(PeerId, Question, Request),
    /// To the network.
    Respond(InboundId, Response),
    /// To the network.
    Publish(Gossip),
    /// To the network, if a message waits for a verdict.
    Judge(Origin, Verdict),
    /// To the network and the peer table: an offence, and what it was. A peer that has earned a ban
    /// loses all that waits.
    Penalize(PeerId, Penalty, String),
    /// To the peer table: a peer said where it stands.
    Status(PeerId, Status),
    /// To the peer table: a peer has brought headers that were proven, with so much work up to a
    /// height.
    Shows(PeerId, ChainWork, Height),
    /// To the peer table: a peer's chain holds a block with so much work, at a height.
    Reaches(PeerId, ChainWork, Height),
    /// To the peer table: what a peer claimed counts for nothing, and it is left alone for a while.
    Discredit(PeerId),
    /// To the peer table: until when a peer is not asked for more, since it owes bodies.
    AwaitLate(PeerId, u64),
    /// To the header sync: a peer has a block whose parent is not known here.
    ReadChain(PeerId),
    /// To the relay: a block has become the tip, and nothing better is known.
    NewTip(SealedHeader),
    /// To the server: a block is stored, or will not be.
    Release(Hash),
    /// To the operator: better chains are followed no more.
    Halt(String),
}

/// Several, in their order.
#[derive(Debug, Default)]
#[must_use = "effects are to be carried out"]
pub(super) struct Effects(Vec<Effect>);

impl Effects {
    /// Nothing to be done.
    pub(super) fn none() -> Self {
        Self::default()
    }

    pub(super) fn one(effect: Effect) -> Self {
        Self(vec![effect])
    }

    pub(super) fn push(&mut self, effect: Effect) {
        self.0.push(effect);
    }

    pub(super) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Charges a peer.
    pub(super) fn penalize(&mut self, peer: PeerId, penalty: Penalty, why: &dyn fmt::Display) {
        self.push(Effect::Penalize(peer, penalty, why.to_string()));
    }

    /// A peer's headers show less work than it claims to have.
    pub(super) fn low_work(peer: PeerId, claimed: ChainWork, shown: ChainWork) -> Self {
        let mut effects = Self::one(Effect::Discredit(peer));
        effects.penalize(
            peer,
            Penalty::LowWork,
            &format_args!("it claims a work of {claimed} and shows {shown}"),
        );
        effects
    }

    /// The verdict on something, and nothing else.
    pub(super) fn verdict(origin: Origin, verdict: Verdict) -> Self {
        Self::one(Effect::Judge(origin, verdict))
    }

    /// That neither good nor bad is said of something.
    pub(super) fn ignore(origin: Origin) -> Self {
        Self::verdict(origin, Verdict::Ignore)
    }

    /// What follows from a chain that cannot be followed: if it leaves this one below what can be
    /// undone, an operator has to decide; if its root is gone, or was found invalid, nothing.
    pub(super) fn of_lost_fork(error: LedgerError) -> Result<Self, LedgerError> {
        match error {
            LedgerError::ReorgTooDeep { .. } => Ok(Self::one(Effect::Halt(error.to_string()))),
            LedgerError::Orphan { .. } | LedgerError::InvalidAncestor { .. } => Ok(Self::none()),
            error => Err(error),
        }
    }
}

impl FromIterator<Effect> for Effects {
    fn from_iter<I: IntoIterator<Item = Effect>>(effects: I) -> Self {
        Self(effects.into_iter().collect())
    }
}

impl IntoIterator for Effects {
    type Item = Effect;
    type IntoIter = std::vec::IntoIter<Effect>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
