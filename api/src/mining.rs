//! Mining: `GET /{network}/mining/job` and `POST /{network}/mining/submit`.

use lode_consensus as consensus;
use lode_puzzle::Proof;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema, openapi::schema::Schema};

use crate::{
    parameter::parameter,
    text::{
        AddressText, BytesHex, HashText, Hex, PointHex, StatementText, TargetText, Text, U64Text,
        integer_schema, integer_text,
    },
};

/// The query of `GET /{network}/mining/job`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobQuery {
    /// Who is paid.
    pub address: AddressText,
    /// A job: the answer waits until there is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<HashText>,
    /// How long it waits at most, in ms; [`Self::MAX_WAIT_MS`] without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(schema_with = wait_parameter)]
    pub wait_ms: Option<U64Text>,
}

impl JobQuery {
    /// Longest that a request for work is held open, in ms.
    pub const MAX_WAIT_MS: u64 = 30_000;
}

fn wait_parameter() -> Schema {
    parameter(0, JobQuery::MAX_WAIT_MS)
}

/// `GET /{network}/mining/job`: work for one prover, with everything that its statement is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MiningJob {
    /// What names the job: its content hash.
    pub job_id: HashText,
    /// The height of the block to be.
    pub height: u32,
    /// The puzzle's size: 2^log_n evaluations.
    pub log_n: u8,
    /// The header of the block to be.
    pub header_bytes: BytesHex,
    /// What an attempt proves.
    pub statement: StatementText,
    /// The network's genesis hash.
    pub genesis_hash: HashText,
    /// The challenge of the block's epoch.
    pub epoch_challenge: HashText,
    /// The ancestor that the statement names.
    pub anchor_hash: HashText,
    /// The hash of the header's bytes.
    pub content_hash: HashText,
    /// Who is paid.
    pub prover: AddressText,
    /// What a ticket's first half has to meet for a block.
    pub block_target: TargetText,
    /// What a ticket's last half has to meet for a share.
    pub share_target: TargetText,
    /// The block before.
    pub parent_hash: HashText,
    /// The header's timestamp, in ms since the Unix epoch.
    pub timestamp_ms: u64,
}

/// The body of `POST /{network}/mining/submit`: an attempt of a job whose ticket meets one of the
/// two targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// The ancestor that the statement names.
    pub anchor_hash: HashText,
    /// The job's content hash.
    pub content_hash: HashText,
    /// Who is paid.
    pub prover: AddressText,
    /// The attempt's number, as a number or a decimal string.
    #[serde(deserialize_with = "integer_text")]
    #[schema(schema_with = integer_schema)]
    pub nonce: U64Text,
    /// The commitment, uncompressed.
    pub commitment: PointHex,
    /// The opening, uncompressed.
    pub opening: PointHex,
}

impl From<&consensus::Share> for Attempt {
    fn from(share: &consensus::Share) -> Self {
        Self {
            anchor_hash: Text(share.anchor_hash),
            content_hash: Text(share.content_hash),
            prover: AddressText(share.prover),
            nonce: Text(share.nonce),
            commitment: Hex(share.proof.commitment),
            opening: Hex(share.proof.opening),
        }
    }
}

impl From<Attempt> for consensus::Share {
    /// The attempt, of which nothing has been checked.
    fn from(attempt: Attempt) -> Self {
        Self {
            anchor_hash: attempt.anchor_hash.0,
            content_hash: attempt.content_hash.0,
            prover: attempt.prover.0,
            nonce: attempt.nonce.0,
            proof: Proof { commitment: attempt.commitment.0, opening: attempt.opening.0 },
        }
    }
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttemptOutcome {
    /// The block that it made, if it made one.
    pub block: Option<HashText>,
    /// Whether it now waits as a share.
    pub share: bool,
    /// Why something that met a target was not used.
    pub reason: Option<String>,
}
