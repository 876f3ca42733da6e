//! Blocks and transactions.

use lode_consensus::{
    Action, Block, ChainWork, Epoch, Hash, Height, SignedTransaction, epoch,
    market::event::Outcome, reward,
};
use lode_ledger::{BlockEntry, TransactionPlace};

use super::{Moment, Place, QueryError};

/// How a question names a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockId {
    /// The tip.
    Latest,
    /// The chain's block at a height.
    Height(Height),
    /// A block by its hash, on the chain or beside it.
    Hash(Hash),
}

/// A block and its place among the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockAnswer {
    pub hash: Hash,
    pub block: Block,
    pub epoch: Epoch,
    /// The network's genesis hash.
    pub genesis_hash: Hash,
    /// The challenge of its epoch, on its own branch.
    pub epoch_challenge: Hash,
    /// Whether it is on the chain.
    pub on_chain: bool,
    /// Blocks on top of it, itself included; 0 beside the chain.
    pub confirmations: u32,
    /// Cumulative work up to it.
    pub work: ChainWork,
    /// What it mints at most, in microcredits.
    pub subsidy: u64,
    /// What became of its transactions, in their order; empty beside the chain.
    pub told: Vec<Told>,
}

/// What became of a transaction that a block of the chain includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    pub outcome: Outcome,
    /// Of a RegisterClass: how many public values a job of the class has.
    pub values: Option<u16>,
}

/// A transaction and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionAnswer {
    /// The transaction.
    pub signed: SignedTransaction,
    /// Its place in the chain; none while it waits.
    pub place: Option<Place>,
    /// What became of it there.
    pub told: Option<Told>,
}

impl Moment<'_> {
    /// A stored block, on the chain or beside it.
    ///
    /// # Errors
    /// [`QueryError::NoHeight`] or [`QueryError::NoBlock`] if there is none.
    pub fn block(&self, id: BlockId) -> Result<BlockAnswer, QueryError> {
        let (tip, tip_hash) = self.reader.tip()?;
        let hash = match id {
            BlockId::Latest => tip_hash,
            BlockId::Hash(hash) => hash,
            BlockId::Height(height) => {
                self.reader.block_hash_at(height)?.ok_or(QueryError::NoHeight { height, tip })?
            }
        };
        let entry = self.reader.entry(&hash)?.ok_or(QueryError::NoBlock(hash))?;
        let body_is_missing = || QueryError::Contradiction(format!("block {hash} has no body"));
        let block = self.reader.block(&hash)?.ok_or_else(body_is_missing)?;
        let height = entry.header.height;
        let epoch = self.params().epoch_of(height);
        let epoch_challenge = match self.params().epoch_start(epoch).checked_sub(1) {
            Some(last) => epoch::challenge(&self.ancestor(&entry, last)?),
            None => epoch::challenge(&self.genesis_hash()),
        };
        let on_chain = self.reader.is_on_chain(&hash, height)?;
        let above = tip.saturating_sub(height);
        let told = if on_chain { self.told_all(height, &block)? } else { Vec::new() };
        Ok(BlockAnswer {
            hash,
            block,
            epoch,
            genesis_hash: self.genesis_hash(),
            epoch_challenge,
            on_chain,
            confirmations: if on_chain { above.saturating_add(1) } else { 0 },
            work: entry.work,
            subsidy: reward::subsidy(height),
            told,
        })
    }

    /// The hash of a block's ancestor at a height below its own, on the chain or off it. A branch
    /// is no longer than the retained history.
    fn ancestor(&self, block: &BlockEntry, height: Height) -> Result<Hash, QueryError> {
        let (mut hash, mut at) = (block.header.parent_hash, block.header.height.saturating_sub(1));
        while at > height {
            if self.reader.is_on_chain(&hash, at)? {
                let below = self.reader.block_hash_at(height)?;
                let lost = || {
                    QueryError::Contradiction(format!("the chain has no block at height {height}"))
                };
                return below.ok_or_else(lost);
            }
            (hash, at) = (self.entry(&hash)?.header.parent_hash, at.saturating_sub(1));
        }
        Ok(hash)
    }

    /// A transaction of the chain, or else the one given, which was seen to wait before this
    /// moment: one that a block takes in between is found in the block.
    ///
    /// # Errors
    /// [`QueryError::NoTransaction`] if it is neither.
    pub fn transaction(
        &self,
        id: &Hash,
        waiting: Option<SignedTransaction>,
    ) -> Result<TransactionAnswer, QueryError> {
        let Some(place) = self.reader.transaction_place(id)? else {
            let signed = waiting.ok_or(QueryError::NoTransaction(*id))?;
            return Ok(TransactionAnswer { signed, place: None, told: None });
        };
        let place = Place { height: place.height, index: place.index };
        let block = self.reader.block_at(place.height)?.map(|(_, block)| block);
        let signed = block.and_then(|block| block.body.transactions.into_iter().nth(place.slot()));
        let lost = || QueryError::Contradiction(format!("transaction {id} is not in its block"));
        let signed = signed.ok_or_else(lost)?;
        let told = self.told(*id, &signed, place)?;
        Ok(TransactionAnswer { signed, place: Some(place), told })
    }

    /// What became of a transaction of the chain.
    pub(super) fn told(
        &self,
        id: Hash,
        signed: &SignedTransaction,
        place: Place,
    ) -> Result<Option<Told>, QueryError> {
        let place = TransactionPlace { height: place.height, index: place.index };
        let Some(outcome) = self.reader.outcome(&place)? else { return Ok(None) };
        Ok(Some(Told { outcome, values: self.values(id, signed)? }))
    }

    fn told_all(&self, height: Height, block: &Block) -> Result<Vec<Told>, QueryError> {
        let genesis_hash = self.genesis_hash();
        let outcomes = self.reader.outcomes(height)?;
        let transactions = block.body.transactions.iter();
        let told = transactions.zip(outcomes).map(|(signed, outcome)| {
            Ok(Told { outcome, values: self.values(signed.id(&genesis_hash), signed)? })
        });
        told.collect()
    }

    fn values(&self, id: Hash, signed: &SignedTransaction) -> Result<Option<u16>, QueryError> {
        if !matches!(signed.transaction.action, Action::RegisterClass(_)) {
            return Ok(None);
        }
        Ok(self.reader.class(&id)?.map(|class| class.values))
    }
}
