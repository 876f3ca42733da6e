//! Epochs and proving rights: `/epoch/{epoch}`, `/weight/{address}`, `/roster/{height}`,
//! `/shares/{address}`.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use lode_api::{
    account::{AccountQuery, LeafProof, PageQuery},
    block::{Domain, Share},
    epoch::{Epoch, PlacedShare, ProverShares, Roster},
    text::{AddressText, Text},
    weight::{ProvenWeight, Weight},
};
use lode_consensus::{Epoch as EpochNumber, selection};
use lode_core::{Backend, query::WeightState};

use crate::{
    error::Failure,
    request::{NoParams, Params, Segment, address, height, page},
    state::Api,
};

/// `GET /{network}/epoch/{epoch|current}`
pub(crate) async fn epoch<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(asked): Segment,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Failure> {
    let asked = if asked == "current" { None } else { Some(height("epoch", &asked)?) };
    api.read(move |_, moment| {
        let epoch = moment.epoch(asked)?;
        Ok(Epoch {
            epoch: epoch.epoch,
            challenge: Text(epoch.challenge),
            first_height: epoch.first_height,
            last_height: epoch.last_height,
            share_target: Text(epoch.share_target),
            weights: epoch
                .weights
                .into_iter()
                .map(|(prover, weight)| (AddressText(prover), Text(weight)))
                .collect(),
            shares: epoch
                .shares
                .into_iter()
                .map(|(prover, count)| (AddressText(prover), count))
                .collect(),
            complete: epoch.complete,
            proving_pool: epoch.proving_pool,
        })
    })
    .await
}

/// `GET /{network}/weight/{address}`
pub(crate) async fn weight<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(owner): Segment,
    Params(query): Params<AccountQuery>,
) -> Result<Response, Failure> {
    let owner = address("address", &owner)?;
    api.read(move |_, moment| {
        let WeightState { epoch, block_hash, weight, sum } =
            moment.weight(&owner, query.height.map(|Text(height)| height))?;
        Ok(Weight {
            address: AddressText(owner),
            height: weight.height,
            epoch,
            block_hash: Text(block_hash),
            state_root: Text(weight.state_root),
            weight: shown(
                weight.leaf,
                epoch,
                LeafProof::of(weight.key, weight.value, weight.proof),
            ),
            sum: shown(sum.leaf, epoch, LeafProof::of(sum.key, sum.value, sum.proof)),
        })
    })
    .await
}

/// A weight as it is shown in an epoch.
fn shown(leaf: Option<selection::Weight>, epoch: EpochNumber, proof: LeafProof) -> ProvenWeight {
    let leaf = leaf.unwrap_or_default();
    let at_end_of = |epoch| leaf.at_end_of(epoch).unwrap_or(0);
    ProvenWeight {
        frozen: Text(epoch.checked_sub(1).map_or(0, at_end_of)),
        current: Text(at_end_of(epoch)),
        proof,
    }
}

/// `GET /{network}/roster/{height}`
pub(crate) async fn roster<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(asked): Segment,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Failure> {
    let asked = height("height", &asked)?;
    api.read(move |_, moment| {
        Ok(moment.roster(asked)?.into_iter().map(AddressText).collect::<Roster>())
    })
    .await
}

/// `GET /{network}/shares/{address}`
pub(crate) async fn shares<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(prover): Segment,
    Params(query): Params<PageQuery>,
) -> Result<Response, Failure> {
    let prover = address("address", &prover)?;
    let (limit, before) = page(&query)?;
    api.read(move |_, moment| {
        let found = moment.prover_shares(&prover, limit, before)?;
        let shares = found.page.items.iter().map(|item| {
            let domain =
                Domain { genesis_hash: found.genesis_hash, epoch_challenge: item.epoch_challenge };
            let share = Share::of(&item.share, &domain);
            PlacedShare { height: item.place.height, index: item.place.index, share }
        });
        Ok(ProverShares {
            address: AddressText(prover),
            total: found.total as u64,
            shares: shares.collect(),
            next: found.page.next,
        })
    })
    .await
}
