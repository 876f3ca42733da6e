//! The chain: `/status`, `/block/{id}`, `/transaction/{id}`.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use lode_consensus::{ChainWork, Epoch, Hash, Height, epoch, reward, state::Supply};
use lode_ledger::{BlockEntry, LedgerError, Reader};
use lode_puzzle::Target;
use serde::Serialize;

use crate::{
    api::Api,
    error::{ApiError, quoted},
    json::{BlockView, Domain, Text, TransactionView},
    request::{Segment, hash, height},
};
use lode_core::Backend;

#[derive(Serialize)]
struct StatusView {
    network: String,
    version: &'static str,
    genesis_hash: Text<Hash>,
    height: Height,
    tip_hash: Text<Hash>,
    tip_timestamp_ms: u64,
    epoch: Epoch,
    epoch_length: u32,
    epoch_first_height: Height,
    block_interval_ms: u64,
    log_n: u8,
    target: Text<Target>,
    share_target: Text<Target>,
    difficulty: Text<u128>,
    work: Text<ChainWork>,
    next_target: Text<Target>,
    subsidy: u64,
    supply: SupplyView,
    mempool: MempoolSize,
    mining: MiningView,
}

#[derive(Serialize)]
struct SupplyView {
    genesis: u64,
    emitted: u64,
    burned: u64,
    balances: u64,
    pending: u64,
    share_fund: u64,
    proving_pools: u64,
}

impl From<Supply> for SupplyView {
    fn from(supply: Supply) -> Self {
        let Supply { genesis, emitted, burned, balances, pending, share_fund, proving_pools } = supply;
        Self { genesis, emitted, burned, balances, pending, share_fund, proving_pools }
    }
}

#[derive(Serialize)]
struct MempoolSize {
    transactions: usize,
    bytes: usize,
    shares: usize,
}

#[derive(Serialize)]
struct MiningView {
    jobs: u64,
    submissions: u64,
    blocks: u64,
    shares: u64,
    refused: u64,
}

/// `GET /{network}/status`
pub(crate) async fn status<B: Backend>(State(api): State<Arc<Api<B>>>) -> Result<Response, ApiError> {
    api.read(|backend, reader| {
        let params = backend.ledger().params();
        let (height, tip_hash) = reader.tip()?;
        let tip = entry(reader, &tip_hash)?;
        let next = reader.context(&tip_hash)?;
        let epoch = params.epoch_of(height);
        let first_target = reader.epoch_first_target(epoch)?.unwrap_or(tip.header.target);
        let mempool = backend.mempool();
        let mining = backend.mining();
        Ok(StatusView {
            network: params.name.clone(),
            version: env!("CARGO_PKG_VERSION"),
            genesis_hash: Text(next.genesis_hash),
            height,
            tip_hash: Text(tip_hash),
            tip_timestamp_ms: tip.header.timestamp_ms,
            epoch,
            epoch_length: params.epoch_length,
            epoch_first_height: params.epoch_start(epoch),
            block_interval_ms: params.block_interval_ms,
            log_n: params.log_n.log_n(),
            target: Text(tip.header.target),
            share_target: Text(epoch::share_target(first_target, params.shares_per_block)),
            difficulty: Text(tip.header.target.difficulty()),
            work: Text(tip.work),
            next_target: Text(next.target),
            subsidy: reward::subsidy(next.height),
            supply: reader.supply()?.into(),
            mempool: MempoolSize {
                transactions: mempool.transactions.len(),
                bytes: mempool.bytes,
                shares: mempool.shares,
            },
            mining: MiningView {
                jobs: mining.templates,
                submissions: mining.submissions,
                blocks: mining.blocks,
                shares: mining.shares,
                refused: mining.refused,
            },
        })
    })
    .await
}

/// A block and its place among the others.
#[derive(Serialize)]
struct PlacedBlock {
    #[serde(flatten)]
    block: BlockView,
    on_chain: bool,
    confirmations: u32,
    work: Text<ChainWork>,
    subsidy: u64,
}

/// How a request names a block.
enum BlockId {
    Latest,
    Height(Height),
    Hash(Hash),
}

impl BlockId {
    fn parse(text: &str) -> Result<Self, ApiError> {
        const HASH_DIGITS: usize = 64;
        if text == "latest" {
            Ok(Self::Latest)
        } else if text.len() == HASH_DIGITS {
            Ok(Self::Hash(hash("block", text)?))
        } else if let Ok(height) = height("block", text) {
            Ok(Self::Height(height))
        } else {
            Err(ApiError::BadRequest(format!(
                "block: expected a height from 0 to {}, a hash of 64 hexadecimal digits, or latest; got {}",
                Height::MAX,
                quoted(text)
            )))
        }
    }

    fn resolve(self, reader: &Reader<'_>) -> Result<Hash, ApiError> {
        let (tip, tip_hash) = reader.tip()?;
        match self {
            Self::Latest => Ok(tip_hash),
            Self::Hash(hash) => Ok(hash),
            Self::Height(height) => reader.block_hash_at(height)?.ok_or_else(|| no_block(height, tip)),
        }
    }
}

/// `GET /{network}/block/{height|hash|latest}`
pub(crate) async fn block<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(id): Segment,
) -> Result<Response, ApiError> {
    let id = BlockId::parse(&id)?;
    api.read(move |backend, reader| {
        let hash = id.resolve(reader)?;
        let entry = reader.entry(&hash)?.ok_or_else(|| ApiError::NotFound(format!("no block {hash} here")))?;
        let block = reader.block(&hash)?.ok_or_else(|| ApiError::Internal(format!("block {hash} has no body")))?;
        let ledger = backend.ledger();
        let height = entry.header.height;
        let epoch = ledger.params().epoch_of(height);
        let first_height = ledger.params().epoch_start(epoch);
        let genesis_hash = ledger.network().genesis_hash;
        let epoch_challenge = match first_height.checked_sub(1) {
            Some(last) => epoch::challenge(&ancestor(reader, &entry, last)?),
            None => epoch::challenge(&genesis_hash),
        };
        let on_chain = reader.is_on_chain(&hash, height)?;
        let above = reader.tip_height()?.saturating_sub(height);
        Ok(PlacedBlock {
            block: BlockView::of(hash, epoch, &block, &Domain { genesis_hash, epoch_challenge }),
            on_chain,
            confirmations: if on_chain { above.saturating_add(1) } else { 0 },
            work: Text(entry.work),
            subsidy: reward::subsidy(height),
        })
    })
    .await
}

/// The hash of a block's ancestor at a height below its own, on the chain or off it. A branch is no longer than the
/// retained history.
fn ancestor(reader: &Reader<'_>, block: &BlockEntry, height: Height) -> Result<Hash, ApiError> {
    let (mut hash, mut at) = (block.header.parent_hash, block.header.height.saturating_sub(1));
    while at > height {
        if reader.is_on_chain(&hash, at)? {
            let below = reader.block_hash_at(height)?;
            return below.ok_or_else(|| ApiError::Internal(format!("the chain has no block at height {height}")));
        }
        (hash, at) = (entry(reader, &hash)?.header.parent_hash, at.saturating_sub(1));
    }
    Ok(hash)
}

fn entry(reader: &Reader<'_>, hash: &Hash) -> Result<BlockEntry, ApiError> {
    reader.entry(hash)?.ok_or_else(|| LedgerError::Orphan { parent: *hash }.into())
}

/// The error for a height above the tip.
pub(crate) fn no_block(height: Height, tip: Height) -> ApiError {
    ApiError::NotFound(format!("no block at height {height}: the tip is at {tip}"))
}

/// `GET /{network}/transaction/{id}`
pub(crate) async fn transaction<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(id): Segment,
) -> Result<Response, ApiError> {
    let id = hash("transaction", &id)?;
    // Asked before the chain is read: a transaction that a block takes in between is found there.
    let pending = api.backend.pending_transaction(&id);
    api.read(move |_, reader| {
        if let Some(place) = reader.transaction_place(&id)? {
            let body = reader.block_at(place.height)?.map(|(_, block)| block.body);
            let index = usize::try_from(place.index).unwrap_or(usize::MAX);
            let signed = body.as_ref().and_then(|body| body.transactions.get(index));
            let signed = signed.ok_or_else(|| ApiError::Internal(format!("transaction {id} is not in its block")))?;
            return Ok(TransactionView::of(id, signed, Some((place.height, place.index))));
        }
        match pending {
            Some(signed) => Ok(TransactionView::of(id, &signed, None)),
            None => Err(ApiError::NotFound(format!("no transaction {id}, neither in a block nor waiting for one"))),
        }
    })
    .await
}
