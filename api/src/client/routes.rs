//! The routes, one function each: path and query are written here and nowhere else.

use std::time::Duration;

use lode_consensus::{Address, Hash, Height};

use super::{Client, ClientError};
use crate::{
    account::{Account, AccountTransactions},
    block::Block,
    epoch::{Epoch, Roster},
    job::Job,
    job_event::JobEvents,
    lists::{Classes, Deliveries, Jobs, PriceHistory},
    market::{Book, Class, ClassKey, Operator, Waiting},
    matching::{Estimate, EstimateQuery, Why},
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

    /// All classes, newest first; `before` continues a page.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn classes(&self, before: Option<Height>) -> Result<Classes, ClientError> {
        self.get(&paged("classes", before))
    }

    /// A class as of the tip.
    ///
    /// # Errors
    /// [`ClientError`]; a status of 404 if there is none.
    pub fn class(&self, id: &Hash) -> Result<Class, ClientError> {
        self.get(&format!("class/{id}"))
    }

    /// The verifying key of a class.
    ///
    /// # Errors
    /// As of [`Self::class`].
    pub fn class_key(&self, id: &Hash) -> Result<ClassKey, ClientError> {
        self.get(&format!("class/{id}/key"))
    }

    /// The asks of a class.
    ///
    /// # Errors
    /// As of [`Self::class`].
    pub fn book(&self, class: &Hash) -> Result<Book, ClientError> {
        self.get(&format!("class/{class}/book"))
    }

    /// The jobs of a class that wait for an operator.
    ///
    /// # Errors
    /// As of [`Self::class`].
    pub fn waiting(&self, class: &Hash) -> Result<Waiting, ClientError> {
        self.get(&format!("class/{class}/waiting"))
    }

    /// The jobs of a class, newest first.
    ///
    /// # Errors
    /// As of [`Self::class`].
    pub fn class_jobs(&self, class: &Hash, before: Option<Height>) -> Result<Jobs, ClientError> {
        self.get(&paged(&format!("class/{class}/jobs"), before))
    }

    /// For which prices jobs of a class were assigned, newest first.
    ///
    /// # Errors
    /// As of [`Self::class`].
    pub fn prices(
        &self,
        class: &Hash,
        before: Option<Height>,
    ) -> Result<PriceHistory, ClientError> {
        self.get(&paged(&format!("class/{class}/prices"), before))
    }

    /// What a Request would find.
    ///
    /// # Errors
    /// As of [`Self::class`]; a status of 400 for numbers that no Request can have.
    pub fn estimate(&self, class: &Hash, asked: &EstimateQuery) -> Result<Estimate, ClientError> {
        let mut path = format!(
            "class/{class}/estimate?price={}&soft_blocks={}",
            asked.price, asked.soft_blocks
        );
        let parts = [
            ("late_price", asked.late_price.map(|value| value.to_string())),
            ("hard_blocks", asked.hard_blocks.map(|value| value.to_string())),
            ("damage", asked.damage.map(|value| value.to_string())),
            ("min_reputation", asked.min_reputation.map(|value| value.to_string())),
            ("operator", asked.operator.map(|value| value.to_string())),
        ];
        for (name, value) in parts {
            if let Some(value) = value {
                path.push_str(&format!("&{name}={value}"));
            }
        }
        self.get(&path)
    }

    /// A job as of the tip.
    ///
    /// # Errors
    /// [`ClientError`]; a status of 404 if there is none.
    pub fn market_job(&self, id: &Hash) -> Result<Job, ClientError> {
        self.get(&format!("job/{id}"))
    }

    /// What happened to a job, oldest first.
    ///
    /// # Errors
    /// As of [`Self::market_job`].
    pub fn job_events(&self, id: &Hash) -> Result<JobEvents, ClientError> {
        self.get(&format!("job/{id}/events"))
    }

    /// Why a job does not match.
    ///
    /// # Errors
    /// As of [`Self::market_job`]; 404 too for one that has ended.
    pub fn why(&self, id: &Hash) -> Result<Why, ClientError> {
        self.get(&format!("job/{id}/why"))
    }

    /// Jobs that an address requested, newest first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn requested_jobs(
        &self,
        address: &Address,
        before: Option<Height>,
    ) -> Result<Jobs, ClientError> {
        self.get(&paged(&format!("account/{}/jobs", AddressText(*address)), before))
    }

    /// An operator as of the tip.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn operator(&self, address: &Address) -> Result<Operator, ClientError> {
        self.get(&format!("operator/{}", AddressText(*address)))
    }

    /// Jobs that an operator was assigned or proved, newest first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn operator_jobs(
        &self,
        address: &Address,
        before: Option<Height>,
    ) -> Result<Jobs, ClientError> {
        self.get(&paged(&format!("operator/{}/jobs", AddressText(*address)), before))
    }

    /// The Delivers that an operator sent, newest first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn deliveries(
        &self,
        address: &Address,
        before: Option<Height>,
    ) -> Result<Deliveries, ClientError> {
        self.get(&paged(&format!("operator/{}/deliveries", AddressText(*address)), before))
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

fn paged(path: &str, before: Option<Height>) -> String {
    before.map_or_else(|| path.to_owned(), |before| format!("{path}?before={before}"))
}
