//! Who wins a contest.
//!
//! Addresses are cheap: a contest without `min_weight` rewards the sender that has most of them.

use std::cmp::Ordering;

use super::{
    job::{Delivery, Job},
    matching::Draw,
};
use crate::{Address, Hash, selection::Clock};

/// A contest's deliverers, the first winner first: by height, unless the class ranks at random,
/// then by a draw with equal weights from the hash of the last block that could deliver.
pub fn ranked(id: &Hash, job: &Job, randomised: bool, hash: &Hash) -> Vec<Address> {
    let draw = Draw { parent_hash: hash, class: id, group: 0 };
    let clock = |delivery: &Delivery| Clock {
        numerator: draw.numerator(&delivery.operator),
        weight: 1,
        prover: delivery.operator,
    };
    let mut ranked: Vec<(Delivery, Clock)> =
        job.deliveries.iter().map(|delivery| (*delivery, clock(delivery))).collect();
    ranked.sort_by(|(a, a_clock), (b, b_clock)| {
        let by_height = if randomised { Ordering::Equal } else { a.height.cmp(&b.height) };
        by_height.then_with(|| a_clock.compare(b_clock))
    });
    ranked.into_iter().map(|(delivery, _)| delivery.operator).collect()
}
