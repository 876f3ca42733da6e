//! What waits for a block: `/mempool`, and `POST /transaction`.

use std::sync::Arc;

use axum::{Json, extract::State, response::Response};
use lode_consensus::{Action, Hash, Height, SignedTransaction, Transaction, transaction::Transfer};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use snarkvm::{
    console::{account::Signature, network::MainnetV0},
    utilities::ToBytes,
};

use crate::{
    api::Api,
    error::{ApiError, quoted},
    json::{Text, TransferView},
    request::{Integer, JsonBody, address},
};
use lode_core::Backend;

#[derive(Serialize)]
struct MempoolPage {
    bytes: usize,
    transactions: Vec<TransferView>,
    shares: usize,
}

/// `GET /{network}/mempool`
pub(crate) async fn mempool<B: Backend>(State(api): State<Arc<Api<B>>>) -> Result<Response, ApiError> {
    api.read(|backend, _| {
        let mempool = backend.mempool();
        Ok(MempoolPage {
            bytes: mempool.bytes,
            transactions: mempool.transactions.iter().map(|(id, signed)| TransferView::of(*id, signed)).collect(),
            shares: mempool.shares,
        })
    })
    .await
}

/// Which kind of transaction a request brings. It is looked at before anything else: the other fields are its own.
#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type", default = "Kind::transfer")]
    name: String,
}

impl Kind {
    fn transfer() -> String {
        "transfer".to_owned()
    }

    fn check(&self) -> Result<(), ApiError> {
        if self.name == Self::transfer() {
            return Ok(());
        }
        let got = quoted(&self.name);
        Err(ApiError::Refused(format!("type: this node knows the kind \"transfer\" and no other, got {got}")))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TransferRequest {
    /// [`Kind`].
    #[serde(rename = "type", default)]
    _kind: IgnoredAny,
    from: String,
    to: String,
    amount: Integer,
    fee: Integer,
    nonce: Integer,
    expiry: Height,
    signature: String,
}

impl TransferRequest {
    fn into_signed(self) -> Result<SignedTransaction, ApiError> {
        let transaction = Transaction {
            from: address("from", &self.from)?,
            fee: self.fee.0,
            nonce: self.nonce.0,
            expiry: self.expiry,
            action: Action::Transfer(Transfer { to: address("to", &self.to)?, amount: self.amount.0 }),
        };
        Ok(SignedTransaction { transaction, signature: signature(&self.signature)? })
    }
}

fn signature(text: &str) -> Result<[u8; SignedTransaction::SIGNATURE_BYTES], ApiError> {
    let refused = || ApiError::BadRequest(format!("signature: expected sign1…, got {}", quoted(text)));
    let signature: Signature<MainnetV0> = text.parse().map_err(|_| refused())?;
    signature.to_bytes_le().ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(refused)
}

#[derive(Serialize)]
pub(crate) struct Accepted {
    id: Text<Hash>,
}

/// `POST /{network}/transaction`
pub(crate) async fn submit<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    body: JsonBody,
) -> Result<Json<Accepted>, ApiError> {
    body.parse::<Kind>()?.check()?;
    let request: TransferRequest = body.parse()?;
    let id = api.backend.submit_transaction(request.into_signed()?).await?;
    Ok(Json(Accepted { id: Text(id) }))
}
