//! Proving rights: weights from shares, and the ranked duty roster of every height (specification
//! section 5).
//!
//! # The contract of a selection
//!
//! A selection ranks provers for one decision, from their weights and from a number that nobody
//! chose. Whatever ranks provers here must keep to this:
//!
//! - **Pure.** The same weights, hash and height give the same ranks on every machine, in any order
//!   of asking: no floats, no clock, no randomness of its own. Nodes that rank differently disagree
//!   about who is paid.
//! - **Total.** Everybody with a weight above zero has exactly one rank, nobody else has any, and
//!   ties fall to the lesser address. No weights, no ranks: then anyone may.
//! - **In proportion.** First place falls to i with probability W_i / ΣW. So splitting one's power
//!   over many addresses neither gains nor loses, and neither does joining them.
//! - **Frozen.** Weights are those of the end of an epoch that is over when the draw is made: a
//!   block cannot raise a weight for the draw that it decides itself.
//! - **Drawn late, and only once.** The draw uses the hash of the block before, which nobody knows
//!   until that block is there. Its miner alone can throw it away for another draw, at the price of
//!   the block: what hangs on one draw must never be worth more than that.
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
