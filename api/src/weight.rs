//! `GET /{network}/weight/{address}`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    account::LeafProof,
    text::{AddressText, HashText, U64Text},
};

/// `GET /{network}/weight/{address}`: what an address has earned by shares, and what all have
/// together, each proven. A light client learns from it how often the address comes first in a
/// roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Weight {
    /// Whose weight it is.
    pub address: AddressText,
    /// The height after which this holds.
    pub height: u32,
    pub epoch: u32,
    /// The block at that height.
    pub block_hash: HashText,
    /// The root that the proofs lead to, which that block's header commits to.
    pub state_root: HashText,
    /// The address's own.
    pub weight: ProvenWeight,
    /// That of all addresses together; rounding may make it greater than their sum.
    pub sum: ProvenWeight,
}

/// A weight, and the leaf that it follows from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProvenWeight {
    /// W at the end of the epoch before this one: the roster of this epoch goes by it.
    pub frozen: U64Text,
    /// W as it would be if this epoch ended now.
    pub current: U64Text,
    pub proof: LeafProof,
}
