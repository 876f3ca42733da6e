//! Questions about the market. Lists are newest first and read as far as the caller goes; a page
//! ends where the caller stops, and goes on `before` the last place it took.

use lode_consensus::{
    Action, Address, DecodeError, Hash, Height, SignedTransaction, StateKey,
    leaf::{Leaf, LeafKind},
    market::{
        Book, Class, ClassKey, JobLeaf, Operator, Waiting,
        event::{JobEvent, Outcome},
    },
    transaction::Request,
    transition::StateView,
};

use super::records::{JobStatus, Prices};
use crate::{
    LedgerError, TransactionPlace,
    columns::{
        Chain, ClassJobs, ClassPrices, Classes, Column, Deliveries, Events, JobEvents, Key,
        OperatorJobs, Outcomes, RequesterJobs, Spent, StatusJobs, TreeValues, Value,
    },
    database::after_prefix,
    reader::{Reader, require},
    state::TipState,
};

/// Height and place: of a transaction among its block's, or of an event among its block's.
type Place = (Height, u32);

/// What a list gives.
type Listed<T> = Result<(Place, T), LedgerError>;

impl Reader<'_> {
    // --- Leaves ----------------------------------------------------------------------------------

    /// Any leaf as of the tip. `None`: there is none.
    pub fn leaf<T: LeafKind>(&self, key: &StateKey) -> Result<Option<T>, LedgerError> {
        self.leaf_at(key, self.tip_height()?)
    }

    /// Any leaf as of a retained height.
    pub fn leaf_at<T: LeafKind>(
        &self,
        key: &StateKey,
        height: Height,
    ) -> Result<Option<T>, LedgerError> {
        self.require_retained(height)?;
        let Some(bytes) = TipState { view: &self.view, height }.leaf(key)? else {
            return Ok(None);
        };
        let record = |error| LedgerError::Record { column: TreeValues::NAME, error };
        let leaf = Leaf::decode(key, &bytes).map_err(record)?;
        let other = || record(DecodeError::Invalid { what: "kind of leaf", got: 0 });
        T::of(&leaf).cloned().ok_or_else(other).map(Some)
    }

    pub fn class(&self, id: &Hash) -> Result<Option<Class>, LedgerError> {
        self.leaf(&StateKey::Class(*id))
    }

    /// A class's verifying key.
    pub fn class_key(&self, id: &Hash) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(self.leaf::<ClassKey>(&StateKey::Key(*id))?.map(|key| key.0))
    }

    /// What the creator gave as the source of a class.
    pub fn class_source(&self, id: &Hash) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(match self.included(id)?.map(|(_, signed)| signed.transaction.action) {
            Some(Action::RegisterClass(register)) => Some(register.source),
            _ => None,
        })
    }

    /// The asks for a class, by operator.
    pub fn book(&self, class: &Hash) -> Result<Book, LedgerError> {
        Ok(self.leaf(&StateKey::Book(*class))?.unwrap_or_default())
    }

    /// The asks for a class as a retained height left them.
    pub fn book_at(&self, class: &Hash, height: Height) -> Result<Book, LedgerError> {
        Ok(self.leaf_at(&StateKey::Book(*class), height)?.unwrap_or_default())
    }

    /// The waiting and open jobs of a class, in the order of matching.
    pub fn waiting(&self, class: &Hash) -> Result<Waiting, LedgerError> {
        Ok(self.leaf(&StateKey::Waiting(*class))?.unwrap_or_default())
    }

    /// An operator as it reads in the next block. `None`: nothing at stake, and no reputation.
    pub fn operator(&self, address: &Address) -> Result<Option<Operator>, LedgerError> {
        let epoch = self.params().epoch_of(self.tip_height()?.saturating_add(1));
        let leaf = self.leaf::<Operator>(&StateKey::Operator(*address))?;
        Ok(leaf.map(|leaf| leaf.rolled(epoch, self.params().market.reputation_unit)))
    }

    /// A job's leaf, which goes a while after the job has ended.
    pub fn job(&self, id: &Hash) -> Result<Option<JobLeaf>, LedgerError> {
        self.leaf(&StateKey::Job(*id))
    }

    // --- Transactions ----------------------------------------------------------------------------

    /// A transaction of the chain, with its place.
    pub fn included(
        &self,
        id: &Hash,
    ) -> Result<Option<(TransactionPlace, SignedTransaction)>, LedgerError> {
        let Some(place) = self.transaction_place(id)? else {
            return Ok(None);
        };
        let (_, mut block) = require::<Chain, _>(self.block_at(place.height)?, place.height)?;
        let transactions = &mut block.body.transactions;
        let index = usize::try_from(place.index).unwrap_or(usize::MAX);
        if index >= transactions.len() {
            return Err(LedgerError::Contradiction {
                what: "a transaction's place is not in its block",
            });
        }
        Ok(Some((place, transactions.swap_remove(index))))
    }

    /// What became of each transaction of the block at a height, in their order.
    pub fn outcomes(&self, height: Height) -> Result<Vec<Outcome>, LedgerError> {
        Ok(self.view.get::<Outcomes>(&height)?.unwrap_or_default().0)
    }

    /// What became of a transaction.
    pub fn outcome(&self, place: &TransactionPlace) -> Result<Option<Outcome>, LedgerError> {
        let outcomes = self.outcomes(place.height)?;
        Ok(usize::try_from(place.index).ok().and_then(|index| outcomes.get(index).copied()))
    }

    // --- Jobs ------------------------------------------------------------------------------------

    /// Where a job stands, also after its leaf has gone. `None`: there never was such a job.
    pub fn job_status(&self, id: &Hash) -> Result<Option<JobStatus>, LedgerError> {
        if let Some(leaf) = self.job(id)? {
            return Ok(Some(JobStatus::of(&leaf)));
        }
        // Without a leaf it has ended, and its last events say how.
        let (from, to) = (id.0.to_vec(), after_prefix(&id.0));
        for place in self.view.range_back::<JobEvents>(from, to)? {
            let ((_, height, index), ()) = place?;
            let event = require::<Events, _>(self.view.get::<Events>(&(height, index))?, height)?;
            if let Some(status) = JobStatus::of_end(&event.what) {
                return Ok(Some(status));
            }
        }
        Ok(None)
    }

    /// What a job's requester asked for, with its place. `None` too if it was void.
    pub fn request(
        &self,
        id: &Hash,
    ) -> Result<Option<(TransactionPlace, Address, Request)>, LedgerError> {
        let Some((place, signed)) = self.included(id)? else { return Ok(None) };
        let is_job = matches!(self.outcome(&place)?, Some(Outcome::Applied));
        Ok(match signed.transaction.action {
            Action::Request(request) if is_job => Some((place, signed.transaction.from, request)),
            _ => None,
        })
    }

    /// A job's witness, as long as the job has not ended.
    pub fn witness(&self, id: &Hash) -> Result<Option<Vec<u8>>, LedgerError> {
        if self.job_status(id)?.is_none_or(JobStatus::has_ended) {
            return Ok(None);
        }
        Ok(self.request(id)?.map(|(.., request)| request.witness))
    }

    /// What happened to a job, oldest first, from a place on.
    pub fn job_events(
        &self,
        id: &Hash,
        from: Place,
    ) -> Result<impl Iterator<Item = Listed<JobEvent>> + '_, LedgerError> {
        let from = (*id, from.0, from.1).to_bytes();
        let places = self.view.range::<JobEvents>(from, after_prefix(&id.0))?;
        Ok(places.map(|record| {
            let ((_, height, index), ()) = record?;
            let event = self.view.get::<Events>(&(height, index))?;
            Ok(((height, index), require::<Events, _>(event, height)?))
        }))
    }

    /// What happened to jobs in the block at a height, in order.
    pub fn block_events(&self, height: Height) -> Result<Vec<JobEvent>, LedgerError> {
        let records = self.view.prefix::<Events>(height.to_be_bytes().to_vec())?;
        records.map(|record| Ok(record?.1)).collect()
    }

    /// A class's jobs, by the place of their Request.
    pub fn class_jobs(
        &self,
        class: &Hash,
        before: Place,
    ) -> Result<impl Iterator<Item = Listed<Hash>> + '_, LedgerError> {
        self.listed::<ClassJobs, _, _>(*class, before)
    }

    /// A requester's jobs, by the place of their Request.
    pub fn requester_jobs(
        &self,
        requester: &Address,
        before: Place,
    ) -> Result<impl Iterator<Item = Listed<Hash>> + '_, LedgerError> {
        self.listed::<RequesterJobs, _, _>(*requester, before)
    }

    /// Jobs that an operator was assigned or proved, by the place of that event.
    pub fn operator_jobs(
        &self,
        operator: &Address,
        before: Place,
    ) -> Result<impl Iterator<Item = Listed<Hash>> + '_, LedgerError> {
        self.listed::<OperatorJobs, _, _>(*operator, before)
    }

    /// All jobs that stand so at the tip, by the place of their Request.
    pub fn status_jobs(
        &self,
        status: JobStatus,
        before: Place,
    ) -> Result<impl Iterator<Item = Listed<Hash>> + '_, LedgerError> {
        self.listed::<StatusJobs, _, _>(status.tag(), before)
    }

    // --- Classes, deliveries and prices ----------------------------------------------------------

    /// All classes, by the place of their registration.
    pub fn classes(
        &self,
        before: Place,
    ) -> Result<impl Iterator<Item = Listed<Hash>> + '_, LedgerError> {
        self.view.range_back::<Classes>((0_u32, 0_u32).to_bytes(), before.to_bytes())
    }

    /// Places of an operator's Delivers; [`Self::outcome`] says what became of each.
    pub fn deliveries(
        &self,
        operator: &Address,
        before: Place,
    ) -> Result<impl Iterator<Item = Result<Place, LedgerError>> + '_, LedgerError> {
        let listed = self.listed::<Deliveries, _, _>(*operator, before)?;
        Ok(listed.map(|record| record.map(|(place, ())| place)))
    }

    /// For which prices jobs of a class were assigned, by height, below height `before`.
    pub fn prices(
        &self,
        class: &Hash,
        before: Height,
    ) -> Result<impl Iterator<Item = Result<(Height, Prices), LedgerError>> + '_, LedgerError> {
        let (from, to) = ((*class, 0_u32).to_bytes(), (*class, before).to_bytes());
        let records = self.view.range_back::<ClassPrices>(from, to)?;
        Ok(records.map(|record| record.map(|((_, height), prices)| (height, prices))))
    }

    /// Transactions of which a part is not needed any more from the block at a height on.
    pub fn spent(
        &self,
        height: Height,
    ) -> Result<impl Iterator<Item = Result<Hash, LedgerError>> + '_, LedgerError> {
        let records = self.view.prefix::<Spent>(height.to_be_bytes().to_vec())?;
        Ok(records.map(|record| record.map(|((_, id), ())| id)))
    }

    fn listed<C, P, T>(
        &self,
        of: P,
        before: Place,
    ) -> Result<impl Iterator<Item = Listed<T>> + '_, LedgerError>
    where
        C: Column<Key = (P, Height, u32), Value = T>,
        P: Copy,
        (P, Height, u32): Key,
        T: Value,
    {
        let (from, to) = ((of, 0, 0).to_bytes(), (of, before.0, before.1).to_bytes());
        let records = self.view.range_back::<C>(from, to)?;
        Ok(records.map(|record| record.map(|((_, height, index), value)| ((height, index), value))))
    }
}
