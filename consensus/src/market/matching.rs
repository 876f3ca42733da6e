//! Which ask a job is assigned to.
//!
//! Of the asks that fit, those count that cost the requester least, delay included, or within a
//! band little more; among them the proving rights decide, by a draw from the hash of the block
//! before. That block's miner alone could throw the draw away: draws go by groups of 16 jobs, so
//! that what hangs on one of them stays small, and a burst can become one batch.
//!
//! Nobody has a last look: an ask fits from two blocks after it was posted or was full, and a bond
//! counts from two blocks after a transaction put it there. Else an operator that sees a job could
//! undercut asks that were there before it.

use std::{cmp::Ordering, collections::BTreeMap};

use super::{BookAsk, Class, Job, Operator, Selection, WaitingJob, policy::BPS, value};
use crate::{
    Address, Hash, Height,
    hash::blake2b_512,
    params::MarketSpec,
    selection::{Clock, exponential},
};

/// What bounds a block's work. The rules know [`Limits::CHAIN`] alone; tests take smaller ones, so
/// that small histories meet them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Assignments in a block.
    pub assignments: usize,
    /// Assignments of one ask in one taking of ask events.
    pub of_ask: usize,
    /// Entries of the agenda that a block takes.
    pub agenda: usize,
    /// Classes that the Requests, Raises and Asks of a block may name: it bounds what a block
    /// rewrites.
    pub classes: usize,
}

impl Limits {
    /// Those of the chain's rules.
    pub const CHAIN: Self = Self { assignments: 1_024, of_ask: 16, agenda: 8_192, classes: 256 };
}

/// Jobs that share a draw.
const GROUP: u32 = 16;
/// Blocks from the one in which an ask was posted, or had no room, to the first in which it fits.
const SETTLE_BLOCKS: Height = 2;

/// What a matching and a gate need to know of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What of the bond stands for nothing.
    pub free: u64,
    /// The bond when the epoch began.
    pub epoch_bond: u64,
    /// What transactions bonded or unlocked in the block before.
    pub fresh: u64,
    pub reputation: u16,
    /// The mined weight, frozen at the end of the last epoch.
    pub weight: u64,
}

impl Standing {
    /// How an operator stands in a block, given its leaf as it reads in that block's epoch.
    pub fn of(operator: &Operator, height: Height, weight: u64) -> Self {
        Self {
            free: operator.free(),
            epoch_bond: operator.epoch_bond,
            fresh: operator.fresh_at(height.saturating_sub(1)),
            reputation: operator.reputation,
            weight,
        }
    }
}

/// An ask that is being matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    pub ask: BookAsk,
    pub standing: Standing,
}

/// A draw among operators.
#[derive(Debug, Clone, Copy)]
pub struct Draw<'a> {
    pub parent_hash: &'a Hash,
    pub class: &'a Hash,
    pub group: u16,
}

impl Draw<'_> {
    /// `L`: −log2 of a uniform number, with 32 fractional bits.
    pub fn numerator(&self, operator: &Address) -> u64 {
        let parts: [&[u8]; 4] =
            [&self.parent_hash.0, &self.class.0, &self.group.to_le_bytes(), &operator.0];
        let digest = blake2b_512("lode/match/v1", &parts);
        let low = digest.first_chunk::<8>().copied().unwrap_or_default();
        exponential(u128::from(u64::from_le_bytes(low)).saturating_add(1))
    }
}

/// What the draws of a class's group gave: its jobs share them, and a hash takes longer than to
/// look it up.
#[derive(Debug, Default)]
pub struct Drawn {
    group: u16,
    numerators: BTreeMap<Address, u64>,
}

impl Drawn {
    fn numerator(&mut self, draw: &Draw<'_>, operator: &Address) -> u64 {
        if self.group != draw.group {
            *self = Self { group: draw.group, numerators: BTreeMap::new() };
        }
        let drawn = self.numerators.entry(*operator);
        *drawn.or_insert_with(|| draw.numerator(operator))
    }
}

/// The matching of one class in one block.
#[derive(Debug, Clone, Copy)]
pub struct Round<'a> {
    pub market: &'a MarketSpec,
    pub height: Height,
    pub parent_hash: &'a Hash,
    pub id: &'a Hash,
    /// As it is before the next assignment.
    pub class: &'a Class,
    /// Jobs of the class that were assigned in this block.
    pub matched: u32,
}

/// The first rule by which an ask does not fit a job, with the number that it is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    #[error("the ask ended at height {until}")]
    Over { until: Height },
    #[error("the ask can be matched from height {from} on")]
    Fresh { from: Height },
    #[error("all {capacity} places of the ask are taken")]
    Full { capacity: u16 },
    #[error("the job is for another operator alone")]
    NotNamed,
    #[error("the operator missed or declined this job before")]
    Returned,
    #[error("the operator promises height {promise}, and the hard limit is {hard}")]
    Late { promise: Height, hard: Height },
    #[error("the ask's price is {price}, and the job is worth {value} when it is delivered")]
    Price { price: u64, value: u64 },
    #[error("the job asks for a bond of {needed}, and the operator accepts {accepted}")]
    MaxBond { needed: u64, accepted: u64 },
    #[error("the operator needs a free bond of {needed} and has {free}")]
    FreeBond { needed: u128, free: u64 },
    #[error("the operator needs a reputation of {needed} and has {got}")]
    Reputation { needed: u16, got: u16 },
    #[error("an operator of this reputation may ask for {limit} at most, not for {price}")]
    Tier { limit: u128, price: u64 },
    #[error("the operator needs a mined weight of {needed} and has {got}")]
    Weight { needed: u64, got: u64 },
    #[error("the class lets only listed operators prove before height {open_at}")]
    NotPermitted { open_at: Height },
    #[error("the operator may hold {cap} of the class's assigned jobs, and holds them")]
    ShareCap { cap: u64 },
    #[error("others promise the soft limit, and the operator promises height {promise}")]
    Slower { promise: Height },
}

/// Holds an operator that is paid `price` for a job against the gates of a class, all but the cap
/// on shares.
pub fn check_gate(
    class: &Class,
    height: Height,
    operator: &Address,
    standing: &Standing,
    price: u64,
    min_reputation: u16,
) -> Result<(), Misfit> {
    let policy = &class.policy;
    let (needed, got) = (policy.min_reputation.max(min_reputation), standing.reputation);
    if got < needed {
        return Err(Misfit::Reputation { needed, got });
    }
    let limit = u128::from(policy.tier_unit).saturating_mul(u128::from(got).saturating_add(1));
    if policy.tier_unit > 0 && u128::from(price) > limit {
        return Err(Misfit::Tier { limit, price });
    }
    let (needed, got) = (policy.min_weight, standing.weight);
    if got < needed {
        return Err(Misfit::Weight { needed, got });
    }
    if !policy.permits(operator, height) {
        return Err(Misfit::NotPermitted { open_at: policy.open_at });
    }
    Ok(())
}

/// [`check_gate`], where the reason does not matter.
pub fn passes_gate(
    class: &Class,
    height: Height,
    operator: &Address,
    standing: &Standing,
    price: u64,
    min_reputation: u16,
) -> bool {
    check_gate(class, height, operator, standing, price, min_reputation).is_ok()
}

impl Round<'_> {
    /// The last height of a promise that an ask makes in this block.
    pub fn promise(&self, ask: &BookAsk) -> Height {
        self.height.saturating_sub(1).saturating_add(ask.blocks)
    }

    /// The bond that the job asks for.
    pub fn bond(&self, job: &Job) -> u64 {
        value::operator_bond(self.market, &self.class.policy, job.terms.price).max(job.damage)
    }

    /// The places of the asks that fit a job: those that promise its soft limit, or, if there are
    /// none, those that promise its hard limit.
    pub fn fitting(&self, job: &Job, asks: &[Candidate]) -> Vec<usize> {
        let bond = self.bond(job);
        let (mut soft, mut hard) = (Vec::new(), Vec::new());
        for (place, candidate) in asks.iter().enumerate() {
            if self.fits(job, bond, candidate).is_ok() {
                let is_soft = self.promise(&candidate.ask) <= job.terms.soft;
                if is_soft { soft.push(place) } else { hard.push(place) }
            }
        }
        if soft.is_empty() { hard } else { soft }
    }

    /// Holds each ask against the job as [`Self::fitting`] does: those that it leaves out have a
    /// reason.
    pub fn misfits(&self, job: &Job, asks: &[Candidate]) -> Vec<Result<(), Misfit>> {
        let bond = self.bond(job);
        let fitting = self.fitting(job, asks);
        let held = asks.iter().enumerate().map(|(place, candidate)| {
            self.fits(job, bond, candidate)?;
            let promise = self.promise(&candidate.ask);
            if fitting.contains(&place) { Ok(()) } else { Err(Misfit::Slower { promise }) }
        });
        held.collect()
    }

    /// Holds one ask against a job that asks for a bond, whatever other asks promise.
    pub fn fits(&self, job: &Job, bond: u64, candidate: &Candidate) -> Result<(), Misfit> {
        let Candidate { ask, standing } = candidate;
        self.check_ready(ask)?;
        if job.operator.is_some_and(|operator| operator != ask.operator) {
            return Err(Misfit::NotNamed);
        }
        if job.was_returned_by(&ask.operator) {
            return Err(Misfit::Returned);
        }
        let promise = self.promise(ask);
        if promise > job.terms.hard {
            return Err(Misfit::Late { promise, hard: job.terms.hard });
        }
        let value = job.terms.value(promise);
        if value < ask.price {
            return Err(Misfit::Price { price: ask.price, value });
        }
        if bond > ask.max_bond {
            return Err(Misfit::MaxBond { needed: bond, accepted: ask.max_bond });
        }
        let needed = u128::from(bond)
            .saturating_add(self.market.false_proof.into())
            .saturating_add(standing.fresh.into());
        if u128::from(standing.free) < needed {
            return Err(Misfit::FreeBond { needed, free: standing.free });
        }
        let min_reputation = job.min_reputation;
        check_gate(self.class, self.height, &ask.operator, standing, ask.price, min_reputation)?;
        self.check_cap(ask)
    }

    /// Whether a job may fit one of the asks, as far as its place in the waiting list tells.
    pub fn may_fit(&self, entry: &WaitingJob, asks: &[Candidate]) -> bool {
        asks.iter().any(|Candidate { ask, standing }| {
            self.is_ready(ask)
                && standing.reputation >= entry.min_reputation
                && entry.terms.value(self.promise(ask)) >= ask.price
        })
    }

    /// Whether an ask can be matched at all in this block.
    pub fn is_ready(&self, ask: &BookAsk) -> bool {
        self.check_ready(ask).is_ok()
    }

    fn check_ready(&self, ask: &BookAsk) -> Result<(), Misfit> {
        if ask.until < self.height {
            return Err(Misfit::Over { until: ask.until });
        }
        if ask.is_full() {
            return Err(Misfit::Full { capacity: ask.capacity });
        }
        let from = ask.since.saturating_add(SETTLE_BLOCKS);
        if from > self.height { Err(Misfit::Fresh { from }) } else { Ok(()) }
    }

    /// Whether the operator's part of the class's assigned jobs stays within the class's cap with
    /// one job more. One job is always allowed.
    fn check_cap(&self, ask: &BookAsk) -> Result<(), Misfit> {
        let all = u64::from(self.class.assigned).saturating_add(1);
        let cap = value::part_ceil(all, self.class.policy.share_cap_bps).max(1);
        if u64::from(ask.open) >= cap { Err(Misfit::ShareCap { cap }) } else { Ok(()) }
    }

    /// What the job costs its requester with an ask, delay included.
    pub fn effective(&self, job: &Job, ask: &BookAsk) -> u128 {
        let delay = job.terms.price.saturating_sub(job.terms.value(self.promise(ask)));
        u128::from(ask.price).saturating_add(delay.into())
    }

    /// The place of the ask that a job is assigned to. `None`: none fits.
    /// `drawn` remembers the draws of the class from one job to the next.
    pub fn choose(&self, job: &Job, asks: &[Candidate], drawn: &mut Drawn) -> Option<usize> {
        let fitting = self.fitting(job, asks);
        let effective = |candidate: &Candidate| self.effective(job, &candidate.ask);
        let fitting = || fitting.iter().filter_map(|place| Some((*place, asks.get(*place)?)));
        let lowest = fitting().map(|(_, candidate)| effective(candidate)).min()?;
        let limit = band_limit(lowest, self.class.policy.band_bps);
        let mut within = fitting().filter(|(_, candidate)| effective(candidate) <= limit);
        let first = within.next()?;
        let Some(second) = within.next() else {
            return Some(first.0);
        };
        let group = self.matched.checked_div(GROUP).unwrap_or(0);
        let draw = Draw {
            parent_hash: self.parent_hash,
            class: self.id,
            group: u16::try_from(group).unwrap_or(u16::MAX),
        };
        [first, second]
            .into_iter()
            .chain(within)
            .map(|(place, candidate)| (place, self.clock(&draw, candidate, drawn)))
            .min_by(|(_, a), (_, b)| compare(a, b))
            .map(|(place, _)| place)
    }

    fn clock(&self, draw: &Draw<'_>, candidate: &Candidate, drawn: &mut Drawn) -> Clock {
        let Standing { free, epoch_bond, weight, .. } = candidate.standing;
        let weight = match self.class.policy.selection {
            Selection::Stake => free.min(epoch_bond),
            Selection::Rights | Selection::Contest => weight,
        };
        let prover = candidate.ask.operator;
        Clock { numerator: drawn.numerator(draw, &prover), weight, prover }
    }
}

/// What an ask may cost at most to take part in the draw, if the cheapest costs `lowest`.
pub fn band_limit(lowest: u128, band_bps: u16) -> u128 {
    let band = BPS.saturating_add(band_bps);
    lowest.saturating_mul(band.into()).checked_div(BPS.into()).unwrap_or(lowest)
}

/// Ascending L/W; without weight last, and by L among themselves.
fn compare(a: &Clock, b: &Clock) -> Ordering {
    match (a.weight, b.weight) {
        (0, 0) => a.numerator.cmp(&b.numerator).then_with(|| a.prover.cmp(&b.prover)),
        (0, _) => Ordering::Greater,
        (_, 0) => Ordering::Less,
        _ => a.compare(b),
    }
}
