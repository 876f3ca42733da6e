//! What waits for a block: `/mempool`, and `POST /transaction`.

use std::sync::Arc;

use axum::{Json, extract::State, response::Response};
use lode_api::{
    text::{Text, quoted},
    transaction::{Action, Mempool, Transaction, TransactionAccepted, TransactionRequest},
};
use lode_consensus::Hash;
use lode_core::Backend;
use serde::Deserialize;

use crate::{
    error::Failure,
    request::{JsonBody, NoParams, Params, checked},
    state::Api,
};

/// `GET /{network}/mempool`
pub(crate) async fn mempool<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Failure> {
    api.read(|backend, _| {
        let mempool = backend.mempool();
        Ok(Mempool {
            bytes: mempool.bytes as u64,
            transactions: mempool
                .transactions
                .iter()
                .map(|(id, signed)| Transaction::of(*id, signed))
                .collect(),
            shares: mempool.shares as u64,
        })
    })
    .await
}

/// Which kind of transaction a request brings. It is looked at before anything else: the other
/// fields are its own.
#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    name: Option<String>,
}

impl Kind {
    fn check(&self) -> Result<(), Failure> {
        match self.name.as_deref() {
            None => Ok(()),
            Some(name) if Action::KINDS.contains(&name) => Ok(()),
            Some(name) => Err(Failure::Refused(format!(
                "type: this node knows the kinds {:?} and no other, got {}",
                Action::KINDS,
                quoted(name)
            ))),
        }
    }
}

/// `POST /{network}/transaction`
///
/// Clients hand a transaction in again when they have lost the answer: one that is here already is
/// no failure.
pub(crate) async fn submit<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    body: JsonBody,
) -> Result<Json<TransactionAccepted>, Failure> {
    body.parse::<Kind>()?.check()?;
    let request: TransactionRequest = body.parse()?;
    checked("from", request.from)?;
    match &request.action {
        Action::Transfer { to, .. } => drop(checked("to", *to)?),
        Action::Appoint { operator } => drop(checked("operator", *operator)?),
        // Those in a policy or a direct Request are bytes.
        _ => {}
    }
    let signed = request.into_signed().map_err(|error| Failure::Refused(error.to_string()))?;
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
