//! Proving rights: weights from shares, and the ranked duty roster of every height (specification
//! section 5).
//!
//! # The contract of a selection
//!
//! A selection ranks provers for one decision, from their weights and from a number that no prover
//! can choose. Every selection must have these properties:
//!
//! - **Pure.** The same weights, hash and height give the same ranks on every machine, in any order
//!   of asking: no floats, no clock, no randomness of its own. Nodes that rank differently disagree
//!   about who is paid.
//! - **Total.** Every prover with a weight above zero has exactly one rank, no other has any, and
//!   the lesser address wins a tie. Without weights there are no ranks, and any prover may act.
//! - **In proportion.** First place falls to i with probability W_i / ΣW. So splitting one's power
//!   over many addresses neither gains nor loses, and neither does joining them.
//! - **Frozen.** Weights are those of the end of an epoch that is over when the draw is made: a
//!   block cannot raise a weight for the draw that it decides itself.
//! - **Drawn late, and only once.** The draw uses the hash of the block before, which is not known
//!   before that block is mined. Its miner alone can discard the block for another draw, and loses
//!   its reward: one draw must never decide on more than that is worth.
//!
//! `weights` has what provers' rights are measured in, `clocks` the race that ranks them, `roster`
//! the ranks of a height.

mod clocks;
mod roster;
mod weights;

pub use clocks::lg;
pub(crate) use clocks::{Clock, exponential};
pub use roster::roster;
pub use weights::{SHARE_WEIGHT, WEIGHT_LIFETIME, Weight, Weights};
