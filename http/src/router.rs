//! All routes, and what holds for every one of them.

use std::{any::Any, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{Method, StatusCode, Uri, header},
    middleware::{from_fn_with_state, map_response},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use lode_api::{ApiError, status::Root};
use lode_core::Backend;
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{self, CorsLayer},
    limit::RequestBodyLimitLayer,
    timeout::TimeoutLayer,
};

use crate::{
    AllowedHosts, accounts, chain, epochs,
    error::Failure,
    events, fit,
    hosts::check_host,
    jobs, market, mempool, mining, network,
    request::{MAX_BODY_BYTES, MAX_DRAINED_BYTES, NoParams, Params},
    state::Api,
};

/// How long any answer may take to begin. Each route has shorter limits of its own; this one holds
/// if they fail.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);

/// What `GET /` lists.
const ROUTES: [&str; 40] = [
    "GET /{network}/status",
    "GET /{network}/block/{height|hash|latest}",
    "GET /{network}/transaction/{id}",
    "GET /{network}/account/{address}?height=",
    "GET /{network}/account/{address}/transactions?limit=&before=",
    "GET /{network}/epoch/{epoch|current}",
    "GET /{network}/weight/{address}?height=",
    "GET /{network}/roster/{height}",
    "GET /{network}/shares/{address}?limit=&before=",
    "GET /{network}/supply?height=",
    "GET /{network}/classes?limit=&before=",
    "GET /{network}/class/{id}?height=",
    "GET /{network}/class/{id}/key?height=",
    "GET /{network}/class/{id}/book?height=",
    "GET /{network}/class/{id}/waiting?height=",
    "GET /{network}/class/{id}/jobs?limit=&before=",
    "GET /{network}/class/{id}/prices?limit=&before=",
    "GET /{network}/class/{id}/estimate?price=&late_price=&soft_blocks=&hard_blocks=&damage=\
     &min_reputation=&operator=",
    "GET /{network}/jobs?status=&limit=&before=",
    "GET /{network}/job/{id}?height=",
    "GET /{network}/job/{id}/events?limit=&from_height=&from_index=",
    "GET /{network}/job/{id}/why",
    "GET /{network}/account/{address}/jobs?limit=&before=",
    "GET /{network}/operator/{address}?height=",
    "GET /{network}/operator/{address}/jobs?limit=&before=",
    "GET /{network}/operator/{address}/deliveries?limit=&before=",
    "GET /{network}/appoint/{address}?height=",
    "GET /{network}/pool/{epoch}?height=",
    "GET /{network}/queue?page=&height=",
    "GET /{network}/agenda?height=",
    "GET /{network}/agenda/{height}?page=&height=",
    "GET /{network}/mempool",
    "POST /{network}/transaction",
    "GET /{network}/mining/job?address=&after=&wait_ms=",
    "POST /{network}/mining/submit",
    "GET /{network}/events",
    "GET /{network}/peers",
    "GET /{network}/sync",
    "GET /{network}/ready",
    "GET /",
];

/// The API of one node, under its network's name.
pub fn router<B: Backend>(backend: Arc<B>, hosts: AllowedHosts) -> Router {
    // The chain is public, so any web page may read it. What this node alone knows is not: its
    // mempool and events would tell a page which transactions come from its visitor, and its peers
    // would tell the node's address.
    let chain = Router::new()
        .route("/status", get(chain::status::<B>))
        .route("/block/{id}", get(chain::block::<B>))
        .route("/account/{address}", get(accounts::account::<B>))
        .route("/account/{address}/transactions", get(accounts::transactions::<B>))
        .route("/epoch/{epoch}", get(epochs::epoch::<B>))
        .route("/weight/{address}", get(epochs::weight::<B>))
        .route("/roster/{height}", get(epochs::roster::<B>))
        .route("/shares/{address}", get(epochs::shares::<B>))
        .merge(market_routes())
        // Before the layer, which must see a preflight, too: OPTIONS is no method of these routes.
        .method_not_allowed_fallback(wrong_method)
        .layer(CorsLayer::new().allow_origin(cors::Any).allow_methods([Method::GET, Method::HEAD]));
    let node = Router::new()
        .route("/transaction", post(mempool::submit::<B>))
        .route("/transaction/{id}", get(chain::transaction::<B>))
        .route("/mempool", get(mempool::mempool::<B>))
        .route("/mining/job", get(mining::job::<B>))
        .route("/mining/submit", post(mining::submit::<B>))
        .route("/events", get(events::events::<B>))
        .route("/peers", get(network::peers::<B>))
        .route("/sync", get(network::sync::<B>))
        .route("/ready", get(network::ready::<B>));

    let prefix = format!("/{}", backend.ledger().params().name);
    // The last layer is the outermost one.
    Router::new()
        .route("/", get(root::<B>))
        .nest(&prefix, chain.merge(node))
        .fallback(no_route::<B>)
        .method_not_allowed_fallback(wrong_method)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::new(hosts), check_host))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT))
        .layer(RequestBodyLimitLayer::new(MAX_DRAINED_BYTES))
        .layer(map_response(failures_as_json))
        .with_state(Arc::new(Api::new(backend)))
}

/// The proof market, which is on the chain too.
fn market_routes<B: Backend>() -> Router<Arc<Api<B>>> {
    Router::new()
        .route("/supply", get(market::supply::<B>))
        .route("/classes", get(jobs::classes::<B>))
        .route("/class/{id}", get(market::class::<B>))
        .route("/class/{id}/key", get(market::key::<B>))
        .route("/class/{id}/book", get(market::book::<B>))
        .route("/class/{id}/waiting", get(market::waiting::<B>))
        .route("/class/{id}/jobs", get(jobs::of_class::<B>))
        .route("/class/{id}/prices", get(jobs::prices::<B>))
        .route("/class/{id}/estimate", get(fit::estimate::<B>))
        .route("/jobs", get(jobs::jobs::<B>))
        .route("/job/{id}", get(jobs::job::<B>))
        .route("/job/{id}/events", get(jobs::events::<B>))
        .route("/job/{id}/why", get(fit::why::<B>))
        .route("/account/{address}/jobs", get(jobs::of_requester::<B>))
        .route("/operator/{address}", get(market::operator::<B>))
        .route("/operator/{address}/jobs", get(jobs::of_operator::<B>))
        .route("/operator/{address}/deliveries", get(jobs::deliveries::<B>))
        .route("/appoint/{address}", get(market::appoint::<B>))
        .route("/pool/{epoch}", get(market::pool::<B>))
        .route("/queue", get(market::queue::<B>))
        .route("/agenda", get(market::agenda_oldest::<B>))
        .route("/agenda/{height}", get(market::agenda::<B>))
}

async fn root<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Params(NoParams {}): Params<NoParams>,
) -> Json<Root> {
    Json(Root {
        name: "lode".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        networks: vec![api.backend.ledger().params().name.clone()],
        routes: ROUTES.map(str::to_owned).to_vec(),
    })
}

async fn no_route<B: Backend>(State(api): State<Arc<Api<B>>>, uri: Uri) -> Failure {
    let served = &api.backend.ledger().params().name;
    let first = uri.path().split('/').nth(1).unwrap_or_default();
    Failure::NotFound(if first == served {
        format!("no route {}: GET / lists them", uri.path())
    } else {
        format!("no network {first:?} here: this node serves {served:?}")
    })
}

async fn wrong_method(method: Method) -> Failure {
    Failure::Method { method: method.to_string() }
}

/// No handler is known to panic; if one does, only its client is affected.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    Failure::Internal("a handler panicked".to_owned()).into_response()
}

/// A layer that refuses a request knows nothing of JSON: its status gets the body that every
/// failure has.
async fn failures_as_json(response: Response) -> Response {
    let status = response.status();
    let media_type = response.headers().get(header::CONTENT_TYPE);
    let is_json =
        media_type.is_some_and(|media_type| media_type.as_bytes().starts_with(b"application/json"));
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let reason = match status {
        StatusCode::PAYLOAD_TOO_LARGE => Failure::TooLarge { limit: MAX_BODY_BYTES }.to_string(),
        StatusCode::SERVICE_UNAVAILABLE => "the node has no answer in time: try again".to_owned(),
        other => other.canonical_reason().unwrap_or("refused").to_owned(),
    };
    (status, Json(ApiError::new(&reason))).into_response()
}
