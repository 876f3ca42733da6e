//! Why a waiting job does not match, and what a would-be Request would find: the rules of matching,
//! held against the book as it is now.
//!
//! Must not be broken: what fits is said by `lode_consensus::market::matching` alone, with the
//! numbers of the block to come.

use lode_consensus::{
    Address, Hash, Height, StateKey,
    market::{
        Class, Job, JobLeaf, Operator,
        job::{Assigned, Status},
        matching::{self, Candidate, Drawn, Misfit, Round, Standing},
        queue::{QueuePage, What},
        value::{self, Terms},
    },
};

use super::{Moment, QueryError};

/// Different reasons that a summary names.
const SHOWN_REASONS: usize = 3;

/// An ask of a class's book, held against a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskFit {
    pub candidate: Candidate,
    /// The last height at which a delivery would keep the promise.
    pub promise: Height,
    /// What the proof is worth then, in microcredits.
    pub value: u64,
    /// What the job would cost its requester, delay included, in microcredits.
    pub effective: u128,
    /// The first rule that fails.
    pub misfit: Option<Misfit>,
    /// The least values with which the ask would fit, if higher ones make it fit.
    pub raise: Option<(u64, u64)>,
}

/// How the asks of a class meet a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fit {
    /// The block whose matching is meant.
    pub height: Height,
    /// The bond that the job asks for, in microcredits.
    pub bond: u64,
    /// By operator bytes.
    pub asks: Vec<AskFit>,
    /// The ask that would be assigned, if the draw is known already.
    pub chosen: Option<Address>,
}

/// Why a job does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    pub job: Job,
    /// Whether the class is a contest, which has no matching.
    pub is_contest: bool,
    /// Whether an event in the queue will have the job matched, at the latest in the block of this
    /// height.
    pub event: Option<Height>,
    pub fit: Fit,
}

/// A Request that somebody thinks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WouldBe {
    pub price: u64,
    pub late_price: u64,
    pub soft_blocks: u32,
    pub hard_blocks: u32,
    pub damage: u64,
    pub min_reputation: u16,
    pub operator: Option<Address>,
}

/// What a would-be Request would find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    pub class: Class,
    /// The requester's bond, in microcredits.
    pub requester_bond: u64,
    /// Waiting and Open jobs that are worth at least as much.
    pub ahead: usize,
    pub fit: Fit,
}

impl Fit {
    /// The asks that fit.
    pub fn fitting(&self) -> impl Iterator<Item = &AskFit> {
        self.asks.iter().filter(|ask| ask.misfit.is_none())
    }

    /// What the cheapest of them costs, delay included, in microcredits.
    pub fn lowest(&self) -> Option<u128> {
        self.fitting().map(|ask| ask.effective).min()
    }

    /// Those that take part in the draw: they cost little more than the cheapest.
    pub fn within(&self, band_bps: u16) -> Vec<&AskFit> {
        let limit = self.lowest().map(|lowest| matching::band_limit(lowest, band_bps));
        self.fitting().filter(|ask| limit.is_some_and(|limit| ask.effective <= limit)).collect()
    }

    /// The least values with which an ask fits that does not now.
    pub fn cheapest_raise(&self) -> Option<(u64, u64)> {
        self.asks.iter().filter_map(|ask| ask.raise).min()
    }

    /// What is in the way, and the cheapest thing that would help.
    fn obstacles(&self) -> String {
        if self.asks.is_empty() {
            return "there is no ask in the class's book: an operator has to post one".to_owned();
        }
        let mut reasons: Vec<String> = self
            .asks
            .iter()
            .filter_map(|ask| ask.misfit)
            .map(|misfit| misfit.to_string())
            .collect();
        reasons.sort_unstable();
        reasons.dedup();
        let more = reasons.len().saturating_sub(SHOWN_REASONS);
        reasons.truncate(SHOWN_REASONS);
        let more = if more > 0 { format!("; and {more} other reasons") } else { String::new() };
        let help = self.cheapest_raise().map_or(String::new(), |(price, late_price)| {
            format!(". Raise the price to {price} and the late price to {late_price}: an ask fits")
        });
        let count = self.asks.len();
        format!("none of {count} asks fits: {}{more}{help}", reasons.join("; "))
    }
}

impl Why {
    /// What stands in the way and what would help, in one line.
    pub fn summary(&self) -> String {
        let Self { job, fit, .. } = self;
        if let Status::Assigned(assigned) = &job.status {
            let Assigned { operator, promise, .. } = assigned;
            return format!("assigned to {operator}, who promised to deliver by height {promise}");
        }
        if self.is_contest {
            return "a contest takes no asks: operators that pass the class's gates deliver".into();
        }
        if let Some(height) = job.cancelled {
            return format!("under Cancel since height {height}: it is not matched any more");
        }
        if job.is_spent() {
            let returns = job.returns();
            return format!(
                "{returns} operators gave it back: it is not assigned again, only delivered"
            );
        }
        if fit.fitting().next().is_none() {
            return fit.obstacles();
        }
        match self.event {
            Some(height) => format!("an ask fits: block {height} looks at the job"),
            None => {
                "an ask fits, but nothing leads to matching: a Raise to the same values does, or \
                     the operator's posting its ask again"
                    .to_owned()
            }
        }
    }
}

impl Estimate {
    /// What the Request would find, in one line.
    pub fn summary(&self) -> String {
        if self.class.policy.is_contest() {
            return "a contest takes no asks: operators that pass the class's gates deliver".into();
        }
        let Some(lowest) = self.fit.lowest() else { return self.fit.obstacles() };
        let count = self.fit.fitting().count();
        format!("{count} of {} asks fit; the cheapest costs {lowest}", self.fit.asks.len())
    }
}

impl Moment<'_> {
    /// Holds the book of a job's class against it, as the block to come would.
    ///
    /// # Errors
    /// [`QueryError::NoJob`], [`QueryError::JobEnded`].
    pub fn why(&self, id: &Hash) -> Result<Why, QueryError> {
        let leaf = self.job(id, None)?.leaf.leaf;
        let Some(JobLeaf::Live(job)) = leaf.leaf else {
            return Err(QueryError::JobEnded(*id));
        };
        let class = self.class_leaf(&job.class)?;
        let fit = self.fit(&class, &job, leaf.height.saturating_add(1))?;
        let is_contest = class.policy.is_contest();
        Ok(Why { is_contest, event: self.event_of(id)?, fit, job: *job })
    }

    /// What a Request that the block to come includes would find in the block after it.
    ///
    /// # Errors
    /// [`QueryError::NoClass`].
    pub fn estimate(&self, class: &Hash, asked: &WouldBe) -> Result<Estimate, QueryError> {
        let leaf = self.class_leaf(class)?;
        let created = self.reader.tip_height()?.saturating_add(1);
        let job = job_of(*class, asked, created);
        let waiting = self.waiting(class, None)?.leaf.leaf.unwrap_or_default();
        let ahead = waiting
            .0
            .iter()
            .filter(|entry| !entry.is_cancelled && entry.terms.price >= asked.price)
            .count();
        let mut fit = self.fit(&leaf, &job, created.saturating_add(1))?;
        // The draw is from the hash of a block that is not there.
        let fitting = fit.fitting().count();
        fit.chosen = fit.chosen.filter(|_| fitting == 1);
        let requester_bond = value::request_bond(&self.params().market, asked.price);
        Ok(Estimate { class: leaf, requester_bond, ahead, fit })
    }

    fn class_leaf(&self, id: &Hash) -> Result<Class, QueryError> {
        self.class(id, None)?.leaf.leaf.ok_or(QueryError::NoClass(*id))
    }

    /// The asks of a class, held against a job in the matching of a block.
    fn fit(&self, class: &Class, job: &Job, height: Height) -> Result<Fit, QueryError> {
        let (tip, tip_hash) = self.reader.tip()?;
        let epoch = self.params().epoch_of(height);
        let book = self.book(&job.class, None)?.leaf.leaf.unwrap_or_default();
        let mut asks = Vec::with_capacity(book.0.len());
        for ask in book.0 {
            let key = StateKey::Operator(ask.operator);
            let leaf: Option<Operator> = self.reader.leaf_proof(&key, tip)?.leaf;
            let (operator, weight) = self.operator_in(&ask.operator, epoch, tip, leaf)?;
            asks.push(Candidate { ask, standing: Standing::of(&operator, height, weight) });
        }
        let round = Round {
            market: &self.params().market,
            height,
            parent_hash: &tip_hash,
            id: &job.class,
            class,
            matched: 0,
        };
        let can_match = !job.is_spent() && job.cancelled.is_none();
        let chosen = if can_match { round.choose(job, &asks, &mut Drawn::default()) } else { None };
        let held = asks.iter().zip(round.misfits(job, &asks)).map(|(candidate, held)| {
            let promise = round.promise(&candidate.ask);
            AskFit {
                candidate: *candidate,
                promise,
                value: job.terms.value(promise),
                effective: round.effective(job, &candidate.ask),
                misfit: held.err(),
                raise: held.err().and_then(|_| raise_for(&round, job, candidate)),
            }
        });
        Ok(Fit {
            height,
            bond: round.bond(job),
            asks: held.collect(),
            chosen: chosen.and_then(|place| asks.get(place)).map(|chosen| chosen.ask.operator),
        })
    }

    /// The height of the block whose matching takes a job's event, if one is queued.
    fn event_of(&self, id: &Hash) -> Result<Option<Height>, QueryError> {
        let tip = self.reader.tip_height()?;
        let mut page = 0_u32;
        loop {
            let key = StateKey::Queue(page);
            let Some(QueuePage(events)) = self.reader.leaf_proof(&key, tip)?.leaf else {
                return Ok(None);
            };
            if let Some(event) = events.iter().find(|event| event.what == What::Job(*id)) {
                return Ok(Some(event.due.max(tip.saturating_add(1))));
            }
            page = page.saturating_add(1);
        }
    }
}

/// The least price, and with it the late price, for which an ask fits a job on its own; none if it
/// does not fit at any.
fn raise_for(round: &Round<'_>, job: &Job, candidate: &Candidate) -> Option<(u64, u64)> {
    let (ask, promise) = (candidate.ask.price, round.promise(&candidate.ask));
    let Terms { price, late_price, soft, hard } = job.terms;
    let with = |price: u64, late_price: u64| Terms { price, late_price, soft, hard };
    // By the price alone, which a bisection finds as the value does not fall when it grows; at the
    // hard limit the late price alone counts.
    let (mut low, mut high) = (price, u64::MAX);
    if with(high, late_price).value(promise) < ask {
        (low, high) = (price.max(ask), price.max(ask));
    }
    while low < high {
        let middle = low.midpoint(high);
        if with(middle, late_price).value(promise) >= ask {
            high = middle;
        } else {
            low = middle.saturating_add(1);
        }
    }
    let late_price = if with(high, late_price).value(promise) < ask { ask } else { late_price };
    let raised = Job { terms: with(high, late_price), ..job.clone() };
    let fits = round.fits(&raised, round.bond(&raised), candidate).is_ok();
    (fits && raised.terms != job.terms).then_some((high, late_price))
}

/// The job that a would-be Request would make.
fn job_of(class: Hash, asked: &WouldBe, created: Height) -> Job {
    Job {
        class,
        terms: Terms {
            price: asked.price,
            late_price: asked.late_price,
            soft: created.saturating_add(asked.soft_blocks),
            hard: created.saturating_add(asked.hard_blocks),
        },
        damage: asked.damage,
        min_reputation: asked.min_reputation,
        immediate: false,
        operator: asked.operator,
        values: Vec::new(),
        requester: Address([0; 32]),
        created,
        place: 0,
        escrow: asked.price,
        bond: 0,
        status: Status::Waiting,
        cancelled: None,
        opened: None,
        open_price: None,
        misses: Vec::new(),
        declines: Vec::new(),
        deliveries: Vec::new(),
    }
}
