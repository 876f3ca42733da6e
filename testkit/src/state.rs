//! The whole state after a block, in maps: no tree, no history, and no storage.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
};

use lode_consensus::{
    Account, Address, Decode, Epoch, Hash, Height, ShareId, StateKey,
    market::ProvingPool,
    state::{Amount, Credit, Pending, Supply},
    transition::{AppliedBlock, StateView},
    tree::{self, Changes},
};

/// The state after one block.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub leaves: BTreeMap<StateKey, Vec<u8>>,
    pub supply: Supply,
    pub shares: BTreeSet<ShareId>,
    /// Of the blocks up to this one, by height.
    pub hashes: Vec<Hash>,
}

impl State {
    /// Writes and removes leaves.
    pub fn write(&mut self, changes: &Changes) {
        for (key, value) in changes {
            match value {
                Some(value) => self.leaves.insert(*key, value.clone()),
                None => self.leaves.remove(key),
            };
        }
    }

    /// The state after a block that was applied to this one and counted these shares; the caller
    /// adds the block's hash.
    pub fn after(&self, applied: &AppliedBlock, shares: impl Iterator<Item = ShareId>) -> Self {
        let mut after = self.clone();
        after.write(&applied.changes);
        after.supply = applied.supply;
        after.shares.extend(shares);
        after
    }

    /// The leaves as changes to an empty tree.
    pub fn all_leaves(&self) -> Changes {
        self.leaves.iter().map(|(key, value)| (*key, Some(value.clone()))).collect()
    }

    pub fn root(&self) -> Hash {
        tree::genesis_root(&self.all_leaves()).unwrap()
    }

    pub fn account(&self, address: Address) -> Option<Account> {
        self.leaves.get(&StateKey::Account(address)).map(|leaf| Account::decode(leaf).unwrap())
    }

    pub fn balance(&self, address: Address) -> u64 {
        self.account(address).unwrap_or_default().balance
    }

    /// All credits that wait for their maturity.
    pub fn pending(&self) -> Vec<Credit> {
        let leaves = self.leaves.iter().filter(|(key, _)| matches!(key, StateKey::Pending(_)));
        leaves.flat_map(|(_, leaf)| Pending::decode(leaf).unwrap().0).collect()
    }

    pub fn proving_pool(&self, epoch: Epoch) -> u64 {
        self.leaves
            .get(&StateKey::ProvingPool(epoch))
            .map_or(0, |leaf| ProvingPool::decode(leaf).unwrap().left)
    }

    pub fn share_fund(&self) -> u64 {
        Amount::decode(&self.leaves[&StateKey::ShareFund]).unwrap().0
    }
}

impl StateView for State {
    type Error = Infallible;

    fn leaf(&self, key: &StateKey) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.leaves.get(key).cloned())
    }

    fn block_hash(&self, height: Height) -> Result<Hash, Infallible> {
        Ok(self.hashes[height as usize])
    }

    fn supply(&self) -> Result<Supply, Infallible> {
        Ok(self.supply)
    }

    fn has_share(&self, id: &ShareId) -> Result<bool, Infallible> {
        Ok(self.shares.contains(id))
    }
}
