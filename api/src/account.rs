//! `GET /{network}/account/{address}`, and its transactions.

use lode_consensus::{Hash, Height, tree::StateProof};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema, openapi::schema::Schema};

use crate::{
    parameter::{parameter, u32_parameter},
    text::{AddressText, BytesHex, HashText, Hex, Text, U64Text},
    transaction::{Fate, Transaction},
};

/// The query of `GET /{network}/account/{address}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AccountQuery {
    /// The account as it was after the block at this height; without it, after the tip.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = u32_parameter)]
    pub height: Option<Text<Height>>,
}

/// `GET /{network}/account/{address}`. Amounts are in microcredits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// Whose account it is.
    pub address: AddressText,
    /// Whether it ever received anything.
    pub exists: bool,
    /// What it can spend.
    pub balance: u64,
    /// How many transactions it has made.
    pub nonce: U64Text,
    /// Mined by it and not mature yet; null for an older height than the tip.
    pub immature: Option<u64>,
    /// The height after which this holds.
    pub height: u32,
    /// The block at that height.
    pub block_hash: HashText,
    /// The root that the proof leads to, which that block's header commits to.
    pub state_root: HashText,
    pub proof: LeafProof,
}

/// After which block an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AsOf {
    pub height: u32,
    /// The block at that height.
    pub block_hash: HashText,
    /// The root that the proof leads to, which that block's header commits to.
    pub state_root: HashText,
}

/// The proof of a leaf under a state root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeafProof {
    /// The leaf's place in the tree.
    pub key: HashText,
    /// The leaf's bytes; null for one that does not exist.
    pub value: Option<BytesHex>,
    /// Where the path ends.
    pub leaf: Option<ProofLeaf>,
    /// The siblings, from the leaf's level up.
    pub siblings: Vec<HashText>,
}

impl LeafProof {
    /// A proof as it is shown.
    pub fn of(key: Hash, value: Option<Vec<u8>>, proof: StateProof) -> Self {
        let leaf = |(key, value)| ProofLeaf { key_hash: Text(key), value_hash: Text(value) };
        Self {
            key: Text(key),
            value: value.map(Hex),
            leaf: proof.leaf.map(leaf),
            siblings: proof.siblings.into_iter().map(Text).collect(),
        }
    }
}

/// A leaf of the state tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProofLeaf {
    /// Its place.
    pub key_hash: HashText,
    /// The hash of its bytes.
    pub value_hash: HashText,
}

/// The query of a list that goes back in height.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many items the page should hold: [`Self::DEFAULT_LIMIT`] without it, [`Self::MAX_LIMIT`]
    /// at most. Its last block may take it beyond.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = limit_parameter)]
    pub limit: Option<Text<u64>>,
    /// The height below which the page begins: `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = u32_parameter)]
    pub before: Option<Text<Height>>,
}

impl PageQuery {
    /// Items of a page, unless the request asks for another number.
    pub const DEFAULT_LIMIT: u64 = 50;
    /// Most items that a request can ask for.
    pub const MAX_LIMIT: u64 = 200;
}

fn limit_parameter() -> Schema {
    parameter(1, PageQuery::MAX_LIMIT)
}

/// `GET /{network}/account/{address}/transactions`: what the account sent and received, newest
/// first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountTransactions {
    /// Whose they are.
    pub address: AddressText,
    /// A page of them.
    pub transactions: Vec<PlacedTransaction>,
    /// What to pass as `before` for the next page, if there is one.
    pub next: Option<u32>,
}

/// A transaction and where in the chain it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlacedTransaction {
    /// What it says.
    #[serde(flatten)]
    pub transaction: Transaction,
    #[serde(flatten)]
    pub fate: Fate,
    /// The including block's height.
    pub height: u32,
    /// Its place in that block.
    pub index: u32,
}
