//! All routes, and what holds for every one of them.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderValue, Method, Uri, header},
    middleware::{Next, from_fn, map_response},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Serialize;

use crate::{accounts, api::Api, chain, epochs, error::ApiError, events, mempool, mining, network};
use lode_core::Backend;

/// What `GET /` lists.
const ROUTES: [&str; 17] = [
    "GET /{network}/status",
    "GET /{network}/block/{height|hash|latest}",
    "GET /{network}/transaction/{id}",
    "GET /{network}/account/{address}?height=",
    "GET /{network}/account/{address}/transactions?limit=&before=",
    "GET /{network}/epoch/{epoch|current}",
    "GET /{network}/roster/{height}",
    "GET /{network}/shares/{address}?limit=&before=",
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
pub fn router<B: Backend>(backend: Arc<B>) -> Router {
    // What is on the chain is everybody's, so any web page may read it. What this node alone knows is not: its
    // mempool and events would tell a page which transactions come from its visitor, and its peers where it is.
    let chain = Router::new()
        .route("/status", get(chain::status::<B>))
        .route("/block/{id}", get(chain::block::<B>))
        .route("/account/{address}", get(accounts::account::<B>))
        .route("/account/{address}/transactions", get(accounts::transactions::<B>))
        .route("/epoch/{epoch}", get(epochs::epoch::<B>))
        .route("/roster/{height}", get(epochs::roster::<B>))
        .route("/shares/{address}", get(epochs::shares::<B>))
        .layer(map_response(open_to_pages));
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
    Router::new()
        .route("/", get(root::<B>))
        .nest(&prefix, chain.merge(node))
        .fallback(no_route::<B>)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(catch_panics))
        .with_state(Arc::new(Api::new(backend)))
}

#[derive(Serialize)]
struct Root {
    name: &'static str,
    version: &'static str,
    networks: [String; 1],
    routes: [&'static str; ROUTES.len()],
}

async fn root<B: Backend>(State(api): State<Arc<Api<B>>>) -> Json<Root> {
    let networks = [api.backend.ledger().params().name.clone()];
    Json(Root { name: "lode", version: env!("CARGO_PKG_VERSION"), networks, routes: ROUTES })
}

async fn no_route<B: Backend>(State(api): State<Arc<Api<B>>>, uri: Uri) -> ApiError {
    let served = &api.backend.ledger().params().name;
    let first = uri.path().split('/').nth(1).unwrap_or_default();
    ApiError::NotFound(if first == served {
        format!("no route {}: GET / lists them", uri.path())
    } else {
        format!("no network {first:?} here: this node serves {served:?}")
    })
}

async fn wrong_method(method: Method) -> ApiError {
    ApiError::Method { method: method.to_string() }
}

async fn open_to_pages(mut response: Response) -> Response {
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// No handler is known to panic; if one does, its client learns of it and nobody else does.
async fn catch_panics(request: Request, next: Next) -> Response {
    let mut answer = pin!(next.run(request));
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context))) {
        Ok(Poll::Ready(response)) => Poll::Ready(response),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(ApiError::Internal("a handler panicked".to_owned()).into_response()),
    })
    .await
}
