//! Every offence of a peer, by name, and what it costs: the one table.
//!
//! A source of messages (an IP address; on loopback a peer) collects points. At [`BAN_POINTS`] it
//! is banned for [`BAN_MS`]; a point is forgiven every [`FORGIVE_MS`]. What a peer could not have
//! known, such as a block on a chain that turned out lighter, costs nothing and has no name here.

/// Points at which a source is banned.
pub const BAN_POINTS: u32 = 100;
/// How long a ban lasts, in ms.
pub const BAN_MS: u64 = 24 * 60 * 60 * 1_000;
/// How long it takes until one point is forgiven, in ms.
pub const FORGIVE_MS: u64 = 60 * 1_000;

/// What a peer did wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Penalty {
    /// A block or share whose proof does not hold. It costs us a pairing to find out.
    InvalidProof,
    /// A header or block that breaks a rule with a proof that holds, or a block on top of such a
    /// one.
    InvalidBlock,
    /// A header or share that breaks a rule that costs a hash to check, such as the ticket.
    InvalidHeader,
    /// A transaction whose signature or recipient is wrong.
    InvalidTransaction,
    /// Bytes that do not decode, or over their cap.
    MalformedMessage,
    /// A body that does not match the roots of its header.
    BodyMismatch,
    /// A response that does not fit its request.
    UnrequestedResponse,
    /// Headers that connect to nothing known, again and again.
    UnconnectedHeaders,
    /// A peer that announced blocks or took requests, and does not deliver.
    Stall,
    /// More gossip than the whole network can have to say.
    Flood,
    /// More requests than the rate that a peer is served at.
    TooManyRequests,
    /// A chain with less work than the minimum: of no use, and no crime.
    LowWork,
    /// Another network, or a version of messages that we do not speak: a mistake, and no crime.
    WrongGenesis,
}

impl Penalty {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::InvalidProof,
        Self::InvalidBlock,
        Self::InvalidHeader,
        Self::InvalidTransaction,
        Self::MalformedMessage,
        Self::BodyMismatch,
        Self::UnrequestedResponse,
        Self::UnconnectedHeaders,
        Self::Stall,
        Self::Flood,
        Self::TooManyRequests,
        Self::LowWork,
        Self::WrongGenesis,
    ];

    /// What it costs: at [`BAN_POINTS`] the source is banned. Invalid proofs end after the fourth,
    /// or the fifth if they come slowly.
    pub const fn points(self) -> u32 {
        match self {
            Self::InvalidBlock => 100,
            Self::InvalidHeader | Self::MalformedMessage | Self::BodyMismatch => 50,
            Self::InvalidProof | Self::UnrequestedResponse => 25,
            Self::InvalidTransaction | Self::UnconnectedHeaders | Self::Stall | Self::Flood => 10,
            Self::TooManyRequests => 2,
            Self::LowWork | Self::WrongGenesis => 0,
        }
    }

    /// Whether the connection ends even if the source is not banned.
    pub const fn disconnects(self) -> bool {
        matches!(
            self,
            Self::LowWork
                | Self::WrongGenesis
                | Self::BodyMismatch
                | Self::MalformedMessage
                | Self::Flood
        )
    }
}
