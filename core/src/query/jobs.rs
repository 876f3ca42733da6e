//! Lists of the proof market: classes, jobs, deliveries, prices, and what happened to a job.

use lode_consensus::{
    Address, Hash, Height,
    market::{Class, event::JobEvent},
    transaction::Request,
};
use lode_ledger::{JobStatus, LedgerError, Prices};

use super::{Moment, Page, Place, PlacedTransaction, QueryError};

/// A class in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedClass {
    pub id: Hash,
    /// As of the tip.
    pub class: Class,
    /// Where its RegisterClass stands.
    pub place: Place,
}

/// A job in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedJob {
    pub id: Hash,
    /// As of the tip.
    pub status: JobStatus,
    pub requester: Address,
    pub request: Request,
    /// Where the Request stands.
    pub requested: Place,
    /// The place that the list goes by.
    pub place: Place,
}

/// What happened to a job, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobHistory {
    /// With their places among the events of their blocks.
    pub events: Vec<(Place, JobEvent)>,
    /// Where the next page begins, if there is one.
    pub next: Option<Place>,
}

/// Which jobs to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobsOf {
    Class(Hash),
    Requester(Address),
    /// Jobs that the operator was assigned or proved, by that event.
    Operator(Address),
    /// Jobs that stand so at the tip.
    Status(JobStatus),
}

impl Moment<'_> {
    /// All classes that were registered below height `before`, newest first.
    ///
    /// # Errors
    /// The database's.
    pub fn classes(&self, limit: usize, before: Height) -> Result<Page<ListedClass>, QueryError> {
        let page = cut(self.reader.classes((before, 0))?, limit)?;
        let item = |(place, id): (Place, Hash)| {
            let lost = || QueryError::Contradiction(format!("class {id} is listed and not there"));
            Ok(ListedClass { id, class: self.reader.class(&id)?.ok_or_else(lost)?, place })
        };
        page.try_map(item)
    }

    /// Jobs below height `before`, newest first.
    ///
    /// # Errors
    /// [`QueryError::NoClass`]; the database's.
    pub fn jobs(
        &self,
        of: JobsOf,
        limit: usize,
        before: Height,
    ) -> Result<Page<ListedJob>, QueryError> {
        let before = (before, 0);
        let page = match of {
            JobsOf::Class(class) => {
                self.class(&class, None)?;
                cut(self.reader.class_jobs(&class, before)?, limit)?
            }
            JobsOf::Requester(address) => {
                cut(self.reader.requester_jobs(&address, before)?, limit)?
            }
            JobsOf::Operator(address) => cut(self.reader.operator_jobs(&address, before)?, limit)?,
            JobsOf::Status(status) => cut(self.reader.status_jobs(status, before)?, limit)?,
        };
        page.try_map(|(place, id)| self.listed_job(id, place))
    }

    fn listed_job(&self, id: Hash, place: Place) -> Result<ListedJob, QueryError> {
        let lost = || QueryError::Contradiction(format!("job {id} is listed and not there"));
        let (requested, requester, request) = self.reader.request(&id)?.ok_or_else(lost)?;
        let requested = Place { height: requested.height, index: requested.index };
        let status = self.reader.job_status(&id)?.ok_or_else(lost)?;
        Ok(ListedJob { id, status, requester, request, requested, place })
    }

    /// Where a job stands at the tip, also after the state has forgotten it.
    ///
    /// # Errors
    /// [`QueryError::NoJob`].
    pub fn job_status(&self, id: &Hash) -> Result<JobStatus, QueryError> {
        self.reader.job_status(id)?.ok_or(QueryError::NoJob(*id))
    }

    /// What happened to a job, oldest first. A job has a bounded number of events.
    ///
    /// # Errors
    /// [`QueryError::NoJob`].
    pub fn job_events(
        &self,
        id: &Hash,
        limit: usize,
        from: (Height, u32),
    ) -> Result<JobHistory, QueryError> {
        self.job_status(id)?;
        let mut items = Vec::new();
        for event in self.reader.job_events(id, from)? {
            let ((height, index), event) = event?;
            if items.len() >= limit {
                return Ok(JobHistory { events: items, next: Some(Place { height, index }) });
            }
            items.push((Place { height, index }, event));
        }
        Ok(JobHistory { events: items, next: None })
    }

    /// An operator's Delivers below height `before`, newest first.
    ///
    /// # Errors
    /// The database's.
    pub fn deliveries(
        &self,
        operator: &Address,
        limit: usize,
        before: Height,
    ) -> Result<Page<PlacedTransaction>, QueryError> {
        let places = self.reader.deliveries(operator, (before, 0))?;
        let places = places.map(|place| place.map(|(height, index)| Place { height, index }));
        self.placed(limit, places)
    }

    /// For which prices jobs of a class were assigned below height `before`, newest first.
    ///
    /// # Errors
    /// [`QueryError::NoClass`].
    pub fn prices(
        &self,
        class: &Hash,
        limit: usize,
        before: Height,
    ) -> Result<Page<(Height, Prices)>, QueryError> {
        self.class(class, None)?;
        let mut items = Vec::new();
        for item in self.reader.prices(class, before)? {
            if items.len() >= limit {
                let next = items.last().map(|(height, _)| *height);
                return Ok(Page { items, next });
            }
            items.push(item?);
        }
        Ok(Page { items, next: None })
    }
}

/// A page of a list, which ends only where a block does.
fn cut<T>(
    list: impl Iterator<Item = Result<((Height, u32), T), LedgerError>>,
    limit: usize,
) -> Result<Page<(Place, T)>, QueryError> {
    let mut items: Vec<(Place, T)> = Vec::new();
    for item in list {
        let ((height, index), item) = item?;
        let last = items.last().map(|(place, _)| place.height);
        if items.len() >= limit && last.is_some_and(|last| last != height) {
            return Ok(Page { items, next: last });
        }
        items.push((Place { height, index }, item));
    }
    Ok(Page { items, next: None })
}
