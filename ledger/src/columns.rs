//! The registry of columns: each binds a name, a key type and a value type, once.
//!
//! By hand: typed layers over RocksDB, as Sui's `typed-store`, encode keys and values with serde,
//! while these are consensus' own bytes, and also decide how the database is opened.
//!
//! What must not be broken: keys are fixed-width or end with their only variable part, and integers
//! in them are big-endian, so that RocksDB's order is the numbers' order. `tests/ledger_layout.rs`
//! pins the raw bytes; a change needs a new [`LAYOUT`].

use jmt::{
    KeyHash,
    storage::{NibblePath, Node, NodeKey},
};
use lode_consensus::{
    Address, ChainWork, Decode, DecodeError, Encode, Epoch, Hash, Height, ShareId,
    codec::Reader as Bytes, market::event::JobEvent, selection::Weight,
};
use lode_puzzle::Statement;

use crate::{
    market::records::{self, Field, Prices},
    records::{BlockEntry, BlockState, Rank, StoredBlock, StoredLeaf, TransactionPlace, Undo},
};

/// The version of everything in this file.
pub(crate) const LAYOUT: u32 = 3;

/// A typed column family.
pub(crate) trait Column {
    /// Its name on disk.
    const NAME: &'static str;
    /// What it is looked up by.
    type Key: Key;
    /// What it holds.
    type Value: Value;
}

/// A key of a column.
pub(crate) trait Key: Sized {
    /// The bytes, in an order that is the keys' order.
    fn to_bytes(&self) -> Vec<u8>;
    /// The key again.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError>;
}

/// A value of a column.
pub(crate) trait Value: Sized {
    fn to_bytes(&self) -> Vec<u8>;
    /// The value again.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError>;
}

macro_rules! columns {
    ($($(#[$doc:meta])* $column:ident, $name:literal: $key:ty => $value:ty;)*) => {
        $(
            $(#[$doc])*
            pub(crate) struct $column;

            impl Column for $column {
                const NAME: &'static str = $name;
                type Key = $key;
                type Value = $value;
            }
        )*

        pub(crate) const ALL: &[&str] = &[$($name),*];
    };
}

columns! {
    /// Facts about this ledger, by [`Fact`].
    Facts, "facts": Fact => Vec<u8>;
    /// Every stored block's header, work and standing.
    Entries, "entries": Hash => BlockEntry;
    /// Every stored block.
    Blocks, "blocks": Hash => StoredBlock;
    /// Stored blocks, none invalid, that no other such block extends; in the order of fork choice,
    /// last is best.
    Tips, "tips": Rank => Hash;
    /// The chain: hash by height.
    Chain, "chain": Height => Hash;
    /// What the block at a height did to the state.
    States, "states": Height => BlockState;
    /// The leaves that the block at a height changed; only of heights that can still be undone.
    Undos, "undos": Height => Undo;
    /// Where in the chain a transaction stands.
    Transactions, "transactions": Hash => TransactionPlace;
    /// Transactions that an account sent or received.
    AccountTransactions, "account-transactions": (Address, Height, u32) => ();
    /// Shares of a prover, by the height and place of their inclusion.
    ProverShares, "prover-shares": (Address, Height, u32) => ();
    ProducerBlocks, "producer-blocks": (Address, Height) => ();
    /// Shares that the chain has counted, with the height of their inclusion.
    ShareIds, "share-ids": ShareId => Height;
    /// The weight leaves of the state tree that an epoch wrote, as they stood at its end: of the
    /// addresses for which shares counted in it.
    EpochWeights, "epoch-weights": (Epoch, Address) => Weight;
    /// What became of each transaction of the block at a height; of blocks with transactions.
    Outcomes, "outcomes": Height => records::Outcomes;
    /// What happened to jobs in the block at a height, in order.
    Events, "events": (Height, u32) => JobEvent;
    /// Places of a job's events.
    JobEvents, "job-events": (Hash, Height, u32) => ();
    /// Classes, by the place of their registration.
    Classes, "classes": (Height, u32) => Hash;
    /// A class's jobs, by the place of their Request, as the next ones.
    ClassJobs, "class-jobs": (Hash, Height, u32) => Hash;
    RequesterJobs, "requester-jobs": (Address, Height, u32) => Hash;
    /// Jobs by [`JobStatus`](crate::JobStatus), as they stand at the tip.
    StatusJobs, "status-jobs": (u8, Height, u32) => Hash;
    /// Jobs that an operator was assigned or proved, each once, by the place of the event.
    OperatorJobs, "operator-jobs": (Address, Height, u32) => Hash;
    /// An operator's Delivers, by their place.
    Deliveries, "deliveries": (Address, Height, u32) => ();
    /// Prices of a class's assignments in the block at a height; of blocks with any.
    ClassPrices, "class-prices": (Hash, Height) => Prices;
    /// Transactions of which a part is not needed any more from a height on: witnesses of jobs that
    /// have ended, or never began, and judged proofs. What pruning may drop of their bodies.
    Spent, "spent": (Height, Hash) => ();
    /// Nodes of the state tree.
    TreeNodes, "tree-nodes": TreeKey => Node;
    /// Leaf values of the state tree, each as of the height that wrote it.
    TreeValues, "tree-values": (Hash, Height) => StoredLeaf;
    /// Nodes that a height replaced, which go when that height leaves the history.
    StaleNodes, "stale-nodes": (Height, TreeKey) => ();
    /// Leaf values that a height replaced (key, and the height that wrote the old value), likewise.
    /// A deletion stands here under its own height: once nothing older is retained, the value's
    /// absence says the same.
    StaleValues, "stale-values": (Height, Hash, Height) => ();
}

/// The columns that follow from the chain alone: a fresh replay fills them with the same bytes.
pub(crate) const OF_THE_CHAIN: &[&str] = &[
    Chain::NAME,
    States::NAME,
    Undos::NAME,
    Transactions::NAME,
    AccountTransactions::NAME,
    ProverShares::NAME,
    ProducerBlocks::NAME,
    ShareIds::NAME,
    EpochWeights::NAME,
    Outcomes::NAME,
    Events::NAME,
    JobEvents::NAME,
    Classes::NAME,
    ClassJobs::NAME,
    RequesterJobs::NAME,
    StatusJobs::NAME,
    OperatorJobs::NAME,
    Deliveries::NAME,
    ClassPrices::NAME,
    Spent::NAME,
    TreeNodes::NAME,
    TreeValues::NAME,
    StaleNodes::NAME,
    StaleValues::NAME,
];

/// Names one record of [`Facts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    /// [`LAYOUT`], `u32`. In every layout it stands in the same place, so that older and newer
    /// software can tell.
    Layout,
    /// The name of the network, as text.
    Network,
    /// The height of the tip, `u32`.
    Tip,
    /// The oldest height whose state is retained, `u32`.
    Floor,
    /// How many blocks were stored so far, `u64`.
    Arrivals,
}

impl Key for Fact {
    fn to_bytes(&self) -> Vec<u8> {
        let name: &[u8] = match self {
            Self::Layout => b"layout",
            Self::Network => b"network",
            Self::Tip => b"tip",
            Self::Floor => b"floor",
            Self::Arrivals => b"arrivals",
        };
        name.to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        match bytes {
            b"layout" => Ok(Self::Layout),
            b"network" => Ok(Self::Network),
            b"tip" => Ok(Self::Tip),
            b"floor" => Ok(Self::Floor),
            b"arrivals" => Ok(Self::Arrivals),
            other => Err(DecodeError::Invalid { what: "fact", got: other.len() as u128 }),
        }
    }
}

/// A node's place in the state tree: version and path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TreeKey(pub NodeKey);

impl Key for TreeKey {
    /// `u32be(height) ‖ u8(nibbles) ‖ path`, two nibbles a byte, the last one padded with zero: all
    /// nodes of a height stand together.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = height_of(self.0.version()).to_be_bytes().to_vec();
        // `jmt` shows a path's parts in its Borsh form only: u64le(nibbles) ‖ u32le(bytes) ‖ bytes.
        // Writing to a vector does not fail.
        let path = borsh::to_vec(self.0.nibble_path()).unwrap_or_default();
        bytes.extend(path.first());
        bytes.extend(path.get(12..).unwrap_or_default());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (height, rest) = split::<4>(bytes)?;
        let ([nibbles], path) = split::<1>(rest)?;
        let padding = if nibbles % 2 == 1 { path.last().map_or(0, |last| last & 0x0F) } else { 0 };
        if nibbles > 64 || path.len() != usize::from(nibbles).div_ceil(2) || padding != 0 {
            return Err(invalid("tree path"));
        }
        let mut borsh = u64::from(nibbles).to_le_bytes().to_vec();
        borsh.extend([nibbles.div_ceil(2), 0, 0, 0]);
        borsh.extend(path);
        let path: NibblePath = borsh::from_slice(&borsh).map_err(|_| invalid("tree path"))?;
        Ok(Self(NodeKey::new(u32::from_be_bytes(height).into(), path)))
    }
}

/// A version of the state tree is a height.
pub(crate) fn height_of(version: u64) -> Height {
    Height::try_from(version).unwrap_or(Height::MAX)
}

impl Value for Node {
    fn to_bytes(&self) -> Vec<u8> {
        borsh::to_vec(self).unwrap_or_default()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        borsh::from_slice(bytes).map_err(|_| invalid("tree node"))
    }
}

fn invalid(what: &'static str) -> DecodeError {
    DecodeError::Invalid { what, got: 0 }
}

fn split<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), DecodeError> {
    match bytes.split_first_chunk::<N>() {
        Some((head, rest)) => Ok((*head, rest)),
        None => Err(DecodeError::Truncated { expected: N, got: bytes.len() }),
    }
}

/// A part of a key with a fixed width.
pub(crate) trait Part: Sized {
    /// Appends the part.
    fn put(&self, out: &mut Vec<u8>);
    fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError>;
}

impl Part for u8 {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
        bytes.u8()
    }
}

impl Part for u32 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.to_be_bytes());
    }

    fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
        bytes.array().map(u32::from_be_bytes)
    }
}

impl Part for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.to_be_bytes());
    }

    fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
        bytes.array().map(u64::from_be_bytes)
    }
}

impl Part for Hash {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.0);
    }

    fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
        bytes.hash()
    }
}

impl Part for Address {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.0);
    }

    fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
        bytes.array().map(Address)
    }
}

impl Part for ChainWork {
    fn put(&self, out: &mut Vec<u8>) {
        self.encode_into(out);
    }

    fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
        Self::decode_from(bytes)
    }
}

impl Part for ShareId {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.statement.0);
        self.nonce.put(out);
    }

    fn take(bytes: &mut Bytes<'_>) -> Result<Self, DecodeError> {
        Ok(Self { statement: Statement(bytes.array()?), nonce: u64::take(bytes)? })
    }
}

macro_rules! keys {
    ($($($part:ident)+;)*) => {
        $(impl<$($part: Part),+> Key for ($($part,)+) {
            #[allow(non_snake_case, reason = "the type parameters name the parts")]
            fn to_bytes(&self) -> Vec<u8> {
                let ($($part,)+) = self;
                let mut out = Vec::new();
                $($part.put(&mut out);)+
                out
            }

            fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
                let mut bytes = Bytes::new(bytes);
                let key = ($($part::take(&mut bytes)?,)+);
                bytes.finish()?;
                Ok(key)
            }
        })*
    };
}

keys! { A B; A B C; }

macro_rules! single_keys {
    ($($part:ty),*) => {
        $(impl Key for $part {
            fn to_bytes(&self) -> Vec<u8> {
                let mut out = Vec::new();
                self.put(&mut out);
                out
            }

            fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
                let mut bytes = Bytes::new(bytes);
                let key = Self::take(&mut bytes)?;
                bytes.finish()?;
                Ok(key)
            }
        })*
    };
}

single_keys! { u32, Hash, ShareId }

impl Key for (Height, TreeKey) {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.0.to_be_bytes().to_vec();
        bytes.extend(self.1.to_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (height, key) = split::<4>(bytes)?;
        Ok((u32::from_be_bytes(height), TreeKey::from_bytes(key)?))
    }
}

macro_rules! canonical_values {
    ($($value:ty),*) => {
        $(impl Value for $value {
            fn to_bytes(&self) -> Vec<u8> {
                self.encode()
            }

            fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
                Self::decode(bytes)
            }
        })*
    };
}

canonical_values! {
    BlockEntry, BlockState, StoredBlock, StoredLeaf, TransactionPlace, Undo, Weight
}

macro_rules! market_values {
    ($($value:ty),*) => {
        $(impl Value for $value {
            fn to_bytes(&self) -> Vec<u8> {
                let mut out = Vec::new();
                self.write(&mut out);
                out
            }

            fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
                let mut bytes = Bytes::new(bytes);
                let value = Field::read(&mut bytes)?;
                bytes.finish()?;
                Ok(value)
            }
        })*
    };
}

market_values! { JobEvent, records::Outcomes, Prices }

impl Value for () {
    fn to_bytes(&self) -> Vec<u8> {
        Vec::new()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        Bytes::new(bytes).finish()
    }
}

impl Value for Vec<u8> {
    fn to_bytes(&self) -> Vec<u8> {
        self.clone()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(bytes.to_vec())
    }
}

macro_rules! little_endian_values {
    ($($value:ty),*) => {
        $(impl Value for $value {
            fn to_bytes(&self) -> Vec<u8> {
                self.to_le_bytes().to_vec()
            }

            fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
                let mut bytes = Bytes::new(bytes);
                let value = <$value>::from_le_bytes(bytes.array()?);
                bytes.finish()?;
                Ok(value)
            }
        })*
    };
}

little_endian_values! { u32, u64 }

impl Value for Hash {
    fn to_bytes(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        <Self as Key>::from_bytes(bytes)
    }
}

/// The key under which `jmt` knows a leaf.
pub(crate) fn leaf_key(key: KeyHash) -> Hash {
    Hash(key.0)
}
