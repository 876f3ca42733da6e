//! The routes, one function each: path and query are written here and nowhere else.

use std::time::Duration;

use lode_consensus::{Address, Hash, Height};

use super::{Client, ClientError};
use crate::{
    account::{Account, AccountTransactions},
    block::Block,
    epoch::{Epoch, Roster},
    mining::{Attempt, AttemptOutcome, MiningJob},
    network::{Peers, Sync},
    status::Status,
    text::AddressText,
    transaction::{Mempool, TransactionAccepted, TransactionPlace, TransactionRequest},
};

impl Client {
    /// Chain, supply and mempool.
    ///
    /// # Errors
    /// [`ClientError`], as for all routes.
    pub fn status(&self) -> Result<Status, ClientError> {
        self.get("status")
    }

    /// How far the node has come, and whether to rely on its tip.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn sync(&self) -> Result<Sync, ClientError> {
        self.get("sync")
    }

    /// An account as of the tip.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn account(&self, address: &Address) -> Result<Account, ClientError> {
        self.get(&format!("account/{}", AddressText(*address)))
    }

    /// The newest page of what an account sent and received.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn account_transactions(
        &self,
        address: &Address,
    ) -> Result<AccountTransactions, ClientError> {
        self.get(&format!("account/{}/transactions", AddressText(*address)))
    }

    /// The node among its peers.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn peers(&self) -> Result<Peers, ClientError> {
        self.get("peers")
    }

    /// A block; `id` is a height, a hash or `latest`.
    ///
    /// # Errors
    /// [`ClientError`]; a status of 404 if there is none.
    pub fn block(&self, id: &str) -> Result<Block, ClientError> {
        self.get(&Self::block_path(id))
    }

    /// The path of [`Self::block`], for [`Self::get`].
    pub fn block_path(id: &str) -> String {
        format!("block/{id}")
    }

    /// An epoch that has begun; without a number, that of the tip.
    ///
    /// # Errors
    /// [`ClientError`]; a status of 404 if it has not begun.
    pub fn epoch(&self, epoch: Option<u32>) -> Result<Epoch, ClientError> {
        self.get(&Self::epoch_path(epoch))
    }

    /// The path of [`Self::epoch`], for [`Self::get`].
    pub fn epoch_path(epoch: Option<u32>) -> String {
        epoch.map_or_else(|| "epoch/current".to_owned(), |epoch| format!("epoch/{epoch}"))
    }

    /// The provers in the order of their right to a height.
    ///
    /// # Errors
    /// [`ClientError`]; a status of 404 for a height that is not the tip's next or below.
    pub fn roster(&self, height: Height) -> Result<Roster, ClientError> {
        self.get(&format!("roster/{height}"))
    }

    /// What waits for a block.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn mempool(&self) -> Result<Mempool, ClientError> {
        self.get("mempool")
    }

    /// A transaction and where it is.
    ///
    /// # Errors
    /// [`ClientError`]; a status of 404 if it is neither in a block nor waiting for one.
    pub fn transaction(&self, id: &Hash) -> Result<TransactionPlace, ClientError> {
        self.get(&format!("transaction/{id}"))
    }

    /// Hands a transaction in.
    ///
    /// # Errors
    /// [`ClientError`]; with any but a status of 4xx the node may have taken it all the same.
    pub fn submit_transaction(
        &self,
        request: &TransactionRequest,
    ) -> Result<TransactionAccepted, ClientError> {
        self.node.post(&self.path("transaction"), request)
    }

    /// Work for `address`; with `after`, held back until there is other work than that, at most
    /// `wait`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn job(
        &self,
        address: &Address,
        after: Option<&Hash>,
        wait: Duration,
    ) -> Result<MiningJob, ClientError> {
        let mut path = self.path(&format!("mining/job?address={}", AddressText(*address)));
        let Some(after) = after else { return self.node.get(&path) };
        path.push_str(&format!("&after={after}&wait_ms={}", wait.as_millis()));
        self.node.get_held(&path, wait)
    }

    /// Hands an attempt in.
    ///
    /// # Errors
    /// [`ClientError`]; a status of 409 for one that came too late or a second time.
    pub fn submit_attempt(&self, attempt: &Attempt) -> Result<AttemptOutcome, ClientError> {
        self.node.post(&self.path("mining/submit"), attempt)
    }
}
