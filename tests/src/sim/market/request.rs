//! Those that buy: classes of each selection, and jobs of all kinds.

use lode_consensus::{
    Action, Hash,
    market::{BPS, Job, Policy, Selection, Value, job::Status},
    transaction::{Cancel, Raise, RegisterClass, Request},
};
use lode_ledger::JobStatus;
use rand::RngExt;

use super::{
    Behaviour, Trader,
    view::{UNPROVABLE, View},
};

/// Jobs of one requester that have not ended.
const MAX_OWN: usize = 24;
/// The same of one that baits.
const MAX_BAIT: usize = 4;
/// What a job is worth, in microcredits. Asks are about 100,000.
const PRICES: std::ops::Range<u64> = 70_000..400_000;
/// Public values of each class.
const VALUES: u8 = 2;

impl Trader {
    /// What a requester does next.
    pub(super) fn request(&mut self, view: &View<'_>) -> Option<Action> {
        const SELECTIONS: [Selection; 3] =
            [Selection::Rights, Selection::Stake, Selection::Contest];
        let is_there =
            |it: &Selection| view.classes.iter().any(|(_, class)| class.policy.selection == *it);
        let missing = SELECTIONS.into_iter().find(|it| !is_there(it));
        if let Some(selection) = missing {
            return self.registers.then(|| register(selection));
        }
        let mut own: Vec<(Hash, Job)> = [JobStatus::Waiting, JobStatus::Open, JobStatus::Assigned]
            .into_iter()
            .flat_map(|status| view.jobs(status))
            .collect();
        own.retain(|(_, job)| job.requester == view.own);
        if self.behaviour == Behaviour::Bait {
            let posts = own.len() < MAX_BAIT && self.chance(0.2);
            return posts.then(|| self.bait(view));
        }
        for (id, job) in &own {
            if let Some(action) = self.change(id, job) {
                return Some(action);
            }
        }
        (own.len() < MAX_OWN && self.chance(0.8)).then(|| self.post(view))
    }

    /// Raises or cancels an open job at times.
    fn change(&mut self, id: &Hash, job: &Job) -> Option<Action> {
        let is_touched = !job.misses.is_empty() || !job.deliveries.is_empty();
        if job.status != Status::Open || is_touched || job.cancelled.is_some() {
            return None;
        }
        match self.rng.random_range(0..100) {
            0..6 => {
                let (price, late_price) = (job.terms.price * 5 / 4, job.terms.late_price);
                Some(Action::Raise(Raise { job: *id, price, late_price }))
            }
            // By nothing, to have it matched again.
            6..8 => {
                let (price, late_price) = (job.terms.price, job.terms.late_price);
                Some(Action::Raise(Raise { job: *id, price, late_price }))
            }
            8..11 => Some(Action::Cancel(Cancel { job: *id })),
            _ => None,
        }
    }

    /// A job of a random kind.
    fn post(&mut self, view: &View<'_>) -> Action {
        let rng = &mut self.rng;
        let (class, policy) = &view.classes[rng.random_range(0..view.classes.len())];
        let is_contest = policy.policy.is_contest();
        let price = rng.random_range(PRICES);
        let soft_blocks = rng.random_range(4..14);
        let book = view.reader.book(class).expect("the ledger reads").0;
        let named = (!is_contest && !book.is_empty() && rng.random_bool(0.1))
            .then(|| book[rng.random_range(0..book.len())].operator);
        Action::Request(Request {
            class: *class,
            price,
            late_price: if rng.random_bool(0.3) { price } else { rng.random_range(0..price) },
            soft_blocks,
            hard_blocks: soft_blocks + rng.random_range(2..16),
            damage: if rng.random_bool(0.15) { rng.random_range(0..3_000_000) } else { 0 },
            min_reputation: if rng.random_bool(0.03) { 50 } else { 0 },
            immediate: !is_contest && rng.random_bool(0.15),
            operator: named,
            values: values(1, rng.random()),
            witness: vec![7; rng.random_range(0..200)],
        })
    }

    /// A job that looks like a good one.
    fn bait(&mut self, view: &View<'_>) -> Action {
        let sold: Vec<&Hash> = view
            .classes
            .iter()
            .filter(|(_, class)| !class.policy.is_contest())
            .map(|(id, _)| id)
            .collect();
        let rng = &mut self.rng;
        Action::Request(Request {
            class: *sold[rng.random_range(0..sold.len())],
            price: 300_000,
            late_price: 300_000,
            soft_blocks: 10,
            hard_blocks: rng.random_range(12..30),
            damage: 0,
            min_reputation: 0,
            immediate: false,
            operator: None,
            values: values(UNPROVABLE, rng.random()),
            witness: Vec::new(),
        })
    }
}

fn values(first: u8, second: u64) -> Vec<Value> {
    let mut values = vec![Value([0; 32]); VALUES.into()];
    values[0].0[0] = first;
    values[1].0[..8].copy_from_slice(&second.to_le_bytes());
    values
}

/// A class of a selection.
fn register(selection: Selection) -> Action {
    let policy = Policy {
        selection,
        winners: 2,
        window: 3,
        randomised: false,
        band_bps: 1_000,
        bond_bps: 2_000,
        min_bond: 10_000,
        min_reputation: 0,
        tier_unit: 0,
        min_weight: 0,
        share_cap_bps: BPS,
        max_operators: 64,
        claim_blocks: 3,
        open_at: 0,
        permitted: Vec::new(),
    };
    let policy = match selection {
        // Fewer places than there are operators.
        Selection::Rights => Policy { max_operators: 8, band_bps: 500, ..policy },
        Selection::Stake => {
            Policy { min_bond: 1_000_000, share_cap_bps: 4_000, claim_blocks: 6, ..policy }
        }
        Selection::Contest => Policy { min_bond: 500_000, ..policy },
    };
    Action::RegisterClass(RegisterClass {
        system: RegisterClass::SYSTEM,
        policy,
        royalty_bps: 300,
        key: vec![VALUES, 1, 2, 3],
        source: b"a circuit".to_vec(),
    })
}
