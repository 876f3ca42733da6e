//! The answers, as JSON. Bytes are lower-case hex, integers that a float could not hold exactly are decimal strings,
//! all others numbers; there is never a float.

use std::fmt::Display;

use bech32::{Bech32m, Hrp};
use lode_consensus::{
    Action, Address, Block, Encode, Epoch, Hash, Height, Share, SignedTransaction, block::Header,
    params::HEADER_VERSION,
};
use lode_puzzle::{Seed, Statement, Target, Ticket};
use serde::{Serialize, Serializer, ser};

/// A value that JSON carries as its text: hashes and large integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text<T>(pub(crate) T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Bytes that JSON carries as hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hex<T>(pub(crate) T);

impl<T: AsRef<[u8]>> Serialize for Hex<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

/// An address that JSON carries as `aleo1…`.
///
/// snarkVM's own texts cost a square root for each point: seconds for a full block. Everything that is shown here was
/// checked when it came in, so writing the bytes down is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AddressText(pub(crate) Address);

impl Serialize for AddressText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        bech32m(serializer, "aleo", &self.0.0)
    }
}

/// A signature that JSON carries as `sign1…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignatureText([u8; SignedTransaction::SIGNATURE_BYTES]);

impl Serialize for SignatureText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        bech32m(serializer, "sign", &self.0)
    }
}

fn bech32m<S: Serializer>(serializer: S, prefix: &str, bytes: &[u8]) -> Result<S::Ok, S::Error> {
    let prefix = Hrp::parse(prefix).map_err(ser::Error::custom)?;
    serializer.serialize_str(&bech32::encode::<Bech32m>(prefix, bytes).map_err(ser::Error::custom)?)
}

/// What proofs and ids of a network and an epoch are computed with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Domain {
    pub(crate) genesis_hash: Hash,
    pub(crate) epoch_challenge: Hash,
}

/// A header, field by field.
#[derive(Debug, Serialize)]
pub(crate) struct HeaderView {
    version: u16,
    height: Height,
    parent_hash: Text<Hash>,
    anchor_hash: Text<Hash>,
    timestamp_ms: u64,
    transactions_root: Text<Hash>,
    shares_root: Text<Hash>,
    state_root: Text<Hash>,
    producer: AddressText,
    target: Text<Target>,
}

impl HeaderView {
    fn of(header: &Header) -> Self {
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

/// A block's proof with its ticket.
#[derive(Debug, Serialize)]
struct ProofView {
    nonce: Text<u64>,
    commitment: Hex<[u8; 96]>,
    opening: Hex<[u8; 96]>,
    ticket: Text<Ticket>,
}

/// A share with its statement and its ticket.
#[derive(Debug, Serialize)]
pub(crate) struct ShareView {
    anchor_hash: Text<Hash>,
    content_hash: Text<Hash>,
    prover: AddressText,
    nonce: Text<u64>,
    commitment: Hex<[u8; 96]>,
    opening: Hex<[u8; 96]>,
    statement: Text<Statement>,
    ticket: Text<Ticket>,
}

impl ShareView {
    pub(crate) fn of(share: &Share, domain: &Domain) -> Self {
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

/// What a transfer says, with its id.
#[derive(Debug, Serialize)]
pub(crate) struct TransferView {
    id: Text<Hash>,
    #[serde(rename = "type")]
    kind: &'static str,
    from: AddressText,
    to: AddressText,
    amount: u64,
    fee: u64,
    nonce: Text<u64>,
    expiry: Height,
}

impl TransferView {
    pub(crate) fn of(id: Hash, signed: &SignedTransaction) -> Self {
        let transaction = &signed.transaction;
        let Action::Transfer(transfer) = &transaction.action;
        Self {
            id: Text(id),
            kind: transaction.action.name(),
            from: AddressText(transaction.from),
            to: AddressText(transfer.to),
            amount: transfer.amount,
            fee: transaction.fee,
            nonce: Text(transaction.nonce),
            expiry: transaction.expiry,
        }
    }
}

/// A transaction as a block holds it.
#[derive(Debug, Serialize)]
struct BlockTransactionView {
    #[serde(flatten)]
    transfer: TransferView,
    signature: SignatureText,
    /// The canonical bytes that the transactions root commits to, signature included.
    bytes: Hex<Vec<u8>>,
}

/// A transaction and where it is.
#[derive(Debug, Serialize)]
pub(crate) struct TransactionView {
    #[serde(flatten)]
    transfer: TransferView,
    status: &'static str,
    height: Option<Height>,
    index: Option<u32>,
    signature: SignatureText,
}

impl TransactionView {
    /// `place` is the height and the index in the body, or `None` while the transaction waits.
    pub(crate) fn of(id: Hash, signed: &SignedTransaction, place: Option<(Height, u32)>) -> Self {
        Self {
            transfer: TransferView::of(id, signed),
            status: if place.is_some() { "confirmed" } else { "pending" },
            height: place.map(|(height, _)| height),
            index: place.map(|(_, index)| index),
            signature: SignatureText(signed.signature),
        }
    }
}

/// A block, with all that an outside program needs to compute it again.
#[derive(Debug, Serialize)]
pub(crate) struct BlockView {
    hash: Text<Hash>,
    height: Height,
    epoch: Epoch,
    genesis_hash: Text<Hash>,
    epoch_challenge: Text<Hash>,
    header: HeaderView,
    header_bytes: Hex<Vec<u8>>,
    content_hash: Text<Hash>,
    statement: Text<Statement>,
    proof: ProofView,
    shares: Vec<ShareView>,
    transactions: Vec<BlockTransactionView>,
    size_bytes: usize,
    fees: u64,
}

impl BlockView {
    pub(crate) fn of(hash: Hash, epoch: Epoch, block: &Block, domain: &Domain) -> Self {
        let own = ShareView::of(&block.as_share(), domain);
        let transaction = |signed: &SignedTransaction| BlockTransactionView {
            transfer: TransferView::of(signed.id(&domain.genesis_hash), signed),
            signature: SignatureText(signed.signature),
            bytes: Hex(signed.encode()),
        };
        let fees = block.body.transactions.iter().map(|signed| signed.transaction.fee);
        Self {
            hash: Text(hash),
            height: block.header.height,
            epoch,
            genesis_hash: Text(domain.genesis_hash),
            epoch_challenge: Text(domain.epoch_challenge),
            header: HeaderView::of(&block.header),
            header_bytes: Hex(block.header.encode()),
            content_hash: own.content_hash,
            statement: own.statement,
            proof: ProofView { nonce: own.nonce, commitment: own.commitment, opening: own.opening, ticket: own.ticket },
            shares: block.body.shares.iter().map(|share| ShareView::of(share, domain)).collect(),
            transactions: block.body.transactions.iter().map(transaction).collect(),
            size_bytes: block.encode().len(),
            fees: fees.fold(0, u64::saturating_add),
        }
    }
}
