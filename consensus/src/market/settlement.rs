//! Who gets what when a job ends.
//!
//! A miss costs in proportion to what its delay cost, and at least a tenth of the bond, so that
//! promising and not delivering never pays. What goes to requester and deliverer is bounded by the
//! price, so that a bond for damage is no prize to bait operators for.

use super::value::{Terms, part};
use crate::Height;

/// How a pay is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// A twentieth.
    pub burned: u64,
    /// To the class's creator.
    pub royalty: u64,
    /// The rest, to whom delivered.
    pub rest: u64,
}

/// Divides a pay. Both parts together are at most a quarter of it.
pub fn split(pay: u64, royalty_bps: u16) -> Split {
    let burned = pay.checked_div(20).unwrap_or(0);
    let royalty = part(pay, royalty_bps);
    Split { burned, royalty, rest: pay.saturating_sub(burned).saturating_sub(royalty) }
}

/// What becomes of the bond of a missed promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slash {
    pub to_requester: u64,
    pub to_deliverer: u64,
    pub burned: u64,
    /// What is left of it.
    pub unlocked: u64,
}

impl Slash {
    /// All that is taken from the bond.
    pub fn taken(&self) -> u64 {
        self.to_requester.saturating_add(self.to_deliverer).saturating_add(self.burned)
    }
}

/// The slash of a missed bond when the job is delivered at a height, by the misser itself or by
/// another.
pub fn slash_delivered(terms: &Terms, bond: u64, height: Height, by_misser: bool) -> Slash {
    let taken = part(bond, terms.late_bps(height));
    let quarter = taken.checked_div(4).unwrap_or(0).min(terms.price);
    let to_deliverer = if by_misser { 0 } else { quarter };
    Slash {
        to_requester: quarter,
        to_deliverer,
        burned: taken.saturating_sub(quarter).saturating_sub(to_deliverer),
        unlocked: bond.saturating_sub(taken),
    }
}

/// The slash of a missed bond when the job fails: all of it.
pub fn slash_failed(terms: &Terms, bond: u64) -> Slash {
    let to_requester = bond.checked_div(2).unwrap_or(0).min(terms.price);
    let burned = bond.saturating_sub(to_requester);
    Slash { to_requester, to_deliverer: 0, burned, unlocked: 0 }
}
