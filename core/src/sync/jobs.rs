//! Checks that cost milliseconds, as values: the machine makes them, its driver runs them on
//! threads of its choice and brings the results back.

use lode_consensus::{
    Body, Hash, Obligation, Share,
    headers::{ContextualHeader, VerifiedHeader},
    obligation::{ObligationError, Verdict},
    rules::{BlockError, ChainContext, ContextualBlock, ProofChecker, VerifiedBlock},
    transaction::HashedTransaction,
};
use lode_network::{GossipId, PeerId};
use lode_puzzle::Item;

use crate::{Assessment, ChainService, Clock, SubmitError};

/// The peer that sent something, and the gossip message that waits for a verdict on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) peer: PeerId,
    pub(super) gossip: Option<GossipId>,
}

/// An announced header whose proof is to be checked.
#[derive(Debug)]
pub(super) struct AnnouncedTask {
    pub(super) header: ContextualHeader,
    pub(super) origin: Origin,
}

/// A body for a proven header, and all that is needed to check it.
#[derive(Debug)]
pub(super) struct BodyTask {
    pub(super) header: VerifiedHeader,
    pub(super) body: Body,
    pub(super) context: ChainContext,
    /// Whether shares and signatures are taken to be good.
    pub(super) assumed: bool,
    /// The peer that sent it.
    pub(super) server: Option<PeerId>,
}

/// A share, and what its proof must show.
#[derive(Debug)]
pub(super) struct ShareTask {
    pub(super) share: Share,
    pub(super) item: Item,
    pub(super) origin: Origin,
}

/// A transaction whose signature is to be checked.
#[derive(Debug)]
pub(super) struct TransactionTask {
    pub(super) transaction: HashedTransaction,
    pub(super) origin: Origin,
}

/// Consecutive headers of a candidate.
#[derive(Debug)]
pub(super) struct SegmentTask {
    pub(super) candidate: u64,
    pub(super) segment: u64,
    pub(super) headers: Vec<ContextualHeader>,
}

#[derive(Debug)]
pub(super) enum Work {
    Announced(Origin, Box<ContextualHeader>),
    Segment(PeerId, SegmentTask),
    Bodies(Vec<BodyTask>),
    Shares(PeerId, Vec<ShareTask>),
    Transactions(PeerId, Vec<TransactionTask>),
}

/// A check to be run. It may run on any thread, beside others.
#[derive(Debug)]
pub struct Job(pub(super) Work);

/// How much a job has to do, from which a simulation computes its time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Proofs in its one batch, at most: those that were checked before are left out.
    pub proofs: usize,
    /// Signatures, at most.
    pub signatures: usize,
}

/// A job's result, to be brought back to the machine.
#[derive(Debug)]
pub struct Done(pub(super) Outcome);

#[derive(Debug)]
pub(super) enum Outcome {
    Announced(Origin, Hash, Box<Result<VerifiedHeader, BlockError>>),
    Segment {
        peer: PeerId,
        candidate: u64,
        segment: u64,
        headers: Vec<Result<VerifiedHeader, BlockError>>,
    },
    Bodies(Vec<BodyResult>),
    Shares(PeerId, Vec<(ShareTask, Verdict)>),
    Transactions(PeerId, Vec<(TransactionTask, Result<Assessment, SubmitError>)>),
}

/// A block's hash, the sender of its body, and the result of the check.
pub(super) type BodyResult = (Hash, Option<PeerId>, Result<VerifiedBlock, BlockError>);

impl Job {
    /// How much it has to do.
    pub fn cost(&self) -> Cost {
        match &self.0 {
            Work::Announced(..) => Cost { proofs: 1, signatures: 0 },
            Work::Segment(_, task) => Cost { proofs: task.headers.len(), signatures: 0 },
            Work::Bodies(tasks) => {
                let judged = tasks.iter().filter(|task| !task.assumed);
                judged.fold(Cost::default(), |cost, task| Cost {
                    proofs: cost.proofs + task.body.shares.len(),
                    signatures: cost.signatures + task.body.transactions.len(),
                })
            }
            Work::Shares(_, tasks) => Cost { proofs: tasks.len(), signatures: 0 },
            Work::Transactions(_, tasks) => Cost { proofs: 0, signatures: tasks.len() },
        }
    }

    /// Does it.
    pub fn run<C: Clock>(self, service: &ChainService<C>) -> Done {
        let checker = service.checker();
        // Without weights a checker judges nothing, which is told apart from a bad proof.
        let weights = |count| service.entropy().weights(count).unwrap_or_default();
        Done(match self.0 {
            Work::Announced(origin, header) => Outcome::Announced(
                origin,
                header.hash(),
                Box::new(header.prove(checker, &weights(1))),
            ),
            Work::Segment(peer, SegmentTask { candidate, segment, headers }) => {
                let weights = weights(headers.len());
                let headers = ContextualHeader::prove_all(headers, checker, &weights);
                Outcome::Segment { peer, candidate, segment, headers }
            }
            Work::Bodies(tasks) => Outcome::Bodies(check_bodies(service, tasks)),
            Work::Shares(peer, tasks) => {
                let proofs: Vec<Obligation> =
                    tasks.iter().map(|task| Obligation::Puzzle(task.item)).collect();
                let mut verdicts = checker.check(&proofs, &weights(proofs.len())).into_iter();
                let mut judge = || verdicts.next().unwrap_or(Err(ObligationError::Unjudged));
                Outcome::Shares(peer, tasks.into_iter().map(|task| (task, judge())).collect())
            }
            Work::Transactions(peer, tasks) => {
                // A sender's transactions often come together, each on top of those before.
                let mut good = Vec::new();
                let verify = |task: TransactionTask| {
                    let verified = service.verify_transaction(&task.transaction, &good);
                    if verified.is_ok() {
                        good.push(task.transaction.clone());
                    }
                    (task, verified)
                };
                Outcome::Transactions(peer, tasks.into_iter().map(verify).collect())
            }
        })
    }
}

/// Checks several blocks with one batch of proofs.
fn check_bodies<C: Clock>(service: &ChainService<C>, tasks: Vec<BodyTask>) -> Vec<BodyResult> {
    let mut contextual = Vec::new();
    let mut results = Vec::new();
    for BodyTask { header, body, context, assumed, server } in tasks {
        let hash = header.hash();
        let result = ContextualBlock::of_proven(header, body, context, service.ledger().params());
        results.push((
            hash,
            server,
            match result {
                Ok(block) if assumed => Some(Ok(block.assume_verified())),
                Ok(block) => {
                    contextual.push(block);
                    None
                }
                Err(error) => Some(Err(error)),
            },
        ));
    }
    let needed = contextual.iter().map(ContextualBlock::weights_needed).sum();
    let weights = service.entropy().weights(needed).unwrap_or_default();
    let mut proven =
        ContextualBlock::prove_all(contextual, service.checker(), &weights).into_iter();
    let unjudged = BlockError::Unjudged { expected: 1, got: 0 };
    results
        .into_iter()
        .map(|(hash, server, result)| {
            let result = result.or_else(|| proven.next()).unwrap_or(Err(unjudged.clone()));
            (hash, server, result)
        })
        .collect()
}
