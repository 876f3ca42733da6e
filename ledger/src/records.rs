//! The values that are the ledger's own; their bytes follow the canonical encoding's conventions.

use lode_consensus::{
    Block, Body, ChainWork, Decode, DecodeError, Encode, Hash, block::Header, codec::Reader,
    state::Supply,
};
use lode_puzzle::Proof;

/// How far a stored block's standing is known. Only blocks that fit and whose proofs hold are
/// stored at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockStatus {
    /// Fits its parent, and its proofs and signatures hold. It is on the chain, or may get there.
    Verified,
    /// It, or a block below it, did not apply to the state of its parent.
    Invalid,
}

/// What is known of a stored block without reading its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockEntry {
    pub header: Header,
    /// The work of the chain that ends here.
    pub work: ChainWork,
    /// When the block came, counted over all stored blocks.
    pub arrival: u64,
    pub status: BlockStatus,
}

/// A block's place in the order of fork choice, greatest is best: more work, then the earlier
/// arrival, which is counted down from 2^64 − 1.
pub(crate) type Rank = (ChainWork, u64);

impl BlockEntry {
    pub(crate) fn rank(&self) -> Rank {
        (self.work, u64::MAX.saturating_sub(self.arrival))
    }
}

impl Encode for BlockEntry {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.header.encode_into(out);
        self.work.encode_into(out);
        out.extend(self.arrival.to_le_bytes());
        out.push(match self.status {
            BlockStatus::Verified => 0,
            BlockStatus::Invalid => 1,
        });
    }
}

impl Decode for BlockEntry {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            header: Header::decode_from(reader)?,
            work: ChainWork::decode_from(reader)?,
            arrival: reader.u64()?,
            status: match reader.u8()? {
                0 => BlockStatus::Verified,
                1 => BlockStatus::Invalid,
                got => return Err(DecodeError::Invalid { what: "block status", got: got.into() }),
            },
        })
    }
}

/// A block without its header, which stands in its [`BlockEntry`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredBlock {
    pub nonce: u64,
    pub proof: Proof,
    pub body: Body,
}

impl StoredBlock {
    pub(crate) fn of(block: &Block) -> Self {
        Self { nonce: block.nonce, proof: block.proof, body: block.body.clone() }
    }

    /// Nonce and proof, with which the bytes begin.
    pub(crate) fn decode_seal(bytes: &[u8]) -> Result<(u64, Proof), DecodeError> {
        let mut reader = Reader::new(bytes);
        Ok((reader.u64()?, Proof { commitment: reader.array()?, opening: reader.array()? }))
    }

    pub(crate) fn with_header(self, header: Header) -> Block {
        Block { header, nonce: self.nonce, proof: self.proof, body: self.body }
    }
}

impl Encode for StoredBlock {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend(self.nonce.to_le_bytes());
        out.extend(self.proof.commitment);
        out.extend(self.proof.opening);
        self.body.encode_into(out);
    }
}

impl Decode for StoredBlock {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            nonce: reader.u64()?,
            proof: Proof { commitment: reader.array()?, opening: reader.array()? },
            body: Body::decode_from(reader)?,
        })
    }
}

/// What a block of the chain did to the state, kept for queries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockState {
    /// Where all microcredits are after the block.
    pub supply: Supply,
    /// The fees of its transactions, in microcredits.
    pub fees: u64,
    /// What each of its shares was paid, the producer's part included, in microcredits.
    pub share_pay: u64,
}

impl Encode for BlockState {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.supply.encode_into(out);
        out.extend(self.fees.to_le_bytes());
        out.extend(self.share_pay.to_le_bytes());
    }
}

impl Decode for BlockState {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            supply: Supply::decode_from(reader)?,
            fees: reader.u64()?,
            share_pay: reader.u64()?,
        })
    }
}

/// The places in the state tree of the leaves that a block changed: with the records that its
/// height wrote, all that taking it off needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Undo(pub Vec<Hash>);

impl Encode for Undo {
    fn encode_into(&self, out: &mut Vec<u8>) {
        for key in &self.0 {
            out.extend(key.0);
        }
    }
}

impl Decode for Undo {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut keys = Vec::new();
        while !reader.is_empty() {
            keys.push(reader.hash()?);
        }
        Ok(Self(keys))
    }
}

/// Where a transaction stands in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionPlace {
    /// The block's height.
    pub height: u32,
    /// The place in its body.
    pub index: u32,
}

impl Encode for TransactionPlace {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend(self.height.to_le_bytes());
        out.extend(self.index.to_le_bytes());
    }
}

impl Decode for TransactionPlace {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { height: reader.u32()?, index: reader.u32()? })
    }
}

/// A leaf of the state tree as some height left it; `None` once it was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredLeaf(pub Option<Vec<u8>>);

impl Encode for StoredLeaf {
    fn encode_into(&self, out: &mut Vec<u8>) {
        match &self.0 {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                out.extend(value);
            }
        }
    }
}

impl Decode for StoredLeaf {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.u8()? {
            0 => Ok(Self(None)),
            1 => Ok(Self(Some(reader.rest()))),
            got => Err(DecodeError::Invalid { what: "leaf tag", got: got.into() }),
        }
    }
}
