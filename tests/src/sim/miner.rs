//! Miners: attempts at a rate, each with the odds of a real one.

use lode_consensus::{Address, Share};
use lode_core::MiningJob;
use lode_puzzle::{Proof, Seed, Ticket};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    fabric::exponential,
    schedule::{MINUTE, Micros, SECOND},
};

/// After so long a miner asks for a new job even if the tip stands: templates age, and shares wait
/// for a place.
pub const REFRESH: Micros = 20 * SECOND;
/// No attempt is drawn that lies further ahead.
const HORIZON: Micros = 2 * MINUTE;

/// One miner, beside one node.
#[derive(Debug)]
pub struct Miner {
    /// Whom the attempts pay.
    pub address: Address,
    /// Attempts a second.
    pub rate: f64,
    /// What it works on; nothing while its node is down.
    pub job: Option<MiningJob>,
    /// Which events are still meant: another job has another round.
    pub round: u64,
    working_since: Micros,
    worked: Micros,
    nonce: u64,
    rng: StdRng,
}

impl Miner {
    /// A miner with so many attempts a second.
    pub fn new(address: Address, rate: f64, seed: u64) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self { address, rate, job: None, round: 0, working_since: 0, worked: 0, nonce: 0, rng }
    }

    /// Turns to a job, or to none. Attempts take exponential times, so that nothing is lost by
    /// turning away from one.
    pub fn turn_to(&mut self, job: Option<MiningJob>, now: Micros) {
        if self.job.is_some() {
            self.worked += now - self.working_since;
        }
        self.working_since = now;
        self.round += 1;
        self.job = job;
    }

    /// The expected number of attempts of all the time that this miner had work.
    pub fn attempts(&self) -> f64 {
        self.rate * self.worked as f64 / SECOND as f64
    }

    /// Makes attempts until one is a block or a share, and says how long that takes. `None` if that
    /// lies beyond the horizon, before which the job will have been renewed.
    pub fn next_win(&mut self) -> Option<(Micros, Share)> {
        let job = self.job.take()?;
        let mean = SECOND as f64 / self.rate;
        let mut time = 0.0;
        let mut win = None;
        while win.is_none() && time < HORIZON as f64 {
            time += exponential(&mut self.rng, mean);
            let (share, ticket) = self.attempt(&job);
            let wins = job.header.target.is_met_by(ticket.block_value())
                || job.share_target.is_met_by(ticket.share_value());
            win = wins.then_some((time as Micros, share));
        }
        self.job = Some(job);
        win
    }

    /// Makes attempts until one is a block, in no time.
    pub fn grind(&mut self, job: &MiningJob) -> Share {
        loop {
            let (share, ticket) = self.attempt(job);
            if job.header.target.is_met_by(ticket.block_value()) {
                return share;
            }
        }
    }

    fn attempt(&mut self, job: &MiningJob) -> (Share, Ticket) {
        self.nonce += 1;
        let proof = random_proof(&mut self.rng);
        let ticket = Ticket::new(&Seed::new(&job.statement, self.nonce), &proof);
        let share = Share {
            anchor_hash: job.header.anchor_hash,
            content_hash: job.content_hash,
            prover: job.header.producer,
            nonce: self.nonce,
            proof,
        };
        (share, ticket)
    }
}

/// Random bytes where a proof stands.
pub fn random_proof(rng: &mut StdRng) -> Proof {
    let mut proof = Proof::ZERO;
    rng.fill(&mut proof.commitment);
    rng.fill(&mut proof.opening);
    proof
}
