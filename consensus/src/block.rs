//! Headers, shares, bodies and blocks, with their canonical bytes (specification section 3).

use lode_puzzle::{Proof, Statement, Target};

use crate::{
    Address, ChainSpec, Hash, Height, SignedTransaction,
    codec::{Decode, DecodeError, Encode, Reader, encode_list, encoded_list_len},
    merkle,
    params::{HEADER_VERSION, MAX_BODY_BYTES, MAX_SHARES_PER_BLOCK, MAX_TRANSACTIONS},
};

/// A block's header: all that its proof commits to, by way of the content hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The block's height.
    pub height: Height,
    /// The hash of the block before it.
    pub parent_hash: Hash,
    /// The hash of the ancestor that the proof's statement names.
    pub anchor_hash: Hash,
    /// When the producer made the header, in ms since the Unix epoch.
    pub timestamp_ms: u64,
    /// The Merkle root of the body's transactions.
    pub transactions_root: Hash,
    /// The Merkle root of the body's shares.
    pub shares_root: Hash,
    /// The root of the state tree after this block.
    pub state_root: Hash,
    /// The address that is paid, and the prover of the block's proof.
    pub producer: Address,
    /// The target that the ticket's block half meets.
    pub target: Target,
}

impl Header {
    /// Bytes of an encoded header.
    pub const BYTES: usize = 2 + 4 + 32 + 32 + 8 + 32 + 32 + 32 + 32 + 16;

    /// `B256("lode/content/v1" ‖ header)`: what a statement names instead of the header.
    pub fn content_hash(&self) -> Hash {
        Hash::of("lode/content/v1", &[&self.encode()])
    }
}

impl Encode for Header {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&HEADER_VERSION.to_le_bytes());
        out.extend_from_slice(&self.height.to_le_bytes());
        out.extend_from_slice(&self.parent_hash.0);
        out.extend_from_slice(&self.anchor_hash.0);
        out.extend_from_slice(&self.timestamp_ms.to_le_bytes());
        out.extend_from_slice(&self.transactions_root.0);
        out.extend_from_slice(&self.shares_root.0);
        out.extend_from_slice(&self.state_root.0);
        self.producer.encode_into(out);
        out.extend_from_slice(&self.target.get().to_le_bytes());
    }

    fn encoded_len(&self) -> usize {
        Self::BYTES
    }
}

impl Decode for Header {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = reader.u16()?;
        if version != HEADER_VERSION {
            return Err(DecodeError::Invalid { what: "header version", got: version.into() });
        }
        Ok(Self {
            height: reader.u32()?,
            parent_hash: reader.hash()?,
            anchor_hash: reader.hash()?,
            timestamp_ms: reader.u64()?,
            transactions_root: reader.hash()?,
            shares_root: reader.hash()?,
            state_root: reader.hash()?,
            producer: Address::decode_from(reader)?,
            target: {
                let target = reader.u128()?;
                Target::new(target).ok_or(DecodeError::Invalid { what: "target", got: target })?
            },
        })
    }
}

/// An attempt whose ticket's share half meets the share target: a sample of its prover's power.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The ancestor that the statement names; its height dates the share.
    pub anchor_hash: Hash,
    /// The content hash of the header that the prover worked on. It is opaque: no rule reads what
    /// it hashes.
    pub content_hash: Hash,
    /// The address that is paid and whose weight grows.
    pub prover: Address,
    /// The attempt's nonce.
    pub nonce: u64,
    /// Commitment and opening.
    pub proof: Proof,
}

/// A share's identity: the attempt, never the bytes of its proof. It counts once in a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareId {
    /// What the attempt proves.
    pub statement: Statement,
    /// The attempt's nonce.
    pub nonce: u64,
}

impl Share {
    /// Bytes of an encoded share.
    pub const BYTES: usize = 32 + 32 + Address::BYTES + 8 + Proof::BYTES;

    /// The statement that the share's proof is for.
    pub fn statement(&self, genesis_hash: &Hash, epoch_challenge: &Hash) -> Statement {
        Statement::new(
            &genesis_hash.0,
            &epoch_challenge.0,
            &self.anchor_hash.0,
            &self.content_hash.0,
            &self.prover.0,
        )
    }

    /// The share's identity.
    pub fn id(&self, genesis_hash: &Hash, epoch_challenge: &Hash) -> ShareId {
        ShareId { statement: self.statement(genesis_hash, epoch_challenge), nonce: self.nonce }
    }
}

impl Encode for Share {
    fn encode_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.anchor_hash.0);
        out.extend_from_slice(&self.content_hash.0);
        self.prover.encode_into(out);
        out.extend_from_slice(&self.nonce.to_le_bytes());
        encode_proof(&self.proof, out);
    }

    fn encoded_len(&self) -> usize {
        Self::BYTES
    }
}

impl Decode for Share {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            anchor_hash: reader.hash()?,
            content_hash: reader.hash()?,
            prover: Address::decode_from(reader)?,
            nonce: reader.u64()?,
            proof: decode_proof(reader)?,
        })
    }
}

/// A block's transactions and shares, in the order in which they apply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Body {
    pub transactions: Vec<SignedTransaction>,
    pub shares: Vec<Share>,
}

impl Body {
    /// The Merkle root that the header must carry for the transactions.
    pub fn transactions_root(&self) -> Hash {
        merkle::root(self.transactions.iter().map(Encode::encode))
    }

    /// The Merkle root that the header must carry for the shares.
    pub fn shares_root(&self) -> Hash {
        merkle::root(self.shares.iter().map(Encode::encode))
    }
}

impl Encode for Body {
    fn encode_into(&self, out: &mut Vec<u8>) {
        encode_list(&self.transactions, out);
        encode_list(&self.shares, out);
    }

    fn encoded_len(&self) -> usize {
        encoded_list_len(&self.transactions).saturating_add(encoded_list_len(&self.shares))
    }
}

impl Decode for Body {
    /// Holds the counts to the limits of every network; a network's own limit on shares is a rule
    /// of validation.
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let max_shares =
            usize::try_from(MAX_SHARES_PER_BLOCK).unwrap_or(usize::MAX).saturating_mul(2);
        let body = Self {
            transactions: reader.list(
                "transactions",
                MAX_TRANSACTIONS,
                SignedTransaction::MIN_BYTES,
            )?,
            shares: reader.list("shares", max_shares, Share::BYTES)?,
        };
        let got = body.encoded_len();
        if got > MAX_BODY_BYTES {
            return Err(DecodeError::TooMany { what: "body bytes", limit: MAX_BODY_BYTES, got });
        }
        Ok(body)
    }
}

/// A header with its proof: all of a block that its hash covers. Nothing about it is known to be
/// true yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedHeader {
    pub header: Header,
    /// The nonce of the block's attempt.
    pub nonce: u64,
    /// Commitment and opening.
    pub proof: Proof,
}

impl SealedHeader {
    /// Bytes of an encoded sealed header.
    pub const BYTES: usize = Header::BYTES + 8 + Proof::BYTES;

    /// The block's hash: `B256("lode/block/v1" ‖ header ‖ u64le(nonce) ‖ C ‖ W)`.
    pub fn hash(&self) -> Hash {
        hash(&self.header, self.nonce, &self.proof)
    }

    /// The block's own attempt as a share, which a later block may include if its share half
    /// qualifies.
    pub fn as_share(&self) -> Share {
        as_share(&self.header, self.nonce, self.proof)
    }

    /// The block, if the body is this header's.
    pub fn with_body(self, body: Body) -> Block {
        Block { header: self.header, nonce: self.nonce, proof: self.proof, body }
    }
}

impl From<&Block> for SealedHeader {
    fn from(block: &Block) -> Self {
        Self { header: block.header.clone(), nonce: block.nonce, proof: block.proof }
    }
}

impl Encode for SealedHeader {
    /// The bytes that an encoded block begins with.
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.header.encode_into(out);
        out.extend_from_slice(&self.nonce.to_le_bytes());
        encode_proof(&self.proof, out);
    }

    fn encoded_len(&self) -> usize {
        Self::BYTES
    }
}

impl Decode for SealedHeader {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            header: Header::decode_from(reader)?,
            nonce: reader.u64()?,
            proof: decode_proof(reader)?,
        })
    }
}

/// A decoded block. Nothing about it is known to be true yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub header: Header,
    /// The nonce of the block's attempt.
    pub nonce: u64,
    /// Commitment and opening.
    pub proof: Proof,
    /// Transactions and shares.
    pub body: Body,
}

impl Block {
    /// The largest encoded block.
    pub const MAX_BYTES: usize = SealedHeader::BYTES + MAX_BODY_BYTES;

    /// `B256("lode/block/v1" ‖ header ‖ u64le(nonce) ‖ C ‖ W)`.
    pub fn hash(&self) -> Hash {
        hash(&self.header, self.nonce, &self.proof)
    }

    /// The block's own attempt as a share, which a later block may include if its share half
    /// qualifies.
    pub fn as_share(&self) -> Share {
        as_share(&self.header, self.nonce, self.proof)
    }

    /// The genesis block of a network whose state after genesis has this root. Its nonce and proof
    /// are zero and unchecked, its producer is the address of the curve's neutral point, to which
    /// no known key belongs.
    pub fn genesis(params: &ChainSpec, state_root: Hash) -> Self {
        let body = Body::default();
        Self {
            header: Header {
                height: 0,
                parent_hash: params.network_hash(),
                anchor_hash: Hash::ZERO,
                timestamp_ms: params.genesis_timestamp_ms,
                transactions_root: body.transactions_root(),
                shares_root: body.shares_root(),
                state_root,
                producer: Address([0; Address::BYTES]),
                target: params.genesis_target,
            },
            nonce: 0,
            proof: Proof::ZERO,
            body,
        }
    }
}

impl Encode for Block {
    fn encode_into(&self, out: &mut Vec<u8>) {
        self.header.encode_into(out);
        out.extend_from_slice(&self.nonce.to_le_bytes());
        encode_proof(&self.proof, out);
        self.body.encode_into(out);
    }

    fn encoded_len(&self) -> usize {
        SealedHeader::BYTES.saturating_add(self.body.encoded_len())
    }
}

impl Decode for Block {
    fn decode_from(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let sealed = SealedHeader::decode_from(reader)?;
        Ok(sealed.with_body(Body::decode_from(reader)?))
    }
}

fn hash(header: &Header, nonce: u64, proof: &Proof) -> Hash {
    Hash::of(
        "lode/block/v1",
        &[&header.encode(), &nonce.to_le_bytes(), &proof.commitment, &proof.opening],
    )
}

fn as_share(header: &Header, nonce: u64, proof: Proof) -> Share {
    Share {
        anchor_hash: header.anchor_hash,
        content_hash: header.content_hash(),
        prover: header.producer,
        nonce,
        proof,
    }
}

fn encode_proof(proof: &Proof, out: &mut Vec<u8>) {
    out.extend_from_slice(&proof.commitment);
    out.extend_from_slice(&proof.opening);
}

fn decode_proof(reader: &mut Reader<'_>) -> Result<Proof, DecodeError> {
    Ok(Proof { commitment: reader.array()?, opening: reader.array()? })
}
