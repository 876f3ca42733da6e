//! The chain: `/status`, `/block/{id}`, `/transaction/{id}`.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use lode_api::{
    block::{Block, BlockPlace, Domain},
    status::{MempoolSize, MiningCounters, Status},
    text::{Text, quoted},
    transaction::{Told, TransactionPlace},
};
use lode_consensus::{ChainSpec, Height};
use lode_core::{
    Backend, MempoolView,
    query::{self, BlockAnswer, BlockId, ChainStatus},
};

use crate::{
    error::Failure,
    request::{NoParams, Params, Segment, hash, height},
    state::Api,
};

/// `GET /{network}/status`
pub(crate) async fn status<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Failure> {
    api.read(|backend, moment| {
        let chain = moment.status()?;
        let params = backend.ledger().params();
        Ok(status_of(params, &chain, &backend.mempool(), backend.mining()))
    })
    .await
}

fn status_of(
    params: &ChainSpec,
    chain: &ChainStatus,
    mempool: &MempoolView,
    mining: lode_core::MiningCounters,
) -> Status {
    let tip = &chain.tip;
    Status {
        network: params.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        genesis_hash: Text(chain.genesis_hash),
        height: tip.height,
        tip_hash: Text(chain.tip_hash),
        tip_timestamp_ms: tip.timestamp_ms,
        epoch: chain.epoch,
        epoch_length: params.epoch_length,
        epoch_first_height: chain.epoch_first_height,
        block_interval_ms: params.block_interval_ms,
        log_n: params.log_n.log_n(),
        target: Text(tip.target),
        share_target: Text(chain.share_target),
        difficulty: Text(tip.target.difficulty()),
        work: Text(chain.work),
        next_target: Text(chain.next_target),
        subsidy: chain.subsidy,
        supply: chain.supply.into(),
        mempool: MempoolSize {
            transactions: mempool.transactions.len() as u64,
            bytes: mempool.bytes as u64,
            shares: mempool.shares as u64,
        },
        mining: MiningCounters {
            jobs: mining.jobs,
            submissions: mining.submissions,
            blocks: mining.blocks,
            shares: mining.shares,
            refused: mining.refused,
        },
    }
}

/// `GET /{network}/block/{height|hash|latest}`
pub(crate) async fn block<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(id): Segment,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Failure> {
    let id = block_id(&id)?;
    api.read(move |_, moment| {
        let BlockAnswer {
            hash,
            block,
            epoch,
            genesis_hash,
            epoch_challenge,
            on_chain,
            confirmations,
            work,
            subsidy,
            told,
        } = moment.block(id)?;
        let told: Vec<Told> = told.iter().map(told_of).collect();
        let place = BlockPlace { epoch, on_chain, confirmations, work, subsidy };
        Ok(Block::of(hash, &block, &Domain { genesis_hash, epoch_challenge }, &place, &told))
    })
    .await
}

/// What became of a transaction, as the answers' types take it.
pub(crate) fn told_of(told: &query::Told) -> Told {
    Told { outcome: told.outcome, values: told.values }
}

fn block_id(text: &str) -> Result<BlockId, Failure> {
    const HASH_DIGITS: usize = 64;
    if text == "latest" {
        Ok(BlockId::Latest)
    } else if text.len() == HASH_DIGITS {
        Ok(BlockId::Hash(hash("block", text)?))
    } else if let Ok(height) = height("block", text) {
        Ok(BlockId::Height(height))
    } else {
        Err(Failure::BadRequest(format!(
            "block: expected a height from 0 to {}, a hash of 64 hexadecimal digits, or latest; \
             got {}",
            Height::MAX,
            quoted(text)
        )))
    }
}

/// `GET /{network}/transaction/{id}`
pub(crate) async fn transaction<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(id): Segment,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Failure> {
    let id = hash("transaction", &id)?;
    // Asked before the chain is read: a transaction that a block takes in between is found there.
    let waiting = api.backend.pending_transaction(&id);
    api.read(move |_, moment| {
        let found = moment.transaction(&id, waiting)?;
        Ok(TransactionPlace::of(
            id,
            &found.signed,
            found.place.map(|place| (place.height, place.index)),
            found.told.as_ref().map(told_of).as_ref(),
        ))
    })
    .await
}
