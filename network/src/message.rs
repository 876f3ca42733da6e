//! What nodes say to each other, as plain values: gossip, requests and responses.
//!
//! What must not be broken: every list has a named bound, and a response can be held to the request
//! that it answers ([`Request::is_answered_by`]).

use lode_consensus::{
    Body, ChainWork, Encode, Hash, Height, SealedHeader, Share, SignedTransaction,
    params::{MAX_BODY_BYTES, MAX_TRANSACTION_BYTES},
};

/// The version of the messages between peers.
pub const PEER_VERSION: u16 = 1;
/// Most block hashes in a locator: exponentially spaced ones span any chain of 2^32 blocks.
pub const MAX_LOCATOR: usize = 64;
/// Most headers in one response.
pub const MAX_HEADERS: usize = 512;
/// Most bodies in one request.
pub const MAX_BODIES: usize = 16;
/// A response of bodies ends before the body that would make it longer than this; it holds at least
/// one.
pub const MAX_BODIES_BYTES: usize = 4 << 20;
/// Most shares and transactions together in one page of what waits for a block.
pub const MAX_MEMPOOL_PAGE: usize = 1_024;
/// Most bytes of the shares and transactions of one page.
pub const MAX_MEMPOOL_PAGE_BYTES: usize = MAX_MEMPOOL_PAGE * Share::BYTES;

// One of each fits, so that reading page by page, or body by body, always gets on.
const _: () = assert!(
    MAX_TRANSACTION_BYTES <= MAX_MEMPOOL_PAGE_BYTES && Share::BYTES <= MAX_MEMPOOL_PAGE_BYTES
);
const _: () = assert!(MAX_BODY_BYTES < MAX_BODIES_BYTES);

/// A gossip message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gossip {
    /// A new block: header and proof. The body is sent on request.
    Block(SealedHeader),
    /// A share that waits for a block.
    Share(Share),
    /// A transaction that waits for a block.
    Transaction(SignedTransaction),
}

/// Where a gossip message goes. Each kind has a topic of its own, with its own size cap and score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// [`Gossip::Block`].
    Blocks,
    /// [`Gossip::Share`].
    Shares,
    /// [`Gossip::Transaction`].
    Transactions,
}

impl Topic {
    /// All topics, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Blocks, Self::Shares, Self::Transactions];

    /// The part of the topic's name that tells the kinds apart.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Shares => "shares",
            Self::Transactions => "transactions",
        }
    }

    /// The largest message of the topic, in bytes.
    pub const fn max_bytes(self) -> usize {
        match self {
            Self::Blocks => SealedHeader::BYTES,
            Self::Shares => Share::BYTES,
            Self::Transactions => MAX_TRANSACTION_BYTES,
        }
    }
}

impl Gossip {
    /// Where the message goes.
    pub const fn topic(&self) -> Topic {
        match self {
            Self::Block(_) => Topic::Blocks,
            Self::Share(_) => Topic::Shares,
            Self::Transaction(_) => Topic::Transactions,
        }
    }
}

/// A gossip message's id: BLAKE2b-256 of its topic and bytes, so that one content is one message
/// from whichever peer it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GossipId(pub Hash);

impl GossipId {
    /// The id of a topic's message with these bytes.
    pub fn of(topic: Topic, bytes: &[u8]) -> Self {
        // No topic's name is the beginning of another's.
        Self(Hash::of("lode/gossip/v1", &[topic.name().as_bytes(), bytes]))
    }
}

/// Where a node stands. The two ends of a new connection exchange it first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// [`PEER_VERSION`] of the sender.
    pub version: u16,
    /// The network.
    pub genesis_hash: Hash,
    /// The height of the sender's tip.
    pub tip_height: Height,
    /// The hash of the sender's tip.
    pub tip_hash: Hash,
    /// The work of the sender's chain. A claim: nothing counts before its headers are proven.
    pub work: ChainWork,
    /// The sender's clock, in ms since the Unix epoch; 0 if it does not tell. No rule goes by it:
    /// it lets a node see that its own clock is wrong.
    pub now_ms: u64,
}

/// A question to one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Exchanges the status.
    Status(Status),
    /// The headers that follow the first hash of the locator that lies on the responder's chain
    /// (genesis if none does).
    Headers {
        /// Hashes of the asker's chain, highest first, 1 to [`MAX_LOCATOR`].
        locator: Vec<Hash>,
        /// How many at most, 1 to [`MAX_HEADERS`].
        limit: u16,
    },
    /// The bodies of blocks.
    Bodies {
        /// The blocks' hashes, 1 to [`MAX_BODIES`].
        hashes: Vec<Hash>,
    },
    /// A page of what waits for a block: all shares first, then transactions in the order in which
    /// blocks take them.
    Mempool {
        /// How many of that sequence to leave out. It changes while it is read: what a page misses,
        /// gossip brings.
        skip: u32,
    },
}

/// The answer to a [`Request`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// The responder's status.
    Status(Status),
    /// Consecutive headers, at most as many as asked for; empty if the asker has the responder's
    /// tip.
    Headers(Vec<SealedHeader>),
    /// For the first so many of the hashes, in their order, at least one: the body, or nothing if
    /// the responder lacks it.
    Bodies(Vec<Option<Body>>),
    /// A page of what waits.
    Mempool(MempoolPage),
    /// The responder has no time for this now. Ask later, or another.
    Busy,
}

/// A page of what waits for a block: [`MAX_MEMPOOL_PAGE`] entries and [`MAX_MEMPOOL_PAGE_BYTES`] at
/// most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MempoolPage {
    pub shares: Vec<Share>,
    /// Transactions, a sender's in the order of their nonces.
    pub transactions: Vec<SignedTransaction>,
    /// Whether more wait behind this page.
    pub more: bool,
}

/// What is left of a page in the making.
struct PageRoom {
    entries: usize,
    bytes: usize,
}

impl PageRoom {
    /// Takes the place of one more entry, if there is room for it.
    fn take(&mut self, bytes: usize) -> bool {
        match (self.entries.checked_sub(1), self.bytes.checked_sub(bytes)) {
            (Some(entries), Some(bytes)) => {
                *self = Self { entries, bytes };
                true
            }
            _ => false,
        }
    }
}

impl MempoolPage {
    /// The page that begins with the first of these: all shares before the first transaction, as
    /// many as one page may hold. Always one at least, if there is one.
    pub fn first<'a>(
        shares: impl IntoIterator<Item = &'a Share>,
        transactions: impl IntoIterator<Item = &'a SignedTransaction>,
    ) -> Self {
        let mut page = Self::default();
        let mut room = PageRoom { entries: MAX_MEMPOOL_PAGE, bytes: MAX_MEMPOOL_PAGE_BYTES };
        for share in shares {
            if !room.take(Share::BYTES) {
                page.more = true;
                return page;
            }
            page.shares.push(share.clone());
        }
        for signed in transactions {
            if !room.take(signed.encoded_len()) {
                page.more = true;
                return page;
            }
            page.transactions.push(signed.clone());
        }
        page
    }
}

/// The kinds of requests. Each is a protocol of its own, with its own caps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestKind {
    Status,
    Headers,
    Bodies,
    Mempool,
}

impl RequestKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Status, Self::Headers, Self::Bodies, Self::Mempool];

    /// The part of the protocol's name that tells the kinds apart.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Headers => "headers",
            Self::Bodies => "bodies",
            Self::Mempool => "mempool",
        }
    }

    /// The largest encoded request, in bytes.
    pub const fn max_request_bytes(self) -> usize {
        match self {
            Self::Status => Status::BYTES,
            Self::Headers => 4 + MAX_LOCATOR * 32 + 2,
            Self::Bodies => 4 + MAX_BODIES * 32,
            Self::Mempool => 4,
        }
    }

    /// The largest encoded response, in bytes.
    pub const fn max_response_bytes(self) -> usize {
        const TAG: usize = 1;
        TAG + match self {
            Self::Status => Status::BYTES,
            Self::Headers => 4 + MAX_HEADERS * SealedHeader::BYTES,
            Self::Bodies => 4 + MAX_BODIES_BYTES,
            Self::Mempool => 4 + 4 + MAX_MEMPOOL_PAGE_BYTES + 1,
        }
    }
}

impl Status {
    /// Bytes of an encoded status.
    pub const BYTES: usize = 2 + 32 + 4 + 32 + 32 + 8;
}

impl Request {
    pub const fn kind(&self) -> RequestKind {
        match self {
            Self::Status(_) => RequestKind::Status,
            Self::Headers { .. } => RequestKind::Headers,
            Self::Bodies { .. } => RequestKind::Bodies,
            Self::Mempool { .. } => RequestKind::Mempool,
        }
    }

    /// Whether a response has the kind and the number of entries that this request allows. Their
    /// contents are checked by the requester.
    pub fn is_answered_by(&self, response: &Response) -> bool {
        match (self, response) {
            (_, Response::Busy)
            | (Self::Status(_), Response::Status(_))
            | (Self::Mempool { .. }, Response::Mempool(_)) => true,
            (Self::Headers { limit, .. }, Response::Headers(headers)) => {
                headers.len() <= usize::from(*limit)
            }
            (Self::Bodies { hashes }, Response::Bodies(bodies)) => {
                (1..=hashes.len()).contains(&bodies.len())
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_held_to_its_entries_and_its_bytes() {
        let mut room = PageRoom { entries: 3, bytes: 100 };
        assert!(
            room.take(60)
                && !room.take(41)
                && room.take(40)
                && !room.take(1)
                && room.take(0)
                && !room.take(0)
        );
    }
}
