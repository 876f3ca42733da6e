//! Work for miners: `/mining/job` and `POST /mining/submit`.

use std::{sync::Arc, time::Duration};

use axum::{Extension, Json, extract::State};
use lode_api::{
    mining::{Attempt, AttemptOutcome, JobQuery, MiningJob},
    text::{AddressText, Hex, Text},
};
use lode_consensus::Encode;
use lode_core::Backend;

use crate::{
    error::Failure,
    request::{NoParams, Params, Payload, checked, in_range},
    state::{Api, Closing},
};

/// How much longer than asked the node may take to make work.
const JOB_GRACE: Duration = Duration::from_secs(10);

fn job_of(job: &lode_core::MiningJob, log_n: u8) -> MiningJob {
    let header = &job.header;
    MiningJob {
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

/// `GET /{network}/mining/job`
pub(crate) async fn job<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Params(query): Params<JobQuery>,
    closing: Option<Extension<Closing>>,
) -> Result<Json<MiningJob>, Failure> {
    let prover = checked("address", query.address)?;
    let after = query.after.map(|Text(hash)| hash);
    let wait_ms = query.wait_ms.map_or(JobQuery::MAX_WAIT_MS, |Text(wait_ms)| wait_ms);
    let wait_ms = in_range("wait_ms", wait_ms, 0..=JobQuery::MAX_WAIT_MS)?;
    // Without a job to differ from there is nothing to wait for.
    let wait = if after.is_some() { Duration::from_millis(wait_ms) } else { Duration::ZERO };

    let _place = api.job_request()?;
    let job =
        tokio::time::timeout(wait.saturating_add(JOB_GRACE), api.backend.job(prover, after, wait));
    let job = tokio::select! {
        job = job => job.map_err(|_| {
            Failure::Busy("the node has made no work in time: try again".to_owned())
        })??,
        () = Closing::wait(closing.map(|Extension(closing)| closing)) => {
            return Err(Failure::Busy("the node stops".to_owned()));
        }
    };
    Ok(Json(job_of(&job, api.backend.ledger().params().log_n.log_n())))
}

/// `POST /{network}/mining/submit`
pub(crate) async fn submit<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Params(NoParams {}): Params<NoParams>,
    Payload(attempt): Payload<Attempt>,
) -> Result<Json<AttemptOutcome>, Failure> {
    checked("prover", attempt.prover)?;
    let lode_core::AttemptOutcome { block, share, reason } =
        api.backend.submit_attempt(attempt.into()).await?;
    Ok(Json(AttemptOutcome { block: block.map(Text), share, reason }))
}
