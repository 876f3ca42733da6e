//! Transactions: `GET` and `POST /{network}/transaction`, and `GET /{network}/mempool`.

use std::fmt;

use lode_consensus::{
    self as consensus, Decode, DecodeError, Encode, Hash, Height, SignedTransaction,
    market::event::Outcome,
};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use crate::action::{Action, Policy, SelectionKind};
use crate::text::{
    AddressText, BytesHex, HashText, Hex, SignatureText, Text, U64Text, integer, integer_schema,
    integer_text, quoted,
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

/// The body of `POST /{network}/transaction`. Amounts are in microcredits; integers of 64 bits may
/// be numbers or decimal strings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TransactionRequest {
    /// Who pays and signs.
    pub from: AddressText,
    /// What the block's producer receives.
    #[schema(schema_with = integer_schema)]
    pub fee: u64,
    /// How many transactions `from` has made before.
    #[schema(schema_with = integer_schema)]
    pub nonce: U64Text,
    /// The last height at which it is valid.
    pub expiry: u32,
    /// What it does; without `type`, a transfer.
    #[serde(flatten)]
    pub action: Action,
    /// The sender's signature of the transaction's id.
    pub signature: SignatureText,
}

/// The fields of a request that every kind has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    from: AddressText,
    #[serde(deserialize_with = "integer")]
    fee: u64,
    #[serde(deserialize_with = "integer_text")]
    nonce: U64Text,
    expiry: u32,
    signature: SignatureText,
}

impl Envelope {
    const FIELDS: [&'static str; 5] = ["from", "fee", "nonce", "expiry", "signature"];
}

/// Answers may say more than a reader knows; a request may not. So its fields are held against
/// those that were understood.
impl<'de> Deserialize<'de> for TransactionRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Fields(mut fields) = Fields::deserialize(deserializer)?;
        fields.entry("type").or_insert_with(|| Value::from("transfer"));
        let is_common = |name: &String| Envelope::FIELDS.contains(&name.as_str());
        let (common, own): (Map<_, _>, Map<_, _>) =
            fields.into_iter().partition(|(name, _)| is_common(name));
        let envelope = serde_path_to_error::deserialize::<_, Envelope>(Value::Object(common));
        let Envelope { from, fee, nonce, expiry, signature } =
            envelope.map_err(|error| de::Error::custom(misread_fields(&error)))?;
        let own = Value::Object(own);
        let action = Action::deserialize(&own).map_err(de::Error::custom)?;
        let understood = serde_json::to_value(&action).map_err(de::Error::custom)?;
        if let Some(name) = unknown_field(&own, &understood) {
            return Err(de::Error::custom(format_args!("unknown field {}", quoted(name))));
        }
        Ok(Self { from, fee, nonce, expiry, action, signature })
    }
}

fn misread_fields(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    format!("{}: {}", error.path(), error.inner())
}

/// The first field of an object, or of one in it, that another one does not have.
fn unknown_field<'a>(got: &'a Value, understood: &Value) -> Option<&'a str> {
    let (Value::Object(got), Value::Object(understood)) = (got, understood) else { return None };
    got.iter().find_map(|(name, value)| match understood.get(name) {
        Some(known) => unknown_field(value, known),
        None => Some(name.as_str()),
    })
}

/// An object whose fields are there once each.
struct Fields(Map<String, Value>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut access: A) -> Result<Fields, A::Error> {
                let mut fields = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if fields.contains_key(&name) {
                        let name = quoted(&name);
                        return Err(de::Error::custom(format_args!("duplicate field {name}")));
                    }
                    fields.insert(name, value);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}

impl TransactionRequest {
    /// What hands a signed transaction in.
    pub fn of(signed: &SignedTransaction) -> Self {
        let consensus::Transaction { from, fee, nonce, expiry, ref action } = signed.transaction;
        Self {
            from: AddressText(from),
            fee,
            nonce: Text(nonce),
            expiry,
            action: Action::from(action),
            signature: SignatureText(signed.signature),
        }
    }

    /// The transaction.
    ///
    /// # Errors
    /// Its form is none that a block can hold: a list that is too long, a value that is no element
    /// of the field. Nothing else has been checked.
    pub fn into_signed(self) -> Result<SignedTransaction, DecodeError> {
        let transaction = consensus::Transaction {
            from: self.from.0,
            fee: self.fee,
            nonce: self.nonce.0,
            expiry: self.expiry,
            action: consensus::Action::from(self.action),
        };
        let signed = SignedTransaction { transaction, signature: self.signature.0 };
        SignedTransaction::decode(&signed.encode())
    }
}

/// The answer to `POST /{network}/transaction`: the node has the transaction, in its mempool or on
/// its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransactionAccepted {
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
