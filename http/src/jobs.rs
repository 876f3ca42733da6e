//! Jobs and lists: `/job/{id}` and its events; classes, jobs, deliveries and prices, newest first.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use lode_api::{
    account::{AccountQuery, PageQuery},
    job::{Job, JobStatus},
    job_event::{EventPlace, JobEvent, JobEvents, JobEventsQuery},
    lists::{
        Classes, Deliveries, Jobs, JobsQuery, ListedClass, ListedDelivery, ListedJob, PriceHistory,
        Prices,
    },
    text::{AddressText, Text},
    transaction::Fate,
};
use lode_consensus::{Action, Address, Hash, Height};
use lode_core::{
    Backend,
    query::{self, JobHistory, JobStatus as Status, JobsOf, Moment, Page},
};

use crate::{
    error::Failure,
    market::parts,
    request::{Params, Segment, address, hash, page},
    state::Api,
};

/// `GET /{network}/job/{id}`
pub(crate) async fn job<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(id): Segment,
    Params(query): Params<AccountQuery>,
) -> Result<Response, Failure> {
    let id = hash("job", &id)?;
    api.read(move |_, moment| {
        let found = moment.job(&id, query.height.map(|Text(at)| at))?;
        let request = found.request.map(|place| (place.height, place.index));
        let (leaf, as_of, proof) = parts(found.leaf);
        Ok(Job::of(Text(id), leaf.as_ref(), request, as_of, proof))
    })
    .await
}

/// `GET /{network}/job/{id}/events`
pub(crate) async fn events<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(id): Segment,
    Params(query): Params<JobEventsQuery>,
) -> Result<Response, Failure> {
    let id = hash("job", &id)?;
    let (limit, _) = page(&PageQuery { limit: query.limit, before: None })?;
    let start = |part: Option<Text<u32>>| part.map_or(0, |Text(part)| part);
    let from = (start(query.from_height), start(query.from_index));
    api.read(move |_, moment| {
        let JobHistory { events, next } = moment.job_events(&id, limit, from)?;
        let events = events
            .iter()
            .map(|(place, event)| JobEvent::of(event, place.height, Some(place.index)));
        Ok(JobEvents {
            job: Text(id),
            status: status_of(moment.job_status(&id)?),
            events: events.collect(),
            next: next.map(|place| EventPlace { height: place.height, index: place.index }),
        })
    })
    .await
}

/// `GET /{network}/classes`
pub(crate) async fn classes<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Params(query): Params<PageQuery>,
) -> Result<Response, Failure> {
    let (limit, before) = page(&query)?;
    api.read(move |_, moment| {
        let page = moment.classes(limit, before)?;
        let class = |item: &query::ListedClass| {
            ListedClass::of(Text(item.id), &item.class, (item.place.height, item.place.index))
        };
        Ok(Classes { classes: page.items.iter().map(class).collect(), next: page.next })
    })
    .await
}

/// `GET /{network}/jobs`
pub(crate) async fn jobs<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Params(query): Params<JobsQuery>,
) -> Result<Response, Failure> {
    let bounds = page(&PageQuery { limit: query.limit, before: query.before })?;
    let status = match query.status {
        JobStatus::Waiting => Status::Waiting,
        JobStatus::Open => Status::Open,
        JobStatus::Assigned => Status::Assigned,
        JobStatus::Delivered => Status::Delivered,
        JobStatus::Failed => Status::Failed,
        JobStatus::Cancelled => Status::Cancelled,
        JobStatus::Absent => {
            return Err(Failure::BadRequest("status: no job of a list is absent".to_owned()));
        }
    };
    list(&api, JobsOf::Status(status), bounds).await
}

/// `GET /{network}/class/{id}/jobs`
pub(crate) async fn of_class<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(id): Segment,
    Params(query): Params<PageQuery>,
) -> Result<Response, Failure> {
    list(&api, JobsOf::Class(hash("class", &id)?), page(&query)?).await
}

/// `GET /{network}/account/{address}/jobs`
pub(crate) async fn of_requester<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(owner): Segment,
    Params(query): Params<PageQuery>,
) -> Result<Response, Failure> {
    list(&api, JobsOf::Requester(address("address", &owner)?), page(&query)?).await
}

/// `GET /{network}/operator/{address}/jobs`
pub(crate) async fn of_operator<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(owner): Segment,
    Params(query): Params<PageQuery>,
) -> Result<Response, Failure> {
    list(&api, JobsOf::Operator(address("address", &owner)?), page(&query)?).await
}

async fn list<B: Backend>(
    api: &Api<B>,
    of: JobsOf,
    (limit, before): (usize, Height),
) -> Result<Response, Failure> {
    api.read(move |_, moment: &Moment<'_>| {
        let Page { items, next } = moment.jobs(of, limit, before)?;
        let job = |item: &query::ListedJob| ListedJob {
            id: Text(item.id),
            class: Text(item.request.class),
            requester: AddressText(item.requester),
            status: status_of(item.status),
            price: Text(item.request.price),
            late_price: Text(item.request.late_price),
            soft: item.requested.height.saturating_add(item.request.soft_blocks),
            hard: item.requested.height.saturating_add(item.request.hard_blocks),
            created: item.requested.height,
            place: item.requested.index,
            height: item.place.height,
        };
        Ok(Jobs { jobs: items.iter().map(job).collect(), next })
    })
    .await
}

/// `GET /{network}/operator/{address}/deliveries`
pub(crate) async fn deliveries<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(owner): Segment,
    Params(query): Params<PageQuery>,
) -> Result<Response, Failure> {
    let operator: Address = address("address", &owner)?;
    let (limit, before) = page(&query)?;
    api.read(move |_, moment| {
        let page = moment.deliveries(&operator, limit, before)?;
        let delivery = |item: &query::PlacedTransaction| {
            let action = &item.signed.transaction.action;
            let jobs: &[Hash] = match action {
                Action::Deliver(deliver) => &deliver.jobs,
                _ => &[],
            };
            ListedDelivery {
                id: Text(item.id),
                jobs: jobs.iter().copied().map(Text).collect(),
                height: item.place.height,
                index: item.place.index,
                fate: item.told.map_or_else(Fate::default, |told| Fate::of(action, told.outcome)),
            }
        };
        Ok(Deliveries {
            operator: AddressText(operator),
            deliveries: page.items.iter().map(delivery).collect(),
            next: page.next,
        })
    })
    .await
}

/// `GET /{network}/class/{id}/prices`
pub(crate) async fn prices<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(id): Segment,
    Params(query): Params<PageQuery>,
) -> Result<Response, Failure> {
    let class = hash("class", &id)?;
    let (limit, before) = page(&query)?;
    api.read(move |_, moment| {
        let page = moment.prices(&class, limit, before)?;
        let prices = page.items.iter().map(|(height, prices)| Prices {
            height: *height,
            last: Text(prices.last),
            low: Text(prices.low),
            high: Text(prices.high),
            count: prices.count,
        });
        Ok(PriceHistory { class: Text(class), prices: prices.collect(), next: page.next })
    })
    .await
}

fn status_of(status: Status) -> JobStatus {
    match status {
        Status::Waiting => JobStatus::Waiting,
        Status::Open => JobStatus::Open,
        Status::Assigned => JobStatus::Assigned,
        Status::Delivered => JobStatus::Delivered,
        Status::Failed => JobStatus::Failed,
        Status::Cancelled => JobStatus::Cancelled,
    }
}
