//! Questions about the chain, answered from one moment: a reorg while a reader is in use does not
//! show in it.

use std::collections::BTreeMap;

use lode_consensus::{
    Account, Address, Block, ChainSpec, ChainWork, Decode, Epoch, Hash, Header, Height,
    SealedHeader, Share, ShareId, StateKey, epoch,
    market::{Appointed, ProvingPool},
    rules::{Ancestry, ChainContext},
    selection::{self, WEIGHT_LIFETIME, Weight, Weights},
    state::{Credit, Pending, Supply},
    transition::StateView,
    tree::{Changes, StateProof, TreeError},
};
use lode_genesis::Network;
use lode_puzzle::Target;

use crate::{
    BlockEntry, BlockState, BlockStatus, LedgerError,
    columns::{
        AccountTransactions, Blocks, Chain, Column, Entries, EpochWeights, Fact, Facts, Key,
        ProducerBlocks, ProverShares, ShareIds, States, Transactions, Value,
    },
    database::{Database, View, after_prefix},
    records::StoredBlock,
    state::{Nodes, TipState, put_value_set, root_at, tree},
};

pub use crate::records::TransactionPlace;

/// The ledger at one moment.
#[derive(Debug)]
pub struct Reader<'a> {
    pub(crate) view: View<'a>,
    network: &'a Network,
}

/// What the state tree says of a leaf, with the proof for a client that holds only the block's
/// hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafProof<T> {
    /// What the leaf says, if it exists.
    pub leaf: Option<T>,
    /// The height that was asked.
    pub height: Height,
    /// The root that the proof leads to: that of the block at that height.
    pub state_root: Hash,
    /// The leaf's place in the tree.
    pub key: Hash,
    /// The leaf's bytes.
    pub value: Option<Vec<u8>>,
    pub proof: StateProof,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(database: &'a Database, network: &'a Network) -> Self {
        Self { view: database.view(), network }
    }

    pub(crate) fn params(&self) -> &ChainSpec {
        &self.network.params
    }

    pub(crate) fn layout(&self) -> Result<Option<u32>, LedgerError> {
        self.fact(Fact::Layout)
    }

    pub(crate) fn fact<T: Value>(&self, fact: Fact) -> Result<Option<T>, LedgerError> {
        let bytes = self.view.get::<Facts>(&fact)?;
        let value = bytes.map(|bytes| T::from_bytes(&bytes)).transpose();
        value.map_err(|error| LedgerError::Record { column: Facts::NAME, error })
    }

    pub fn tip_height(&self) -> Result<Height, LedgerError> {
        require::<Facts, _>(self.fact(Fact::Tip)?, "tip")
    }

    /// The height and the hash of the tip.
    pub fn tip(&self) -> Result<(Height, Hash), LedgerError> {
        let height = self.tip_height()?;
        Ok((height, self.chain_hash(height)?))
    }

    /// The oldest height whose state is retained, and to which a reorg can go back.
    pub fn state_floor(&self) -> Result<Height, LedgerError> {
        require::<Facts, _>(self.fact(Fact::Floor)?, "floor")
    }

    /// The hash of the chain's block at a height, or `None` above the tip.
    pub fn block_hash_at(&self, height: Height) -> Result<Option<Hash>, LedgerError> {
        self.view.get::<Chain>(&height)
    }

    fn chain_hash(&self, height: Height) -> Result<Hash, LedgerError> {
        require::<Chain, _>(self.block_hash_at(height)?, height)
    }

    /// What is known of a stored block, on the chain or off it.
    pub fn entry(&self, hash: &Hash) -> Result<Option<BlockEntry>, LedgerError> {
        self.view.get::<Entries>(hash)
    }

    pub(crate) fn require_entry(&self, hash: &Hash) -> Result<BlockEntry, LedgerError> {
        require::<Entries, _>(self.entry(hash)?, hash)
    }

    /// A stored block, on the chain or off it.
    pub fn block(&self, hash: &Hash) -> Result<Option<Block>, LedgerError> {
        let Some(entry) = self.entry(hash)? else {
            return Ok(None);
        };
        let stored = require::<Blocks, _>(self.view.get::<Blocks>(hash)?, hash)?;
        Ok(Some(stored.with_header(entry.header)))
    }

    /// The chain's block at a height, with its hash.
    pub fn block_at(&self, height: Height) -> Result<Option<(Hash, Block)>, LedgerError> {
        let Some(hash) = self.block_hash_at(height)? else {
            return Ok(None);
        };
        Ok(Some((hash, require::<Blocks, _>(self.block(&hash)?, hash)?)))
    }

    /// A stored block's header and proof, on the chain or off it, without reading its body.
    pub fn sealed_header(&self, hash: &Hash) -> Result<Option<SealedHeader>, LedgerError> {
        let Some(entry) = self.entry(hash)? else {
            return Ok(None);
        };
        let seal = require::<Blocks, _>(
            self.view.get_part::<Blocks, _>(hash, StoredBlock::decode_seal)?,
            hash,
        )?;
        Ok(Some(SealedHeader { header: entry.header, nonce: seal.0, proof: seal.1 }))
    }

    /// Whether a stored block is on the chain.
    pub fn is_on_chain(&self, hash: &Hash, height: Height) -> Result<bool, LedgerError> {
        Ok(self.block_hash_at(height)? == Some(*hash))
    }

    /// What the chain's block at a height did to the state.
    pub fn block_state(&self, height: Height) -> Result<Option<BlockState>, LedgerError> {
        self.view.get::<States>(&height)
    }

    pub fn work(&self) -> Result<ChainWork, LedgerError> {
        let (_, hash) = self.tip()?;
        Ok(self.require_entry(&hash)?.work)
    }

    /// Where all microcredits are after the tip.
    pub fn supply(&self) -> Result<Supply, LedgerError> {
        self.tip_state()?.supply()
    }

    pub(crate) fn tip_state(&self) -> Result<TipState<'_>, LedgerError> {
        Ok(TipState { view: &self.view, height: self.tip_height()? })
    }

    /// The state after the tip, for building and judging the next block.
    pub fn state(&self) -> Result<impl StateView<Error = LedgerError> + '_, LedgerError> {
        self.tip_state()
    }

    /// The root of the state tree after a block on top of the tip that makes these changes: what a
    /// template puts into its header. Nothing is written.
    pub fn state_root_after(&self, changes: &Changes) -> Result<Hash, LedgerError> {
        let next = self.tip_height()?.saturating_add(1);
        Ok(put_value_set(&self.view, next, changes)?.0)
    }

    /// The rules' view of the chain below the next block on top of a stored block.
    pub fn context(&self, parent: &Hash) -> Result<ChainContext, LedgerError> {
        let branch = self.branch(parent)?;
        ChainContext::gather(self.params(), self.network.genesis_hash, branch.tip, &branch)
    }

    /// The chain that ends in a stored block.
    ///
    /// # Errors
    /// [`LedgerError::Orphan`] without such a block, [`LedgerError::InvalidAncestor`] if it or one
    /// below it broke a rule, [`LedgerError::ReorgTooDeep`] if it leaves the ledger's chain below
    /// the retained history.
    pub fn branch(&self, tip_hash: &Hash) -> Result<Branch<'_>, LedgerError> {
        let floor = self.state_floor()?;
        let mut hash = *tip_hash;
        let mut entry = self.entry(&hash)?.ok_or(LedgerError::Orphan { parent: hash })?;
        let tip = entry.header.height;
        let mut newest_first = Vec::new();
        while !self.is_on_chain(&hash, entry.header.height)? {
            if entry.status == BlockStatus::Invalid {
                return Err(LedgerError::InvalidAncestor { ancestor: hash });
            }
            if entry.header.height <= floor {
                // Bounds the walk: such a branch could not be followed anyway.
                return Err(LedgerError::ReorgTooDeep {
                    fork: entry.header.height.saturating_sub(1),
                    floor,
                });
            }
            newest_first.push(hash);
            hash = entry.header.parent_hash;
            entry = self.require_entry(&hash)?;
        }
        newest_first.reverse();
        Ok(Branch { reader: self, fork: entry.header.height, side: newest_first, tip })
    }

    /// An account as of the tip; `None` before its first credit.
    pub fn account(&self, address: &Address) -> Result<Option<Account>, LedgerError> {
        let key = StateKey::Account(*address);
        self.tip_state()?.leaf(&key)?.map(|bytes| decode_leaf(&bytes)).transpose()
    }

    /// An account as of a retained height, with the proof of it.
    pub fn account_proof(
        &self,
        address: &Address,
        height: Height,
    ) -> Result<LeafProof<Account>, LedgerError> {
        self.leaf_proof(&StateKey::Account(*address), height)
    }

    /// What an address has earned by shares, as of a retained height, with the proof of it.
    pub fn weight_proof(
        &self,
        address: &Address,
        height: Height,
    ) -> Result<LeafProof<Weight>, LedgerError> {
        self.leaf_proof(&StateKey::Weight(*address), height)
    }

    /// The same for all addresses together.
    pub fn weight_sum_proof(&self, height: Height) -> Result<LeafProof<Weight>, LedgerError> {
        self.leaf_proof(&StateKey::WeightSum, height)
    }

    /// Refuses a height whose state is not retained.
    pub(crate) fn require_retained(&self, height: Height) -> Result<(), LedgerError> {
        let (floor, tip) = (self.state_floor()?, self.tip_height()?);
        if height < floor || height > tip {
            return Err(LedgerError::NotRetained { height, floor, tip });
        }
        Ok(())
    }

    /// A leaf as of a retained height, with the proof of it.
    pub fn leaf_proof<T: Decode>(
        &self,
        key: &StateKey,
        height: Height,
    ) -> Result<LeafProof<T>, LedgerError> {
        self.require_retained(height)?;
        let key = key.hash();
        let nodes = Nodes(&self.view);
        let (value, proof) = tree(&nodes)
            .get_with_proof(jmt::KeyHash(key.0), height.into())
            .map_err(TreeError::new)?;
        Ok(LeafProof {
            leaf: value.as_deref().map(decode_leaf).transpose()?,
            height,
            state_root: root_at(&self.view, height)?,
            key,
            value,
            proof: StateProof::from_jmt(&proof)?,
        })
    }

    /// An address' weight leaf as of a retained height.
    pub(crate) fn weight_at(
        &self,
        address: &Address,
        height: Height,
    ) -> Result<Option<Weight>, LedgerError> {
        let state = TipState { view: &self.view, height };
        state.leaf(&StateKey::Weight(*address))?.map(|bytes| decode_leaf(&bytes)).transpose()
    }

    /// For whom a prover's shares counted in an epoch, as of a retained height.
    pub(crate) fn beneficiary_at(
        &self,
        prover: &Address,
        epoch: Epoch,
        height: Height,
    ) -> Result<Address, LedgerError> {
        let state = TipState { view: &self.view, height };
        let leaf = state.leaf(&StateKey::Appoint(*prover))?;
        let appointed: Option<Appointed> = leaf.map(|bytes| decode_leaf(&bytes)).transpose()?;
        Ok(appointed.map_or(*prover, |appointed| appointed.at(epoch)))
    }

    /// What an address has mined and cannot spend yet: height of maturity and amount, oldest first.
    pub fn immature(&self, address: &Address) -> Result<Vec<(Height, u64)>, LedgerError> {
        let tip = self.tip_height()?;
        let maturity = self.params().maturity;
        let mut amounts = Vec::new();
        for height in tip.saturating_sub(maturity.saturating_sub(1))..=tip {
            let credits = self.pending(height)?;
            if let Some(credit) = credits.iter().find(|credit| credit.address == *address) {
                amounts.push((height.saturating_add(maturity), credit.amount));
            }
        }
        Ok(amounts)
    }

    /// The credits of a block that have not matured yet.
    pub fn pending(&self, height: Height) -> Result<Vec<Credit>, LedgerError> {
        let leaf = self.tip_state()?.leaf(&StateKey::Pending(height))?;
        Ok(leaf.map(|bytes| decode_leaf::<Pending>(&bytes)).transpose()?.unwrap_or_default().0)
    }

    /// What is left of the proving pool of an epoch, in microcredits.
    pub fn proving_pool(&self, epoch: Epoch) -> Result<u64, LedgerError> {
        let leaf = self.tip_state()?.leaf(&StateKey::ProvingPool(epoch))?;
        Ok(leaf
            .map(|bytes| decode_leaf::<ProvingPool>(&bytes))
            .transpose()?
            .unwrap_or_default()
            .left)
    }

    /// Where in the chain a transaction stands.
    pub fn transaction_place(&self, id: &Hash) -> Result<Option<TransactionPlace>, LedgerError> {
        self.view.get::<Transactions>(id)
    }

    /// Places of an account's transactions below height `before`, newest first.
    pub fn account_transactions(
        &self,
        address: &Address,
        before: Height,
    ) -> Result<impl Iterator<Item = Result<TransactionPlace, LedgerError>> + '_, LedgerError> {
        let places = self.places_back::<AccountTransactions>(address, before)?;
        Ok(places.map(|place| place.map(|(height, index)| TransactionPlace { height, index })))
    }

    /// Heights and places of a prover's shares below height `before`, newest first.
    pub fn prover_shares(
        &self,
        prover: &Address,
        before: Height,
    ) -> Result<impl Iterator<Item = Result<(Height, u32), LedgerError>> + '_, LedgerError> {
        self.places_back::<ProverShares>(prover, before)
    }

    fn places_back<C: Column<Key = (Address, Height, u32)>>(
        &self,
        address: &Address,
        before: Height,
    ) -> Result<impl Iterator<Item = Result<(Height, u32), LedgerError>> + '_, LedgerError> {
        let (from, to) =
            ((*address, 0_u32, 0_u32).to_bytes(), (*address, before, 0_u32).to_bytes());
        let records = self.view.range_back::<C>(from, to)?;
        Ok(records.map(|record| record.map(|((_, height, index), _)| (height, index))))
    }

    /// Heights of a producer's blocks below height `before`, newest first.
    pub fn producer_blocks(
        &self,
        producer: &Address,
        before: Height,
    ) -> Result<impl Iterator<Item = Result<Height, LedgerError>> + '_, LedgerError> {
        let (from, to) = ((*producer, 0_u32).to_bytes(), (*producer, before).to_bytes());
        let records = self.view.range_back::<ProducerBlocks>(from, to)?;
        Ok(records.map(|record| record.map(|((_, height), ())| height)))
    }

    /// Whether the chain has counted a share already.
    pub fn has_share(&self, id: &ShareId) -> Result<bool, LedgerError> {
        Ok(self.view.get::<ShareIds>(id)?.is_some())
    }

    /// The challenge of an epoch that has begun, or that the next block opens.
    pub fn epoch_challenge(&self, epoch: Epoch) -> Result<Option<Hash>, LedgerError> {
        let last = match self.params().epoch_start(epoch).checked_sub(1) {
            Some(last) => self.block_hash_at(last)?,
            None => Some(self.network.genesis_hash),
        };
        Ok(last.as_ref().map(epoch::challenge))
    }

    /// F0 of an epoch that has begun: the target of its first block.
    pub fn epoch_first_target(&self, epoch: Epoch) -> Result<Option<Target>, LedgerError> {
        let Some(hash) = self.block_hash_at(self.params().epoch_start(epoch))? else {
            return Ok(None);
        };
        Ok(Some(self.require_entry(&hash)?.header.target))
    }

    /// How many shares each prover has in an epoch so far.
    pub fn epoch_shares(&self, epoch: Epoch) -> Result<BTreeMap<Address, u64>, LedgerError> {
        let records = self.view.prefix::<EpochWeights>(epoch.to_be_bytes().to_vec())?;
        records
            .map(|record| record.map(|((_, address), weight)| (address, weight.shares.into())))
            .collect()
    }

    /// The weights of an epoch that has begun: frozen if it has ended, else as they would be if it
    /// ended now.
    ///
    /// A prover whose last share is more than [`WEIGHT_LIFETIME`] epochs old has no weight, so that
    /// this reads the records of so many epochs and no more.
    pub fn weights(&self, epoch: Epoch) -> Result<Weights, LedgerError> {
        let first = epoch.saturating_sub(WEIGHT_LIFETIME.saturating_sub(1));
        let to = after_prefix(&epoch.to_be_bytes());
        let mut weights = Weights::new();
        for record in self.view.range::<EpochWeights>(first.to_be_bytes().to_vec(), to)? {
            // Later records of an address replace earlier ones, whose shares they carry.
            let ((_, address), leaf) = record?;
            weights.insert(address, leaf.at_end_of(epoch).unwrap_or(0));
        }
        weights.retain(|_, weight| *weight > 0);
        Ok(weights)
    }

    /// The duty roster of a height up to the tip's next: provers in rank order. `None` above that.
    pub fn roster(&self, height: Height) -> Result<Option<Vec<Address>>, LedgerError> {
        let Some(parent) = height.checked_sub(1) else {
            return Ok(Some(Vec::new()));
        };
        let Some(parent_hash) = self.block_hash_at(parent)? else {
            return Ok(None);
        };
        let Some(previous) = self.params().epoch_of(height).checked_sub(1) else {
            return Ok(Some(Vec::new()));
        };
        Ok(Some(selection::roster(&self.weights(previous)?, &parent_hash, height)))
    }

    /// The share at a place in the chain.
    pub fn share_at(&self, height: Height, index: u32) -> Result<Option<Share>, LedgerError> {
        let Some((_, block)) = self.block_at(height)? else {
            return Ok(None);
        };
        Ok(usize::try_from(index).ok().and_then(|index| block.body.shares.get(index).cloned()))
    }
}

/// The chain that ends in some stored block: the ledger's own chain up to the fork, then the side
/// blocks.
#[derive(Debug)]
pub struct Branch<'r> {
    reader: &'r Reader<'r>,
    pub(crate) fork: Height,
    /// Hashes above the fork, oldest first; empty if the branch's tip is on the chain.
    pub(crate) side: Vec<Hash>,
    pub(crate) tip: Height,
}

impl Branch<'_> {
    /// The last height in common with the ledger's chain.
    pub fn fork(&self) -> Height {
        self.fork
    }

    /// The height of the branch's last block.
    pub fn tip(&self) -> Height {
        self.tip
    }
}

impl Ancestry for Branch<'_> {
    type Error = LedgerError;

    fn block_hash(&self, height: Height) -> Result<Hash, LedgerError> {
        let above = height.checked_sub(self.fork).and_then(|above| above.checked_sub(1));
        let side = above.and_then(|above| self.side.get(usize::try_from(above).ok()?));
        match side {
            Some(hash) => Ok(*hash),
            None => self.reader.chain_hash(height),
        }
    }

    fn header(&self, height: Height) -> Result<Header, LedgerError> {
        Ok(self.reader.require_entry(&self.block_hash(height)?)?.header)
    }
}

pub(crate) fn require<C: Column, T>(
    record: Option<T>,
    key: impl std::fmt::Display,
) -> Result<T, LedgerError> {
    record.ok_or_else(|| LedgerError::Missing { column: C::NAME, key: key.to_string() })
}

fn decode_leaf<T: Decode>(bytes: &[u8]) -> Result<T, LedgerError> {
    T::decode(bytes).map_err(|error| LedgerError::Record { column: "tree-values", error })
}
