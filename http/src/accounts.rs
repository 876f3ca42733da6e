//! Accounts: `/account/{address}` with its proof, `/account/{address}/transactions`.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use lode_consensus::{Hash, Height, tree::StateProof};
use serde::{Deserialize, Serialize};

use crate::{
    api::Api,
    error::ApiError,
    json::{AddressText, Hex, Text, TransferView},
    page::{Page, Place},
    request::{PageQuery, Params, Segment, address, height},
};
use lode_core::Backend;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountQuery {
    height: Option<String>,
}

#[derive(Serialize)]
struct AccountView {
    address: AddressText,
    exists: bool,
    balance: u64,
    nonce: Text<u64>,
    immature: Option<u64>,
    height: Height,
    block_hash: Text<Hash>,
    state_root: Text<Hash>,
    proof: ProofView,
}

#[derive(Serialize)]
struct ProofView {
    key: Text<Hash>,
    value: Option<Hex<Vec<u8>>>,
    leaf: Option<LeafView>,
    siblings: Vec<Text<Hash>>,
}

#[derive(Serialize)]
struct LeafView {
    key_hash: Text<Hash>,
    value_hash: Text<Hash>,
}

impl ProofView {
    fn of(key: Hash, value: Option<Vec<u8>>, proof: StateProof) -> Self {
        Self {
            key: Text(key),
            value: value.map(Hex),
            leaf: proof.leaf.map(|(key, value)| LeafView { key_hash: Text(key), value_hash: Text(value) }),
            siblings: proof.siblings.into_iter().map(Text).collect(),
        }
    }
}

/// `GET /{network}/account/{address}`
pub(crate) async fn account<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(owner): Segment,
    Params(query): Params<AccountQuery>,
) -> Result<Response, ApiError> {
    let owner = address("address", &owner)?;
    let asked = query.height.as_deref().map(|text| height("height", text)).transpose()?;
    api.read(move |_, reader| {
        let tip = reader.tip_height()?;
        let at = asked.unwrap_or(tip);
        let proven = reader.account_proof(&owner, at)?;
        let block_hash = reader.block_hash_at(at)?;
        let block_hash = block_hash.ok_or_else(|| ApiError::Internal(format!("no block at height {at}")))?;
        // What waited for maturity at an older height is not kept by address.
        let immature = if at == tip { Some(reader.immature(&owner)?) } else { None };
        let account = proven.leaf.unwrap_or_default();
        Ok(AccountView {
            address: AddressText(owner),
            exists: proven.leaf.is_some(),
            balance: account.balance,
            nonce: Text(account.nonce),
            immature: immature.map(|amounts| amounts.iter().fold(0, |sum, (_, amount)| amount.saturating_add(sum))),
            height: proven.height,
            block_hash: Text(block_hash),
            state_root: Text(proven.state_root),
            proof: ProofView::of(proven.key, proven.value, proven.proof),
        })
    })
    .await
}

#[derive(Serialize)]
struct TransactionsView {
    address: AddressText,
    transactions: Vec<PlacedTransfer>,
    next: Option<Height>,
}

#[derive(Serialize)]
struct PlacedTransfer {
    #[serde(flatten)]
    transfer: TransferView,
    height: Height,
    index: u32,
}

/// `GET /{network}/account/{address}/transactions`
pub(crate) async fn transactions<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(owner): Segment,
    Params(query): Params<PageQuery>,
) -> Result<Response, ApiError> {
    let owner = address("address", &owner)?;
    let (limit, before) = (query.limit()?, query.before()?);
    api.read(move |backend, reader| {
        let genesis_hash = backend.ledger().network().genesis_hash;
        let places = reader.account_transactions(&owner, before)?;
        let places = places.map(|place| place.map(|place| Place { height: place.height, index: place.index }));
        let page = Page::collect(reader, limit, places, |block, place| {
            let signed = block.body.transactions.get(place.slot())?;
            let transfer = TransferView::of(signed.id(&genesis_hash), signed);
            Some(PlacedTransfer { transfer, height: place.height, index: place.index })
        })?;
        Ok(TransactionsView { address: AddressText(owner), transactions: page.items, next: page.next })
    })
    .await
}
