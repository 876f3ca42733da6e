//! Transactions: `GET` and `POST /{network}/transaction`, and `GET /{network}/mempool`.

use lode_consensus::{
    self as consensus, Encode, Hash, Height, SignedTransaction, market::event::Outcome,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use crate::action::{Action, Policy, SelectionKind};
use crate::text::{
    AddressText, BytesHex, HashText, Hex, SignatureText, Text, U64Text, integer, integer_schema,
    integer_text,
};

/// What a transaction says, with its id. Amounts are in microcredits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Transaction {
    /// The transaction's id, which is also the message that `from` signs.
    pub id: HashText,
    /// Who pays and signs.
    pub from: AddressText,
    /// What the block's producer receives.
    pub fee: u64,
    /// How many transactions `from` has made before.
    pub nonce: U64Text,
    /// The last height at which it is valid.
    pub expiry: u32,
    /// What it does.
    #[serde(flatten)]
    pub action: Action,
}

impl Transaction {
    /// A transaction as it is shown.
    pub fn of(id: Hash, signed: &SignedTransaction) -> Self {
        let consensus::Transaction { from, fee, nonce, expiry, ref action } = signed.transaction;
        Self {
            id: Text(id),
            from: AddressText(from),
            fee,
            nonce: Text(nonce),
            expiry,
            action: Action::from(action),
        }
    }

    /// A transaction as it is shown, and what became of it.
    pub fn told(id: Hash, signed: &SignedTransaction, told: Option<&Told>) -> (Self, Fate) {
        let mut shown = Self::of(id, signed);
        let Some(told) = told else { return (shown, Fate::default()) };
        if let Action::RegisterClass { values, .. } = &mut shown.action {
            *values = told.values;
        }
        (shown, Fate::of(&signed.transaction.action, told.outcome))
    }
}

/// What became of a transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fate {
    /// Null unless a block of the chain includes it.
    pub outcome: Option<TransactionOutcome>,
    /// Why it did nothing, in one line; null unless it is void.
    pub reason: Option<String>,
    /// Whether the proof of a Deliver holds; null if it was not judged.
    pub proof_holds: Option<bool>,
}

/// What a transaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransactionOutcome {
    /// All that it says.
    Applied,
    /// It paid its fee and did nothing else.
    Void,
    /// A Deliver whose proof does not hold: it delivered nothing and cost its sender.
    FalseProof,
}

impl Fate {
    /// What the chain says of a transaction that it includes.
    pub fn of(action: &consensus::Action, outcome: Outcome) -> Self {
        let is_deliver = matches!(action, consensus::Action::Deliver(_));
        let (outcome, reason, holds) = match outcome {
            Outcome::Applied => (TransactionOutcome::Applied, None, Some(true)),
            Outcome::FalseProof => (TransactionOutcome::FalseProof, None, Some(false)),
            Outcome::Void(void) => (TransactionOutcome::Void, Some(void.to_string()), None),
        };
        Self { outcome: Some(outcome), reason, proof_holds: holds.filter(|_| is_deliver) }
    }
}

/// What a node knows of a transaction that a block of the chain includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    pub outcome: Outcome,
    /// Of a RegisterClass: how many public values a job has.
    pub values: Option<u16>,
}

/// A transaction as a block holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockTransaction {
    /// What it says.
    #[serde(flatten)]
    pub transaction: Transaction,
    #[serde(flatten)]
    pub fate: Fate,
    /// The sender's signature.
    pub signature: SignatureText,
    /// The canonical bytes that the transactions root commits to, signature included.
    pub bytes: BytesHex,
}

impl BlockTransaction {
    /// A transaction of a block as it is shown.
    pub fn of(signed: &SignedTransaction, genesis_hash: &Hash, told: Option<&Told>) -> Self {
        let (transaction, fate) = Transaction::told(signed.id(genesis_hash), signed, told);
        Self {
            transaction,
            fate,
            signature: SignatureText(signed.signature),
            bytes: Hex(signed.encode()),
        }
    }
}

/// Whether a transaction is in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransactionStatus {
    /// A block of the chain includes it.
    Confirmed,
    /// It waits in the mempool.
    Pending,
}

/// `GET /{network}/transaction/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransactionPlace {
    /// What it says.
    #[serde(flatten)]
    pub transaction: Transaction,
    #[serde(flatten)]
    pub fate: Fate,
    /// Whether it is in a block.
    pub status: TransactionStatus,
    /// The including block's height; null while it waits.
    pub height: Option<u32>,
    /// Its place in that block.
    pub index: Option<u32>,
    /// The sender's signature.
    pub signature: SignatureText,
}

impl TransactionPlace {
    /// A transaction as it is shown; `place` is the height and the index in the body, or none while
    /// it waits.
    pub fn of(
        id: Hash,
        signed: &SignedTransaction,
        place: Option<(Height, u32)>,
        told: Option<&Told>,
    ) -> Self {
        let status =
            if place.is_some() { TransactionStatus::Confirmed } else { TransactionStatus::Pending };
        let (transaction, fate) = Transaction::told(id, signed, told);
        Self {
            transaction,
            fate,
            status,
            height: place.map(|(height, _)| height),
            index: place.map(|(_, index)| index),
            signature: SignatureText(signed.signature),
        }
    }
}

/// The kinds of transactions that can be handed in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransactionType {
    /// Moves public credits.
    #[default]
    Transfer,
}

impl TransactionType {
    /// Whether a name is that of a kind.
    pub fn is_known(name: &str) -> bool {
        Self::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(name))
            .is_ok()
    }
}

/// The body of `POST /{network}/transaction`. Amounts are in microcredits; those and the nonce may
/// be numbers or decimal strings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransactionRequest {
    /// The kind; without it, a transfer.
    #[serde(rename = "type", default)]
    pub kind: TransactionType,
    /// Who pays and signs.
    pub from: AddressText,
    /// Who receives.
    pub to: AddressText,
    /// What `to` receives.
    #[serde(deserialize_with = "integer")]
    #[schema(schema_with = integer_schema)]
    pub amount: u64,
    /// What the block's producer receives.
    #[serde(deserialize_with = "integer")]
    #[schema(schema_with = integer_schema)]
    pub fee: u64,
    /// How many transactions `from` has made before.
    #[serde(deserialize_with = "integer_text")]
    #[schema(schema_with = integer_schema)]
    pub nonce: U64Text,
    /// The last height at which it is valid.
    pub expiry: u32,
    /// The sender's signature of the transaction's id.
    pub signature: SignatureText,
}

impl TransactionRequest {
    /// What hands a signed transaction in; `None` for kinds that it does not tell.
    pub fn of(signed: &SignedTransaction) -> Option<Self> {
        let consensus::Transaction { from, fee, nonce, expiry, ref action } = signed.transaction;
        let consensus::Action::Transfer(transfer) = action else { return None };
        Some(Self {
            kind: TransactionType::Transfer,
            from: AddressText(from),
            to: AddressText(transfer.to),
            amount: transfer.amount,
            fee,
            nonce: Text(nonce),
            expiry,
            signature: SignatureText(signed.signature),
        })
    }

    /// The transaction, of which nothing has been checked.
    pub fn into_signed(self) -> SignedTransaction {
        let TransactionType::Transfer = self.kind;
        let transfer = consensus::transaction::Transfer { to: self.to.0, amount: self.amount };
        let transaction = consensus::Transaction {
            from: self.from.0,
            fee: self.fee,
            nonce: self.nonce.0,
            expiry: self.expiry,
            action: consensus::Action::Transfer(transfer),
        };
        SignedTransaction { transaction, signature: self.signature.0 }
    }
}

/// The answer to `POST /{network}/transaction`: the node has the transaction, in its mempool or on
/// its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransactionAccepted {
    /// The transaction's id.
    pub id: HashText,
}

/// `GET /{network}/mempool`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mempool {
    /// Bytes of the waiting transactions.
    pub bytes: u64,
    /// The waiting transactions, in the order of a next block.
    pub transactions: Vec<Transaction>,
    /// Waiting shares.
    pub shares: u64,
}
