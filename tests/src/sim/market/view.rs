//! What a trader sees of the chain.

use lode_consensus::{
    Account, Address, Hash, Height,
    market::{Class, Job, Operator, Value},
};
use lode_ledger::{JobStatus, Reader};

/// The first public value of a job that nobody can prove.
pub(super) const UNPROVABLE: u8 = 0;

/// The chain as a node has it.
pub(super) struct View<'a> {
    pub(super) reader: &'a Reader<'a>,
    pub(super) tip: Height,
    pub(super) own: Address,
    pub(super) account: Account,
    pub(super) operator: Operator,
    /// Oldest first.
    pub(super) classes: Vec<(Hash, Class)>,
}

impl<'a> View<'a> {
    /// What a node has. `None`: no account yet.
    pub(super) fn of(reader: &'a Reader<'a>, own: &Address) -> Option<Self> {
        let mut classes = Vec::new();
        for listed in reader.classes((Height::MAX, 0)).expect("the ledger reads") {
            let (_, id) = listed.expect("the ledger reads");
            classes.extend(reader.class(&id).expect("the ledger reads").map(|class| (id, class)));
        }
        classes.reverse();
        Some(Self {
            reader,
            tip: reader.tip_height().expect("the ledger reads"),
            own: *own,
            account: reader.account(own).expect("the ledger reads")?,
            operator: reader.operator(own).expect("the ledger reads").unwrap_or_default(),
            classes,
        })
    }

    /// The height of the next block.
    pub(super) fn next(&self) -> Height {
        self.tip + 1
    }

    pub(super) fn class(&self, id: &Hash) -> &Class {
        let found = self.classes.iter().find(|(other, _)| other == id);
        &found.expect("a job's class is there").1
    }

    /// All jobs that stand so, in the order of their Requests.
    pub(super) fn jobs(&self, status: JobStatus) -> Vec<(Hash, Job)> {
        let listed = self.reader.status_jobs(status, (Height::MAX, 0)).expect("the ledger reads");
        let ids = listed.map(|listed| listed.expect("the ledger reads").1);
        let mut jobs: Vec<(Hash, Job)> =
            ids.filter_map(|id| Some((id, live(self.reader, &id)?))).collect();
        jobs.reverse();
        jobs
    }
}

/// A job that has not ended.
fn live(reader: &Reader<'_>, id: &Hash) -> Option<Job> {
    reader.job(id).expect("the ledger reads")?.live().cloned()
}

/// Whether there is a proof of the job.
pub(super) fn is_provable(job: &Job) -> bool {
    job.values.first().is_none_or(|Value(bytes)| bytes[0] != UNPROVABLE)
}
