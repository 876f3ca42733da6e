//! Epochs, proving rights and shares: `GET /{network}/epoch/…`, `/roster/…`, `/shares/…`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    block::Share,
    text::{AddressText, HashText, TargetText, U64Text},
};

/// `GET /{network}/epoch/{epoch|current}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Epoch {
    /// The epoch's number.
    pub epoch: u32,
    /// The challenge that its proofs answer.
    pub challenge: HashText,
    pub first_height: u32,
    pub last_height: u32,
    pub share_target: TargetText,
    /// Weight by prover: that of the epoch before, halved, and 2^16 for each share. It grows while
    /// the epoch is open.
    #[schema(value_type = BTreeMap<String, U64Text>)]
    pub weights: BTreeMap<AddressText, U64Text>,
    /// Shares of this epoch by prover.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub shares: BTreeMap<AddressText, u64>,
    /// Whether the epoch is over.
    pub complete: bool,
    /// Microcredits in its proving pool.
    pub proving_pool: u64,
}

/// `GET /{network}/roster/{height}`: the provers in the order of their right and duty to that
/// height. None means anyone.
pub type Roster = Vec<AddressText>;

/// `GET /{network}/shares/{address}`: the shares of a prover that blocks include, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProverShares {
    /// Whose they are.
    pub address: AddressText,
    /// How many there are, counted up to 100,000.
    pub total: u64,
    /// A page of them.
    pub shares: Vec<PlacedShare>,
    /// What to pass as `before` for the next page, if there is one.
    pub next: Option<u32>,
}

/// A share and where in the chain it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlacedShare {
    /// The including block's height.
    pub height: u32,
    /// Its place in that block.
    pub index: u32,
    #[serde(flatten)]
    pub share: Share,
}
