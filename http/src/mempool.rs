//! What waits for a block: `/mempool`, and `POST /transaction`.

use std::sync::Arc;

use axum::{Json, extract::State, response::Response};
use lode_api::{
    text::Text,
    transaction::{Mempool, Transaction, TransactionAccepted, TransactionRequest},
};
use lode_consensus::Hash;
use lode_core::Backend;

use crate::{
    error::Failure,
    request::{Payload, checked},
    state::Api,
};

/// `GET /{network}/mempool`
pub(crate) async fn mempool<B: Backend>(State(api): State<Arc<Api<B>>>) -> Result<Response, Failure> {
    api.read(|backend, _| {
        let mempool = backend.mempool();
        Ok(Mempool {
            bytes: mempool.bytes as u64,
            transactions: mempool.transactions.iter().map(|(id, signed)| Transaction::of(*id, signed)).collect(),
            shares: mempool.shares as u64,
        })
    })
    .await
}

/// `POST /{network}/transaction`
///
/// Clients hand a transaction in again when they have lost the answer: one that is here already is no failure.
pub(crate) async fn submit<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Payload(request): Payload<TransactionRequest>,
) -> Result<Json<TransactionAccepted>, Failure> {
    checked("from", request.from)?;
    checked("to", request.to)?;
    let signed = request.into_signed();
    let id = signed.id(&api.backend.ledger().network().genesis_hash);
    match api.backend.submit_transaction(signed).await {
        Ok(id) => Ok(Json(TransactionAccepted { id: Text(id) })),
        Err(_) if is_here(&api, id).await? => Ok(Json(TransactionAccepted { id: Text(id) })),
        Err(error) => Err(error.into()),
    }
}

/// Whether a transaction waits here or is on the chain.
async fn is_here<B: Backend>(api: &Api<B>, id: Hash) -> Result<bool, Failure> {
    let waiting = api.backend.pending_transaction(&id);
    api.ask(move |_, moment| Ok(moment.transaction(&id, waiting).is_ok())).await
}
