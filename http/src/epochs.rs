//! Epochs and proving rights: `/epoch/{epoch}`, `/roster/{height}`, `/shares/{address}`.

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::State, response::Response};
use lode_consensus::{Epoch, Hash, Height, epoch};
use lode_puzzle::Target;
use serde::Serialize;

use crate::{
    api::Api,
    error::ApiError,
    json::{AddressText, Domain, ShareView, Text},
    page::{Page, Place},
    request::{PageQuery, Params, Segment, address, height},
};
use lode_core::Backend;

/// How far a prover's shares are counted: beyond it, `total` stays at this number.
const MAX_COUNTED_SHARES: usize = 100_000;

#[derive(Serialize)]
struct EpochView {
    epoch: Epoch,
    challenge: Text<Hash>,
    first_height: Height,
    last_height: Height,
    share_target: Text<Target>,
    weights: BTreeMap<AddressText, Text<u64>>,
    shares: BTreeMap<AddressText, u64>,
    complete: bool,
    proving_pool: u64,
}

/// `GET /{network}/epoch/{epoch|current}`
pub(crate) async fn epoch<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(asked): Segment,
) -> Result<Response, ApiError> {
    let asked = if asked == "current" { None } else { Some(height("epoch", &asked)?) };
    api.read(move |backend, reader| {
        let params = backend.ledger().params();
        let tip = reader.tip_height()?;
        let current = params.epoch_of(tip);
        let epoch = asked.unwrap_or(current);
        if epoch > current {
            return Err(ApiError::NotFound(format!(
                "epoch {epoch} has not begun: epoch {current} is the last that has"
            )));
        }
        let lost = || ApiError::Internal(format!("epoch {epoch} has no first block"));
        let challenge = reader.epoch_challenge(epoch)?.ok_or_else(lost)?;
        let first_target = reader.epoch_first_target(epoch)?.ok_or_else(lost)?;
        Ok(EpochView {
            epoch,
            challenge: Text(challenge),
            first_height: params.epoch_start(epoch),
            last_height: params.epoch_end(epoch),
            share_target: Text(epoch::share_target(first_target, params.shares_per_block)),
            weights: reader.weights(epoch)?.into_iter().map(|(prover, w)| (AddressText(prover), Text(w))).collect(),
            shares: reader.epoch_shares(epoch)?.into_iter().map(|(prover, n)| (AddressText(prover), n)).collect(),
            complete: params.epoch_end(epoch) <= tip,
            proving_pool: reader.proving_pool(epoch)?,
        })
    })
    .await
}

/// `GET /{network}/roster/{height}`
pub(crate) async fn roster<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(asked): Segment,
) -> Result<Response, ApiError> {
    let asked = height("height", &asked)?;
    api.read(move |_, reader| {
        let roster = reader.roster(asked)?;
        let tip = reader.tip_height()?;
        let unknown = || {
            ApiError::NotFound(format!(
                "no roster for height {asked}: it is drawn from the block before, and the tip is at {tip}"
            ))
        };
        Ok(roster.ok_or_else(unknown)?.into_iter().map(AddressText).collect::<Vec<_>>())
    })
    .await
}

#[derive(Serialize)]
struct SharesView {
    address: AddressText,
    total: usize,
    shares: Vec<PlacedShare>,
    next: Option<Height>,
}

#[derive(Serialize)]
struct PlacedShare {
    height: Height,
    index: u32,
    #[serde(flatten)]
    share: ShareView,
}

/// `GET /{network}/shares/{address}`
pub(crate) async fn shares<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(prover): Segment,
    Params(query): Params<PageQuery>,
) -> Result<Response, ApiError> {
    let prover = address("address", &prover)?;
    let (limit, before) = (query.limit()?, query.before()?);
    api.read(move |backend, reader| {
        let params = backend.ledger().params();
        let genesis_hash = backend.ledger().network().genesis_hash;
        let mut total = 0_usize;
        for share in reader.prover_shares(&prover, Height::MAX)?.take(MAX_COUNTED_SHARES) {
            share?;
            total = total.saturating_add(1);
        }
        let places = reader.prover_shares(&prover, before)?;
        let places = places.map(|place| place.map(|(height, index)| Place { height, index }));
        let page = Page::collect(reader, limit, places, |block, place| {
            Some((place, block.body.shares.get(place.slot())?.clone()))
        })?;
        let mut shares = Vec::with_capacity(page.items.len());
        for (Place { height, index }, share) in page.items {
            let challenge = reader.epoch_challenge(params.epoch_of(height))?;
            let epoch_challenge =
                challenge.ok_or_else(|| ApiError::Internal(format!("height {height} has no epoch challenge")))?;
            let share = ShareView::of(&share, &Domain { genesis_hash, epoch_challenge });
            shares.push(PlacedShare { height, index, share });
        }
        Ok(SharesView { address: AddressText(prover), total, shares, next: page.next })
    })
    .await
}
