//! `GET /{network}/block/{height|hash|latest}`: everything that an outside program needs to check a
//! block's proof and shares.

use lode_consensus::{self as consensus, Encode, Hash, params::HEADER_VERSION};
use lode_puzzle::{Seed, Ticket};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    text::{
        AddressText, BytesHex, HashText, Hex, PointHex, StatementText, TargetText, Text,
        TicketText, U64Text, WorkText,
    },
    transaction::{BlockTransaction, Told},
};

/// What the statements of a network and an epoch are computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Domain {
    /// The network's genesis hash.
    pub genesis_hash: Hash,
    /// The challenge of the epoch.
    pub epoch_challenge: Hash,
}

/// A block and its place among the others. Amounts are in microcredits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Block {
    /// The block's hash.
    pub hash: HashText,
    /// Its height.
    pub height: u32,
    /// Its epoch.
    pub epoch: u32,
    /// The network's genesis hash.
    pub genesis_hash: HashText,
    /// The challenge that the proofs of its epoch answer.
    pub epoch_challenge: HashText,
    /// Its header, field by field.
    pub header: Header,
    /// Its header, as it is hashed.
    pub header_bytes: BytesHex,
    /// The hash of the header's bytes.
    pub content_hash: HashText,
    /// What its proof proves.
    pub statement: StatementText,
    /// Its proof.
    pub proof: Proof,
    /// The shares that it pays.
    pub shares: Vec<Share>,
    /// Its transactions.
    pub transactions: Vec<BlockTransaction>,
    /// Whether it is on the heaviest chain.
    pub on_chain: bool,
    /// Blocks on top of it, itself included; 0 beside the chain.
    pub confirmations: u32,
    /// Cumulative work up to it.
    pub work: WorkText,
    /// Bytes of its canonical encoding.
    pub size_bytes: u64,
    /// What it mints at most.
    pub subsidy: u64,
    /// What its transactions pay.
    pub fees: u64,
}

/// Where a block is, beside what it says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockPlace {
    pub epoch: u32,
    /// Whether it is on the heaviest chain.
    pub on_chain: bool,
    /// Blocks on top of it, itself included; 0 beside the chain.
    pub confirmations: u32,
    /// Cumulative work up to it.
    pub work: consensus::ChainWork,
    /// What it mints at most, in microcredits.
    pub subsidy: u64,
}

impl Block {
    /// A block as it is shown; `told` is what became of its transactions, in their order, and empty
    /// beside the chain.
    pub fn of(
        hash: Hash,
        block: &consensus::Block,
        domain: &Domain,
        place: &BlockPlace,
        told: &[Told],
    ) -> Self {
        let own = Share::of(&block.as_share(), domain);
        let fees = block.body.transactions.iter().map(|signed| signed.transaction.fee);
        Self {
            hash: Text(hash),
            height: block.header.height,
            epoch: place.epoch,
            genesis_hash: Text(domain.genesis_hash),
            epoch_challenge: Text(domain.epoch_challenge),
            header: Header::from(&block.header),
            header_bytes: Hex(block.header.encode()),
            content_hash: own.content_hash,
            statement: own.statement,
            proof: Proof {
                nonce: own.nonce,
                commitment: own.commitment,
                opening: own.opening,
                ticket: own.ticket,
            },
            shares: block.body.shares.iter().map(|share| Share::of(share, domain)).collect(),
            transactions: block
                .body
                .transactions
                .iter()
                .enumerate()
                .map(|(index, signed)| {
                    BlockTransaction::of(signed, &domain.genesis_hash, told.get(index))
                })
                .collect(),
            on_chain: place.on_chain,
            confirmations: place.confirmations,
            work: Text(place.work),
            size_bytes: block.encode().len() as u64,
            subsidy: place.subsidy,
            fees: fees.fold(0, u64::saturating_add),
        }
    }
}

/// A block's header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Header {
    /// The version of the header's bytes.
    pub version: u16,
    /// The block's height.
    pub height: u32,
    /// The block before.
    pub parent_hash: HashText,
    /// The ancestor that its proof names.
    pub anchor_hash: HashText,
    /// When it was made, in ms since the Unix epoch.
    pub timestamp_ms: u64,
    /// The root of its transactions.
    pub transactions_root: HashText,
    /// The root of its shares.
    pub shares_root: HashText,
    /// The root of the state after it.
    pub state_root: HashText,
    /// Who made it.
    pub producer: AddressText,
    /// The target that its ticket meets.
    pub target: TargetText,
}

impl From<&consensus::Header> for Header {
    fn from(header: &consensus::Header) -> Self {
        Self {
            version: HEADER_VERSION,
            height: header.height,
            parent_hash: Text(header.parent_hash),
            anchor_hash: Text(header.anchor_hash),
            timestamp_ms: header.timestamp_ms,
            transactions_root: Text(header.transactions_root),
            shares_root: Text(header.shares_root),
            state_root: Text(header.state_root),
            producer: AddressText(header.producer),
            target: Text(header.target),
        }
    }
}

/// A block's proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Proof {
    /// The attempt's number.
    pub nonce: U64Text,
    /// The commitment, uncompressed.
    pub commitment: PointHex,
    /// The opening, uncompressed.
    pub opening: PointHex,
    /// The proof's hash.
    pub ticket: TicketText,
}

/// A share, with its statement and its ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Share {
    /// The ancestor that the statement names.
    pub anchor_hash: HashText,
    /// The content that the prover worked on.
    pub content_hash: HashText,
    /// Who proved, and is paid.
    pub prover: AddressText,
    /// The attempt's number.
    pub nonce: U64Text,
    /// The commitment, uncompressed.
    pub commitment: PointHex,
    /// The opening, uncompressed.
    pub opening: PointHex,
    /// What is proven.
    pub statement: StatementText,
    /// The proof's hash.
    pub ticket: TicketText,
}

impl Share {
    /// A share as it is shown.
    pub fn of(share: &consensus::Share, domain: &Domain) -> Self {
        let statement = share.statement(&domain.genesis_hash, &domain.epoch_challenge);
        Self {
            anchor_hash: Text(share.anchor_hash),
            content_hash: Text(share.content_hash),
            prover: AddressText(share.prover),
            nonce: Text(share.nonce),
            commitment: Hex(share.proof.commitment),
            opening: Hex(share.proof.opening),
            statement: Text(statement),
            ticket: Text(Ticket::new(&Seed::new(&statement, share.nonce), &share.proof)),
        }
    }
}
