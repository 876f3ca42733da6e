//! What happened in the market along a chain: counted, and each job's money followed to its end.

use std::{collections::BTreeMap, fmt, ops::AddAssign};

use lode_consensus::{
    Action, Hash,
    market::{
        event::{JobChange, JobEvent, Outcome},
        job::End,
        value,
    },
    params::MarketSpec,
};
use lode_ledger::Reader;

/// What happened, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    /// What has to happen in the markets of a few runs, or they would show nothing.
    pub const EXPECTED: [&'static str; 12] = [
        "requested",
        "assigned",
        "delivered",
        "missed",
        "declined",
        "opened",
        "raised",
        "cancelled",
        "failed",
        "proved",
        "slashed",
        "false proof",
    ];

    /// How often something happened.
    pub fn of(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    fn count(&mut self, name: &'static str) {
        *self.0.entry(name).or_default() += 1;
    }
}

impl AddAssign<&Self> for Tally {
    fn add_assign(&mut self, other: &Self) {
        for (name, count) in &other.0 {
            *self.0.entry(name).or_default() += count;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, count)) in self.0.iter().enumerate() {
            write!(f, "{}{count} {name}", if place == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// What a job holds of its requester's credits.
#[derive(Debug, Clone, Copy)]
struct Held {
    price: u64,
    bond: u64,
    has_ended: bool,
}

/// Follows the market along a node's chain.
pub fn follow(reader: &Reader<'_>, market: &MarketSpec, violations: &mut Vec<String>) -> Tally {
    let mut follower = Follower { market, jobs: BTreeMap::new(), tally: Tally::default() };
    for height in 1..=reader.tip_height().expect("the ledger reads") {
        let (_, block) =
            reader.block_at(height).expect("the ledger reads").expect("the chain has no gap");
        let outcomes = reader.outcomes(height).expect("the ledger reads");
        for (signed, outcome) in block.body.transactions.iter().zip(&outcomes) {
            let is_transfer = matches!(signed.transaction.action, Action::Transfer(_));
            match outcome {
                Outcome::Applied if is_transfer => {}
                Outcome::Applied => follower.tally.count("applied"),
                Outcome::FalseProof => follower.tally.count("false proof"),
                Outcome::Void(_) => follower.tally.count("void"),
            }
        }
        for event in reader.block_events(height).expect("the ledger reads") {
            if let Err(text) = follower.event(reader, &event) {
                violations.push(format!("market, block {height}: job {}: {text}", event.job));
            }
        }
    }
    follower.tally
}

struct Follower<'a> {
    market: &'a MarketSpec,
    jobs: BTreeMap<Hash, Held>,
    tally: Tally,
}

impl Follower<'_> {
    fn event(&mut self, reader: &Reader<'_>, event: &JobEvent) -> Result<(), String> {
        self.tally.count(name(&event.what));
        if event.what == JobChange::Requested {
            let request = reader.request(&event.job).expect("the ledger reads");
            let (.., request) = request.ok_or("it has no Request")?;
            let held = self.held(request.price);
            return match self.jobs.insert(event.job, held) {
                Some(_) => Err("it was requested before".to_owned()),
                None => Ok(()),
            };
        }
        let raised = if let JobChange::Raised { price, .. } = &event.what { *price } else { 0 };
        let raised = self.held(raised);
        let held = self.jobs.get_mut(&event.job).ok_or("it was never requested")?;
        // The bonds of a job that has just ended are settled after its pay.
        if held.has_ended && !matches!(event.what, JobChange::Slashed { .. }) {
            return Err(format!("it had ended before {:?}", event.what));
        }
        match &event.what {
            JobChange::Raised { .. } => *held = raised,
            JobChange::CancelBegun { burned } => held.bond -= burned,
            JobChange::Delivered(delivered) => {
                held.has_ended = true;
                if delivered.subsidy > 0 {
                    self.tally.count("subsidised");
                }
                let paid: u64 = delivered.paid.iter().map(|(_, amount)| amount).sum();
                let out = paid + delivered.burned + delivered.royalty + delivered.refund;
                if out != held.price + held.bond {
                    return Err(format!("{out} paid of {held:?}: {delivered:?}"));
                }
            }
            JobChange::Undelivered { end, refund, burned } => {
                held.has_ended = true;
                let (out, all) = (refund + burned, held.price + held.bond);
                // A waiting job is cancelled at once, and a tenth of its bond burned before.
                let cancelled = *end == End::Cancelled && out == all - held.bond / 10;
                if out != all && !cancelled {
                    return Err(format!("{out} given back of {held:?}"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn held(&self, price: u64) -> Held {
        Held { price, bond: value::request_bond(self.market, price), has_ended: false }
    }
}

fn name(change: &JobChange) -> &'static str {
    match change {
        JobChange::Requested => "requested",
        JobChange::Raised { .. } => "raised",
        JobChange::Assigned(_) => "assigned",
        JobChange::Opened { .. } => "opened",
        JobChange::Missed { .. } => "missed",
        JobChange::Declined { .. } => "declined",
        JobChange::CancelBegun { .. } => "cancel begun",
        JobChange::Proved { .. } => "proved",
        JobChange::Slashed { .. } => "slashed",
        JobChange::Delivered(_) => "delivered",
        JobChange::Undelivered { end: End::Cancelled, .. } => "cancelled",
        JobChange::Undelivered { .. } => "failed",
    }
}
