//! Checks that cost milliseconds, as values: the machine makes them, its driver runs them on threads of its choice and
//! brings the results back.

use crate::SubmitError;
use lode_consensus::{
    Body, Hash, Share, SignedTransaction,
    headers::{FittingHeader, ProvenHeader},
    rules::{BlockError, ChainContext, FittingBlock, ProofChecker, ProvenBlock},
};
use lode_network::{GossipId, PeerId};
use lode_puzzle::{Item, VerifyError};

use crate::{ChainService, Clock};

/// Who brought something, and the gossip message that waits for a verdict on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) peer: PeerId,
    pub(super) gossip: Option<GossipId>,
}

/// An announced header whose proof is to be checked.
#[derive(Debug)]
pub(super) struct AnnouncedTask {
    pub(super) header: FittingHeader,
    pub(super) origin: Origin,
}

/// A body for a proven header, and all that is needed to check it.
#[derive(Debug)]
pub(super) struct BodyTask {
    pub(super) header: ProvenHeader,
    pub(super) body: Body,
    pub(super) context: ChainContext,
    /// Whether shares and signatures are taken to be good.
    pub(super) assumed: bool,
    /// Who sent it.
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
    pub(super) signed: SignedTransaction,
    pub(super) origin: Origin,
}

/// Consecutive headers of a candidate.
#[derive(Debug)]
pub(super) struct SegmentTask {
    pub(super) candidate: u64,
    pub(super) segment: u64,
    pub(super) headers: Vec<FittingHeader>,
}

#[derive(Debug)]
pub(super) enum Work {
    Announced(Origin, Box<FittingHeader>),
    Segment(PeerId, SegmentTask),
    Bodies(Vec<BodyTask>),
    Shares(PeerId, Vec<ShareTask>),
    Transactions(PeerId, Vec<TransactionTask>),
}

/// A check to be run. It may run on any thread, beside others.
#[derive(Debug)]
pub struct Job(pub(super) Work);

/// How much a job has to do, for those who simulate its time.
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
    Announced(Origin, Hash, Box<Result<ProvenHeader, BlockError>>),
    Segment { peer: PeerId, candidate: u64, segment: u64, headers: Vec<Result<ProvenHeader, BlockError>> },
    Bodies(Vec<BodyResult>),
    Shares(PeerId, Vec<(ShareTask, Result<(), ShareFault>)>),
    Transactions(PeerId, Vec<(TransactionTask, Result<(), SubmitError>)>),
}

/// A block's hash, who sent its body, and what the check said.
pub(super) type BodyResult = (Hash, Option<PeerId>, Result<ProvenBlock, BlockError>);

/// Why a share was not proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ShareFault {
    /// Its proof does not hold.
    Proof(VerifyError),
    /// Our own fault.
    Ours,
}

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
        let effects = service.effects();
        // Without weights a checker judges nothing, which is told apart from a bad proof.
        let weights = |count| effects.entropy.weights(count).unwrap_or_default();
        Done(match self.0 {
            Work::Announced(origin, header) => {
                Outcome::Announced(origin, header.hash(), Box::new(header.prove(service, &weights(1))))
            }
            Work::Segment(peer, SegmentTask { candidate, segment, headers }) => {
                let weights = weights(headers.len());
                let headers = FittingHeader::prove_all(headers, service, &weights);
                Outcome::Segment { peer, candidate, segment, headers }
            }
            Work::Bodies(tasks) => Outcome::Bodies(check_bodies(service, tasks)),
            Work::Shares(peer, tasks) => {
                let items: Vec<Item> = tasks.iter().map(|task| task.item).collect();
                let mut verdicts = service.check(&items, &weights(items.len())).into_iter();
                let mut judge = || match verdicts.next() {
                    Some(Ok(_)) => Ok(()),
                    None | Some(Err(VerifyError::MissingWeights { .. } | VerifyError::ZeroWeight { .. })) => {
                        Err(ShareFault::Ours)
                    }
                    Some(Err(error)) => Err(ShareFault::Proof(error)),
                };
                Outcome::Shares(peer, tasks.into_iter().map(|task| (task, judge())).collect())
            }
            Work::Transactions(peer, tasks) => {
                let verify = |task: TransactionTask| {
                    let verified = service.verify_transaction(&task.signed);
                    (task, verified)
                };
                Outcome::Transactions(peer, tasks.into_iter().map(verify).collect())
            }
        })
    }
}

/// Checks several blocks with one batch of proofs.
fn check_bodies<C: Clock>(service: &ChainService<C>, tasks: Vec<BodyTask>) -> Vec<BodyResult> {
    let mut fitting = Vec::new();
    let mut results = Vec::new();
    for BodyTask { header, body, context, assumed, server } in tasks {
        let hash = header.hash();
        let result = FittingBlock::of_proven(header, body, context, service.ledger().params());
        results.push((
            hash,
            server,
            match result {
                Ok(block) if assumed => Some(Ok(block.proven_before())),
                Ok(block) => {
                    // What waits in the pools was checked when it came in.
                    fitting.push(block.except(
                        |id, share| service.is_proven_share(id, share),
                        |signed| service.is_verified_transaction(signed),
                    ));
                    None
                }
                Err(error) => Some(Err(error)),
            },
        ));
    }
    let claims = fitting.iter().map(|block| block.claims().len()).sum();
    let weights = service.effects().entropy.weights(claims).unwrap_or_default();
    let mut proven = FittingBlock::prove_all(fitting, service, &weights).into_iter();
    let unjudged = BlockError::Unjudged { expected: 1, got: 0 };
    results
        .into_iter()
        .map(|(hash, server, result)| {
            let result = result.or_else(|| proven.next()).unwrap_or(Err(unjudged.clone()));
            (hash, server, result)
        })
        .collect()
}
