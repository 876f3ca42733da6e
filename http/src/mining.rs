//! Work for miners: `/mining/job` and `POST /mining/submit`.

use std::{sync::Arc, time::Duration};

use axum::{Extension, Json, extract::State};
use lode_consensus::{Encode, Hash, Height, Share};
use lode_puzzle::{Proof, Statement, Target};
use serde::{Deserialize, Serialize};

use crate::{
    api::{Api, Closing},
    error::ApiError,
    json::{AddressText, Hex, Text},
    request::{Integer, Params, Payload, address, bytes, hash, number},
};
use lode_core::{AttemptOutcome, Backend, MiningJob};

/// Longest that a request for work is held open.
const MAX_WAIT_MS: u64 = 30_000;
/// How much longer than asked the node may take to make work.
const JOB_GRACE: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobQuery {
    address: Option<String>,
    after: Option<String>,
    wait_ms: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct JobView {
    job_id: Text<Hash>,
    height: Height,
    log_n: u8,
    header_bytes: Hex<Vec<u8>>,
    statement: Text<Statement>,
    genesis_hash: Text<Hash>,
    epoch_challenge: Text<Hash>,
    anchor_hash: Text<Hash>,
    content_hash: Text<Hash>,
    prover: AddressText,
    block_target: Text<Target>,
    share_target: Text<Target>,
    parent_hash: Text<Hash>,
    timestamp_ms: u64,
}

impl JobView {
    fn of(job: &MiningJob, log_n: u8) -> Self {
        let header = &job.header;
        Self {
            job_id: Text(job.content_hash),
            height: header.height,
            log_n,
            header_bytes: Hex(header.encode()),
            statement: Text(job.statement),
            genesis_hash: Text(job.genesis_hash),
            epoch_challenge: Text(job.epoch_challenge),
            anchor_hash: Text(header.anchor_hash),
            content_hash: Text(job.content_hash),
            prover: AddressText(header.producer),
            block_target: Text(header.target),
            share_target: Text(job.share_target),
            parent_hash: Text(header.parent_hash),
            timestamp_ms: header.timestamp_ms,
        }
    }
}

/// `GET /{network}/mining/job`
pub(crate) async fn job<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Params(query): Params<JobQuery>,
    closing: Option<Extension<Closing>>,
) -> Result<Json<JobView>, ApiError> {
    let missing = || ApiError::BadRequest("address: expected ?address=aleo1…, got none".to_owned());
    let prover = address("address", &query.address.ok_or_else(missing)?)?;
    let after = query.after.map(|text| hash("after", &text)).transpose()?;
    let wait_ms = match query.wait_ms {
        Some(text) => number("wait_ms", &text, 0..=MAX_WAIT_MS)?,
        None => MAX_WAIT_MS,
    };
    // Without a job to differ from there is nothing to wait for.
    let wait = if after.is_some() { Duration::from_millis(wait_ms) } else { Duration::ZERO };

    let _place = api.job_request()?;
    let job = tokio::time::timeout(wait.saturating_add(JOB_GRACE), api.backend.job(prover, after, wait));
    let job = tokio::select! {
        job = job => job.map_err(|_| ApiError::Busy("the node has made no work in time: try again".to_owned()))??,
        () = Closing::wait(closing.map(|Extension(closing)| closing)) => {
            return Err(ApiError::Busy("the node stops".to_owned()));
        }
    };
    Ok(Json(JobView::of(&job, api.backend.ledger().params().log_n.log_n())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttemptRequest {
    anchor_hash: String,
    content_hash: String,
    prover: String,
    nonce: Integer,
    commitment: String,
    opening: String,
}

impl AttemptRequest {
    fn into_share(self) -> Result<Share, ApiError> {
        Ok(Share {
            anchor_hash: hash("anchor_hash", &self.anchor_hash)?,
            content_hash: hash("content_hash", &self.content_hash)?,
            prover: address("prover", &self.prover)?,
            nonce: self.nonce.0,
            proof: Proof {
                commitment: bytes("commitment", &self.commitment)?,
                opening: bytes("opening", &self.opening)?,
            },
        })
    }
}

#[derive(Serialize)]
pub(crate) struct OutcomeView {
    block: Option<Text<Hash>>,
    share: bool,
    reason: Option<String>,
}

/// `POST /{network}/mining/submit`
pub(crate) async fn submit<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Payload(request): Payload<AttemptRequest>,
) -> Result<Json<OutcomeView>, ApiError> {
    let AttemptOutcome { block, share, reason } = api.backend.submit_attempt(request.into_share()?).await?;
    Ok(Json(OutcomeView { block: block.map(Text), share, reason }))
}
