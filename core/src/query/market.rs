//! The proof market: its leaves as of any retained height, each with its proof.

use lode_consensus::{
    Address, Decode, Epoch, Hash, Height, StateKey,
    market::{
        Appointed, Book, Class, ClassKey, JobLeaf, Operator, ProvingPool, Waiting,
        queue::{AgendaLast, AgendaOldest, AgendaPage, QueuePage},
    },
    selection::Weight,
    state::Supply,
};
use lode_ledger::LeafProof;

use super::{Moment, Place, QueryError};

/// A leaf as of some block, proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven<T> {
    pub leaf: LeafProof<T>,
    /// The block at that height.
    pub block_hash: Hash,
}

/// A job's leaf, and its Request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobState {
    /// Not there before the Request, nor once the job has ended and been forgotten.
    pub leaf: Proven<JobLeaf>,
    /// Where the Request stands.
    pub request: Option<Place>,
}

/// An operator as of some block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorState {
    pub leaf: Proven<Operator>,
    /// The leaf as it reads in that block's epoch; without one, an operator that has nothing.
    pub rolled: Operator,
    /// Its mined weight, frozen at the end of the epoch before.
    pub weight: u64,
}

/// A page of the jobs of which something is due at a height.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgendaState {
    pub page: Proven<AgendaPage>,
    /// The leaf that numbers the height's last page; not there if that is page 0.
    pub last: Proven<AgendaLast>,
}

impl Moment<'_> {
    /// A class as of a height, or of the tip.
    ///
    /// # Errors
    /// [`QueryError::NoClass`]; as for all answers of this kind,
    /// [`lode_ledger::LedgerError::NotRetained`] for a height whose state is not there.
    pub fn class(&self, id: &Hash, height: Option<Height>) -> Result<Proven<Class>, QueryError> {
        let class = self.proven::<Class>(StateKey::Class(*id), height)?;
        if class.leaf.leaf.is_none() { Err(QueryError::NoClass(*id)) } else { Ok(class) }
    }

    /// A class's verifying key.
    ///
    /// # Errors
    /// [`QueryError::NoClass`].
    pub fn class_key(
        &self,
        id: &Hash,
        height: Option<Height>,
    ) -> Result<Proven<ClassKey>, QueryError> {
        self.class(id, height)?;
        self.proven(StateKey::Key(*id), height)
    }

    /// The asks of a class.
    ///
    /// # Errors
    /// [`QueryError::NoClass`].
    pub fn book(&self, class: &Hash, height: Option<Height>) -> Result<Proven<Book>, QueryError> {
        self.class(class, height)?;
        self.proven(StateKey::Book(*class), height)
    }

    /// The jobs of a class that are Waiting or Open.
    ///
    /// # Errors
    /// [`QueryError::NoClass`].
    pub fn waiting(
        &self,
        class: &Hash,
        height: Option<Height>,
    ) -> Result<Proven<Waiting>, QueryError> {
        self.class(class, height)?;
        self.proven(StateKey::Waiting(*class), height)
    }

    /// A job.
    ///
    /// # Errors
    /// [`QueryError::NoJob`] if there is neither a leaf nor a Request.
    pub fn job(&self, id: &Hash, height: Option<Height>) -> Result<JobState, QueryError> {
        let leaf = self.proven::<JobLeaf>(StateKey::Job(*id), height)?;
        let request = self
            .reader
            .request(id)?
            .map(|(place, ..)| Place { height: place.height, index: place.index });
        if leaf.leaf.leaf.is_none() && request.is_none() {
            return Err(QueryError::NoJob(*id));
        }
        Ok(JobState { leaf, request })
    }

    /// An operator, whether or not there is such a leaf.
    ///
    /// # Errors
    /// As of [`Self::class`], but for the class.
    pub fn operator(
        &self,
        address: &Address,
        height: Option<Height>,
    ) -> Result<OperatorState, QueryError> {
        let leaf = self.proven::<Operator>(StateKey::Operator(*address), height)?;
        let epoch = self.params().epoch_of(leaf.leaf.height);
        let (rolled, weight) =
            self.operator_in(address, epoch, leaf.leaf.height, leaf.leaf.leaf)?;
        Ok(OperatorState { leaf, rolled, weight })
    }

    /// An operator's leaf of some height as it reads in an epoch, and its weight in that epoch.
    pub(super) fn operator_in(
        &self,
        address: &Address,
        epoch: Epoch,
        height: Height,
        leaf: Option<Operator>,
    ) -> Result<(Operator, u64), QueryError> {
        let unit = self.params().market.reputation_unit;
        let rolled = leaf.map_or(Operator { epoch, ..Operator::default() }, |operator| {
            operator.rolled(epoch, unit)
        });
        let weight: Option<Weight> =
            self.reader.leaf_proof(&StateKey::Weight(*address), height)?.leaf;
        let frozen =
            epoch.checked_sub(1).and_then(|last| weight.and_then(|weight| weight.at_end_of(last)));
        Ok((rolled, frozen.unwrap_or(0)))
    }

    /// For whom an address's shares count.
    ///
    /// # Errors
    /// As of [`Self::operator`].
    pub fn appointed(
        &self,
        address: &Address,
        height: Option<Height>,
    ) -> Result<Proven<Appointed>, QueryError> {
        self.proven(StateKey::Appoint(*address), height)
    }

    /// The proving pool of an epoch.
    ///
    /// # Errors
    /// As of [`Self::operator`].
    pub fn pool(
        &self,
        epoch: Epoch,
        height: Option<Height>,
    ) -> Result<Proven<ProvingPool>, QueryError> {
        self.proven(StateKey::ProvingPool(epoch), height)
    }

    /// A page of the events that matching is to look at. Pages follow each other without a gap.
    ///
    /// # Errors
    /// As of [`Self::operator`].
    pub fn queue(
        &self,
        page: u32,
        height: Option<Height>,
    ) -> Result<Proven<QueuePage>, QueryError> {
        self.proven(StateKey::Queue(page), height)
    }

    /// A page of the jobs of which something is due at a height.
    ///
    /// # Errors
    /// As of [`Self::operator`].
    pub fn agenda(
        &self,
        due: Height,
        page: u32,
        height: Option<Height>,
    ) -> Result<AgendaState, QueryError> {
        Ok(AgendaState {
            page: self.proven(StateKey::Agenda(due, page), height)?,
            last: self.proven(StateKey::AgendaLast(due), height)?,
        })
    }

    /// The first page that is left of the heights up to the block's.
    ///
    /// # Errors
    /// As of [`Self::operator`].
    pub fn agenda_oldest(
        &self,
        height: Option<Height>,
    ) -> Result<Proven<AgendaOldest>, QueryError> {
        self.proven(StateKey::AgendaOldest, height)
    }

    /// Where all microcredits were after the chain's block at a height, and that block.
    ///
    /// # Errors
    /// [`QueryError::NoHeight`].
    pub fn supply(&self, height: Option<Height>) -> Result<(Height, Hash, Supply), QueryError> {
        let tip = self.reader.tip_height()?;
        let at = height.unwrap_or(tip);
        let hash = self.reader.block_hash_at(at)?;
        let state = self.reader.block_state(at)?;
        let (Some(hash), Some(state)) = (hash, state) else {
            return Err(QueryError::NoHeight { height: at, tip });
        };
        Ok((at, hash, state.supply))
    }

    fn proven<T: Decode>(
        &self,
        key: StateKey,
        height: Option<Height>,
    ) -> Result<Proven<T>, QueryError> {
        let at = height.map_or_else(|| self.reader.tip_height(), Ok)?;
        let leaf = self.reader.leaf_proof(&key, at)?;
        let lost = || QueryError::Contradiction(format!("the chain has no block at height {at}"));
        Ok(Proven { leaf, block_hash: self.reader.block_hash_at(at)?.ok_or_else(lost)? })
    }
}
