//! A small market on a maker's chain: a class, an operator with a bond and an ask, and jobs that
//! are assigned, delivered and missed. Proofs are those of [`Told`](crate::oracle::Told).

use lode_consensus::{
    Action, Hash, StateKey,
    leaf::{Leaf, LeafKind},
    market::{JobLeaf, job::Status},
    transaction::{Deliver, RegisterClass},
};

pub use crate::world::{bond, policy};
use crate::{
    maker::{Maker, Plan},
    world,
};

/// Who makes the class and asks for proofs.
pub const REQUESTER: usize = 0;
/// Who proves.
pub const OPERATOR: usize = 1;

/// A class of one public value, with bytes of a source that tell it from others.
pub fn class(source: u8) -> Action {
    Action::RegisterClass(RegisterClass {
        royalty_bps: 100,
        key: vec![1, source],
        source: vec![source; 16],
        ..world::register(policy())
    })
}

/// [`world::ask`], up to block 1,000.
pub fn ask(class: Hash) -> Action {
    world::asked(class, |ask| ask.until = 1_000)
}

/// [`world::request`], with a witness that tells it from others.
pub fn request(class: Hash, witness: u8) -> Action {
    world::requested(class, |request| request.witness = vec![witness; 24])
}

/// A delivery of an actor's whose proof holds, or does not.
pub fn deliver(maker: &Maker, from: usize, jobs: &[Hash], holds: bool) -> Action {
    let mut jobs = jobs.to_vec();
    jobs.sort_unstable();
    let mut deliver = Deliver { jobs, proof: vec![7; 64] };
    if holds {
        let binding = deliver.binding(&maker.genesis(), &maker.address(from));
        deliver.proof[..32].copy_from_slice(&binding.0);
    }
    Action::Deliver(deliver)
}

/// The id of the transaction at a place in a block.
pub fn id_of(maker: &Maker, block: &Hash, index: usize) -> Hash {
    maker.block(block).body.transactions[index].id(&maker.genesis())
}

/// A job's leaf after a block.
pub fn job_at(maker: &Maker, block: &Hash, id: &Hash) -> Option<JobLeaf> {
    let key = StateKey::Job(*id);
    let leaf = Leaf::decode(&key, maker.state(block).leaves.get(&key)?).unwrap();
    JobLeaf::of(&leaf).cloned()
}

/// Whether a job is assigned after a block.
pub fn is_assigned(maker: &Maker, block: &Hash, id: &Hash) -> bool {
    let leaf = job_at(maker, block, id);
    leaf.as_ref()
        .and_then(JobLeaf::live)
        .is_some_and(|job| matches!(job.status, Status::Assigned(_)))
}

/// Blocks with a class, an ask and three jobs that are assigned with the last of them.
#[derive(Debug, Clone)]
pub struct Market {
    pub class: Hash,
    pub jobs: Vec<Hash>,
    pub blocks: Vec<Hash>,
}

impl Market {
    /// Makes it on top of a block.
    pub fn open(maker: &mut Maker, parent: &Hash) -> Self {
        let founded = [(REQUESTER, class(1)), (OPERATOR, bond(100_000_000))];
        let first = maker.make_with(parent, Plan::EMPTY, &founded);
        let class = id_of(maker, &first, 0);
        let asked = maker.make_with(&first, Plan::EMPTY, &[(OPERATOR, ask(class))]);
        let quiet = maker.make(&asked, Plan::EMPTY);
        let wanted: Vec<_> = (0..3).map(|witness| (REQUESTER, request(class, witness))).collect();
        let requested = maker.make_with(&quiet, Plan::EMPTY, &wanted);
        let jobs: Vec<Hash> = (0..3).map(|index| id_of(maker, &requested, index)).collect();
        let assigned = maker.make(&requested, Plan::EMPTY);
        assert!(jobs.iter().all(|job| is_assigned(maker, &assigned, job)));
        Self { class, jobs, blocks: vec![first, asked, quiet, requested, assigned] }
    }

    pub fn tip(&self) -> Hash {
        self.blocks[self.blocks.len() - 1]
    }

    /// Goes on: the first job is delivered, a false proof is given for the second, the third is
    /// left to lapse, and more comes that is void.
    pub fn settle(&mut self, maker: &mut Maker) {
        let tip = self.tip();
        let given = [
            (OPERATOR, deliver(maker, OPERATOR, &self.jobs[..1], true)),
            (OPERATOR, deliver(maker, OPERATOR, &self.jobs[1..2], false)),
            (OPERATOR, deliver(maker, OPERATOR, &self.jobs[..1], true)),
        ];
        let delivered = maker.make_with(&tip, Plan::FULL, &given);
        self.blocks.push(delivered);
        self.blocks.extend(maker.extend(&delivered, 12, Plan::EMPTY));
    }
}
