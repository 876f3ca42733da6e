//! The proof market's leaves as of a height, each with its proof: `/class/{id}`, its key, book and
//! waiting list, `/operator`, `/appoint`, `/pool`, `/queue`, `/agenda`, `/supply`.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use lode_api::{
    account::{AccountQuery, AsOf, LeafProof},
    market::{
        Agenda, AgendaOldest, Appointed, Book, BookAsk, Class, ClassKey, LeafPageQuery, Operator,
        Pool, Queue, QueueEvent, SupplyAt, Waiting, WaitingJob,
    },
    text::{AddressText, Hex, Text},
};
use lode_core::{
    Backend,
    query::{AgendaState, OperatorState, Proven},
};

use crate::{
    error::Failure,
    request::{Params, Segment, address, hash, height},
    state::Api,
};

/// The parts of an answer that every leaf has, and what it says.
pub(crate) fn parts<T>(Proven { leaf, block_hash }: Proven<T>) -> (Option<T>, AsOf, LeafProof) {
    let as_of = AsOf {
        height: leaf.height,
        block_hash: Text(block_hash),
        state_root: Text(leaf.state_root),
    };
    (leaf.leaf, as_of, LeafProof::of(leaf.key, leaf.value, leaf.proof))
}

/// `GET /{network}/class/{id}`
pub(crate) async fn class<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(id): Segment,
    Params(query): Params<AccountQuery>,
) -> Result<Response, Failure> {
    let id = hash("class", &id)?;
    api.read(move |_, moment| {
        let (class, as_of, proof) = parts(moment.class(&id, query.height.map(|Text(at)| at))?);
        let class = class.ok_or_else(|| Failure::NotFound(format!("no class {id}")))?;
        Ok(Class::of(Text(id), &class, as_of, proof))
    })
    .await
}

/// `GET /{network}/class/{id}/key`
pub(crate) async fn key<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(id): Segment,
    Params(query): Params<AccountQuery>,
) -> Result<Response, Failure> {
    let id = hash("class", &id)?;
    api.read(move |_, moment| {
        let (key, as_of, proof) = parts(moment.class_key(&id, query.height.map(|Text(at)| at))?);
        let key = Hex(key.map_or(Vec::new(), |key| key.0));
        Ok(ClassKey { class: Text(id), key, as_of, proof })
    })
    .await
}

/// `GET /{network}/class/{id}/book`
pub(crate) async fn book<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(id): Segment,
    Params(query): Params<AccountQuery>,
) -> Result<Response, Failure> {
    let id = hash("class", &id)?;
    api.read(move |_, moment| {
        let (book, as_of, proof) = parts(moment.book(&id, query.height.map(|Text(at)| at))?);
        let asks = book.unwrap_or_default().0.iter().map(BookAsk::from).collect();
        Ok(Book { class: Text(id), asks, as_of, proof })
    })
    .await
}

/// `GET /{network}/class/{id}/waiting`
pub(crate) async fn waiting<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(id): Segment,
    Params(query): Params<AccountQuery>,
) -> Result<Response, Failure> {
    let id = hash("class", &id)?;
    api.read(move |_, moment| {
        let (waiting, as_of, proof) = parts(moment.waiting(&id, query.height.map(|Text(at)| at))?);
        let jobs = waiting.unwrap_or_default().0.iter().map(WaitingJob::from).collect();
        Ok(Waiting { class: Text(id), jobs, as_of, proof })
    })
    .await
}

/// `GET /{network}/operator/{address}`
pub(crate) async fn operator<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(owner): Segment,
    Params(query): Params<AccountQuery>,
) -> Result<Response, Failure> {
    let owner = address("address", &owner)?;
    api.read(move |_, moment| {
        let OperatorState { leaf, rolled, weight } =
            moment.operator(&owner, query.height.map(|Text(at)| at))?;
        let (leaf, as_of, proof) = parts(leaf);
        Ok(Operator {
            address: AddressText(owner),
            exists: leaf.is_some(),
            bond: rolled.bond,
            locked: rolled.locked,
            free: rolled.free(),
            epoch_bond: rolled.epoch_bond,
            fresh: rolled.fresh,
            fresh_height: rolled.fresh_height,
            reputation: rolled.reputation,
            burned: rolled.burned,
            subsidy: rolled.subsidy,
            held: rolled.held,
            epoch: rolled.epoch,
            weight: Text(weight),
            as_of,
            proof,
        })
    })
    .await
}

/// `GET /{network}/appoint/{address}`
pub(crate) async fn appoint<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(owner): Segment,
    Params(query): Params<AccountQuery>,
) -> Result<Response, Failure> {
    let owner = address("address", &owner)?;
    api.read(move |_, moment| {
        let appointed = moment.appointed(&owner, query.height.map(|Text(at)| at))?;
        let (appointed, as_of, proof) = parts(appointed);
        let (now, next, from) = appointed
            .map_or((owner, owner, 0), |appointed| (appointed.now, appointed.next, appointed.from));
        Ok(Appointed {
            address: AddressText(owner),
            now: AddressText(now),
            next: AddressText(next),
            from,
            as_of,
            proof,
        })
    })
    .await
}

/// `GET /{network}/pool/{epoch}`
pub(crate) async fn pool<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(epoch): Segment,
    Params(query): Params<AccountQuery>,
) -> Result<Response, Failure> {
    let epoch = height("epoch", &epoch)?;
    api.read(move |_, moment| {
        let (pool, as_of, proof) = parts(moment.pool(epoch, query.height.map(|Text(at)| at))?);
        let pool = pool.unwrap_or_default();
        Ok(Pool { epoch, granted: pool.granted, left: pool.left, as_of, proof })
    })
    .await
}

/// `GET /{network}/queue`
pub(crate) async fn queue<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Params(query): Params<LeafPageQuery>,
) -> Result<Response, Failure> {
    let page = query.page.map_or(0, |Text(page)| page);
    api.read(move |_, moment| {
        let (events, as_of, proof) = parts(moment.queue(page, query.height.map(|Text(at)| at))?);
        let events = events.map(|page| page.0.iter().map(QueueEvent::from).collect());
        Ok(Queue { page, events, as_of, proof })
    })
    .await
}

/// `GET /{network}/agenda`
pub(crate) async fn agenda_oldest<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Params(query): Params<AccountQuery>,
) -> Result<Response, Failure> {
    api.read(move |_, moment| {
        let oldest = moment.agenda_oldest(query.height.map(|Text(at)| at))?;
        let (oldest, as_of, proof) = parts(oldest);
        Ok(AgendaOldest {
            oldest_height: oldest.map(|oldest| oldest.height),
            oldest_page: oldest.map(|oldest| oldest.page),
            as_of,
            proof,
        })
    })
    .await
}

/// `GET /{network}/agenda/{due}`
pub(crate) async fn agenda<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(due): Segment,
    Params(query): Params<LeafPageQuery>,
) -> Result<Response, Failure> {
    let due = height("height", &due)?;
    let page = query.page.map_or(0, |Text(page)| page);
    api.read(move |_, moment| {
        let AgendaState { page: jobs, last } =
            moment.agenda(due, page, query.height.map(|Text(at)| at))?;
        let (jobs, as_of, proof) = parts(jobs);
        let (last, _, last_page_proof) = parts(last);
        Ok(Agenda {
            due,
            page,
            jobs: jobs.map(|page| page.0.into_iter().map(Text).collect()),
            last_page: last.unwrap_or_default().page,
            as_of,
            proof,
            last_page_proof,
        })
    })
    .await
}

/// `GET /{network}/supply`
pub(crate) async fn supply<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Params(query): Params<AccountQuery>,
) -> Result<Response, Failure> {
    api.read(move |_, moment| {
        let (height, block_hash, supply) = moment.supply(query.height.map(|Text(at)| at))?;
        Ok(SupplyAt { height, block_hash: Text(block_hash), supply: supply.into() })
    })
    .await
}
