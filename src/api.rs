//! What a node's HTTP API answers, as far as the command line uses it. Unknown fields are ignored, so that a newer
//! node can say more; a field that is missing or of another kind is an error.

use std::collections::BTreeMap;

use lode_consensus::{Hash, Height};
use serde::{Deserialize, Serialize};

use crate::text::{Decimal, Text, parsed};

/// `GET /{network}/status`. Amounts are in microcredits.
#[derive(Debug, Deserialize)]
pub struct Status {
    /// The network's name.
    pub network: Text,
    /// The node's version.
    pub version: Text,
    /// The hash that tells this chain from every other, and that every signature covers.
    #[serde(deserialize_with = "parsed")]
    pub genesis_hash: Hash,
    /// Height of the heaviest chain's last block.
    pub height: Height,
    /// Its hash.
    #[serde(deserialize_with = "parsed")]
    pub tip_hash: Hash,
    /// Its timestamp, in ms since the Unix epoch.
    pub tip_timestamp_ms: u64,
    /// Its epoch.
    pub epoch: u32,
    /// Blocks in an epoch.
    pub epoch_length: u32,
    /// The interval between blocks that the difficulty aims at, in ms.
    pub block_interval_ms: u64,
    /// The puzzle's size: 2^log_n evaluations.
    pub log_n: u8,
    /// Expected attempts for a block.
    pub difficulty: Text,
    /// Cumulative work of the chain.
    pub work: Text,
    /// What the next block mints.
    pub subsidy: u64,
    /// Where every credit is.
    pub supply: Supply,
    /// What waits for a block.
    pub mempool: MempoolSize,
}

/// The supply: genesis + emitted − burned = balances + pending + share fund + proving pools. In microcredits.
#[derive(Debug, Deserialize)]
pub struct Supply {
    /// Allocated at genesis.
    pub genesis: u64,
    /// Minted since.
    pub emitted: u64,
    /// Destroyed.
    pub burned: u64,
    /// On accounts.
    pub balances: u64,
    /// Mined and not mature yet.
    pub pending: u64,
    /// To pay shares with.
    pub share_fund: u64,
    /// Kept for the holders of proving rights.
    pub proving_pools: u64,
}

/// How much waits for a block.
#[derive(Debug, Deserialize)]
pub struct MempoolSize {
    /// Transactions.
    pub transactions: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Shares.
    pub shares: u64,
}

/// `GET /{network}/account/{address}`, less its proof. Amounts are in microcredits.
#[derive(Debug, Deserialize)]
pub struct Account {
    /// Whether the account ever received anything.
    pub exists: bool,
    /// What it can spend.
    pub balance: u64,
    /// How many transactions it has made.
    #[serde(deserialize_with = "parsed")]
    pub nonce: u64,
    /// Mined by it and not mature yet.
    pub immature: u64,
    /// The height at which this holds.
    pub height: Height,
}

/// `GET /{network}/mempool`, as far as it tells an account's next nonce.
#[derive(Debug, Deserialize)]
pub struct Mempool {
    /// What waits for a block.
    pub transactions: Vec<Pending>,
}

/// A transaction in the mempool.
#[derive(Debug, Deserialize)]
pub struct Pending {
    /// Who pays.
    pub from: Text,
    /// The place in the sender's order.
    #[serde(deserialize_with = "parsed")]
    pub nonce: u64,
}

/// The kinds of transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Moves public credits.
    Transfer,
}

/// The body of `POST /{network}/transaction`.
#[derive(Debug, Serialize)]
pub struct TransactionRequest {
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Who pays and signs.
    pub from: String,
    /// Who receives.
    pub to: String,
    /// Microcredits for the receiver.
    pub amount: u64,
    /// Microcredits for the block's producer.
    pub fee: u64,
    /// The sender's transaction count, as a decimal string.
    pub nonce: String,
    /// The last height at which it is valid.
    pub expiry: Height,
    /// `sign1…`.
    pub signature: String,
}

/// The answer to `POST /{network}/transaction`.
#[derive(Debug, Deserialize)]
pub struct TransactionAccepted {
    /// The transaction's id.
    #[serde(deserialize_with = "parsed")]
    pub id: Hash,
}

/// `GET /{network}/transaction/{id}`, as far as it tells where the transaction is.
#[derive(Debug, Deserialize)]
pub struct TransactionPlace {
    /// The including block's height; none while the transaction waits.
    pub height: Option<Height>,
}

/// `GET /{network}/epoch/{epoch}`.
#[derive(Debug, Deserialize)]
pub struct Epoch {
    /// The epoch's number.
    pub epoch: u32,
    /// The challenge that its proofs answer.
    pub challenge: Text,
    /// Its first height.
    pub first_height: Height,
    /// Its last height.
    pub last_height: Height,
    /// The target of its shares.
    pub share_target: Text,
    /// Weight by prover: history, halved each epoch, and 2^16 for each share. Still growing while the epoch is open.
    pub weights: BTreeMap<Text, Decimal>,
    /// Shares of this epoch by prover.
    pub shares: BTreeMap<Text, u64>,
    /// Whether the epoch is over.
    pub complete: bool,
    /// Microcredits in its proving pool.
    pub proving_pool: u64,
}

/// `GET /{network}/block/{id}`, as far as a person reads it. Amounts are in microcredits.
#[derive(Debug, Deserialize)]
pub struct Block {
    /// The block's hash.
    pub hash: Text,
    /// Its height.
    pub height: Height,
    /// Its epoch.
    pub epoch: u32,
    /// Blocks on top of it, itself included.
    pub confirmations: u64,
    /// Cumulative work up to it.
    pub work: Text,
    /// Bytes of its encoding.
    pub size_bytes: u64,
    /// What it mints.
    pub subsidy: u64,
    /// What its transactions pay.
    pub fees: u64,
    /// Its header.
    pub header: Header,
    /// Its proof.
    pub proof: Proof,
    /// The shares it pays.
    pub shares: Vec<Share>,
    /// Its transactions.
    pub transactions: Vec<Transaction>,
}

/// A block's header.
#[derive(Debug, Deserialize)]
pub struct Header {
    /// The block before.
    pub parent_hash: Text,
    /// When it was made, in ms since the Unix epoch.
    pub timestamp_ms: u64,
    /// Who made it.
    pub producer: Text,
    /// The target that its ticket meets.
    pub target: Text,
    /// The root of the state after it.
    pub state_root: Text,
}

/// A block's proof.
#[derive(Debug, Deserialize)]
pub struct Proof {
    /// The attempt's number.
    pub nonce: Text,
    /// The proof's hash.
    pub ticket: Text,
}

/// A share in a block.
#[derive(Debug, Deserialize)]
pub struct Share {
    /// Who proved.
    pub prover: Text,
}

/// A transaction in a block. Amounts are in microcredits.
#[derive(Debug, Deserialize)]
pub struct Transaction {
    /// Its id.
    pub id: Text,
    /// Its kind. One that is not known here is an error that names it.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Who pays.
    pub from: Text,
    /// Who receives.
    pub to: Text,
    /// What is paid.
    pub amount: u64,
    /// What the block's producer receives.
    pub fee: u64,
}

/// `GET /{network}/roster/{height}`: the addresses in rank order; none means anyone.
pub type Roster = Vec<Text>;
