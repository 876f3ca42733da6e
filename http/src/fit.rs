//! Why a job does not match, and what a would-be Request would find: `/job/{id}/why`,
//! `/class/{id}/estimate`.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use lode_api::{
    job::JobStatus,
    market::BookAsk,
    matching::{AskFit, Estimate, EstimateQuery, Misfit, Raise, Why},
    text::{AddressText, Text},
};
use lode_consensus::{Hash, market::MAX_REPUTATION_GATE};
use lode_core::{
    Backend,
    query::{self, WouldBe},
};

use crate::{
    error::Failure,
    request::{NoParams, Params, Segment, hash, in_range},
    state::Api,
};

/// Most blocks from a Request's block to its hard limit.
const MAX_BLOCKS: u64 = 100_000;

/// `GET /{network}/job/{id}/why`
pub(crate) async fn why<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(id): Segment,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Failure> {
    let id = hash("job", &id)?;
    api.read(move |_, moment| Ok(why_of(id, &moment.why(&id)?))).await
}

/// `GET /{network}/class/{id}/estimate`
pub(crate) async fn estimate<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(id): Segment,
    Params(query): Params<EstimateQuery>,
) -> Result<Response, Failure> {
    let id = hash("class", &id)?;
    let asked = would_be(&query)?;
    api.read(move |_, moment| Ok(estimate_of(id, &moment.estimate(&id, &asked)?))).await
}

fn would_be(query: &EstimateQuery) -> Result<WouldBe, Failure> {
    let blocks = |name: &str, blocks: u32, most: u64| {
        in_range(name, blocks.into(), 1..=most).map(|_| blocks)
    };
    let Text(price) = query.price;
    in_range("price", price, 1..=u64::MAX)?;
    let late_price = query.late_price.map_or(price, |Text(late_price)| late_price);
    in_range("late_price", late_price, 0..=price)?;
    let Text(soft) = query.soft_blocks;
    let hard = query.hard_blocks.map_or(soft, |Text(hard)| hard);
    let Text(reputation) = query.min_reputation.unwrap_or_default();
    in_range("min_reputation", reputation.into(), 0..=MAX_REPUTATION_GATE.into())?;
    Ok(WouldBe {
        price,
        late_price,
        hard_blocks: blocks("hard_blocks", hard, MAX_BLOCKS)?,
        soft_blocks: blocks("soft_blocks", soft, hard.into())?,
        damage: query.damage.map_or(0, |Text(damage)| damage),
        min_reputation: u16::try_from(reputation).unwrap_or(MAX_REPUTATION_GATE),
        operator: query.operator.map(|AddressText(operator)| operator),
    })
}

fn why_of(id: Hash, why: &query::Why) -> Why {
    Why {
        job: Text(id),
        class: Text(why.job.class),
        status: JobStatus::from(&why.job.status),
        height: why.fit.height,
        bond: Text(why.fit.bond),
        event: why.event,
        chosen: why.fit.chosen.map(AddressText),
        asks: why.fit.asks.iter().map(ask_fit).collect(),
        raise: why.fit.cheapest_raise().map(raise),
        summary: why.summary(),
    }
}

fn estimate_of(id: Hash, estimate: &query::Estimate) -> Estimate {
    let fit = &estimate.fit;
    let within = fit.within(estimate.class.policy.band_bps);
    let promises = || within.iter().map(|ask| ask.promise);
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let included = fit.height.saturating_sub(1);
    Estimate {
        class: Text(id),
        height: fit.height,
        bond: Text(fit.bond),
        requester_bond: Text(estimate.requester_bond),
        fitting: count(fit.fitting().count()),
        lowest: fit.lowest().map(Text),
        promise_from: promises().min(),
        promise_to: promises().max(),
        wait_blocks: promises().max().map(|promise| promise.saturating_sub(included)),
        ahead: count(estimate.ahead),
        last_price: Text(estimate.class.last_price),
        last_height: estimate.class.last_height,
        asks: fit.asks.iter().map(ask_fit).collect(),
        raise: fit.cheapest_raise().map(raise),
        summary: estimate.summary(),
    }
}

fn ask_fit(fit: &query::AskFit) -> AskFit {
    AskFit {
        ask: BookAsk::from(&fit.candidate.ask),
        promise: fit.promise,
        value: Text(fit.value),
        effective: Text(fit.effective),
        fits: fit.misfit.is_none(),
        misfit: fit.misfit.as_ref().map(Misfit::from),
        raise: fit.raise.map(raise),
    }
}

fn raise((price, late_price): (u64, u64)) -> Raise {
    Raise { price: Text(price), late_price: Text(late_price) }
}
