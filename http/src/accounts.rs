//! Accounts: `/account/{address}` with its proof, `/account/{address}/transactions`.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use lode_api::{
    account::{
        Account, AccountQuery, AccountTransactions, LeafProof, PageQuery, PlacedTransaction,
    },
    text::{AddressText, Text},
    transaction::Transaction,
};
use lode_core::{
    Backend,
    query::{AccountState, Place},
};

use crate::{
    chain::told_of,
    error::Failure,
    request::{Params, Segment, address, page},
    state::Api,
};

/// `GET /{network}/account/{address}`
pub(crate) async fn account<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(owner): Segment,
    Params(query): Params<AccountQuery>,
) -> Result<Response, Failure> {
    let owner = address("address", &owner)?;
    api.read(move |_, moment| {
        let AccountState { proven, block_hash, immature } =
            moment.account(&owner, query.height.map(|Text(height)| height))?;
        let account = proven.leaf.unwrap_or_default();
        Ok(Account {
            address: AddressText(owner),
            exists: proven.leaf.is_some(),
            balance: account.balance,
            nonce: Text(account.nonce),
            immature,
            height: proven.height,
            block_hash: Text(block_hash),
            state_root: Text(proven.state_root),
            proof: LeafProof::of(proven.key, proven.value, proven.proof),
        })
    })
    .await
}

/// `GET /{network}/account/{address}/transactions`
pub(crate) async fn transactions<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Segment(owner): Segment,
    Params(query): Params<PageQuery>,
) -> Result<Response, Failure> {
    let owner = address("address", &owner)?;
    let (limit, before) = page(&query)?;
    api.read(move |_, moment| {
        let page = moment.account_transactions(&owner, limit, before)?;
        let transactions = page.items.iter().map(|item| {
            let told = item.told.as_ref().map(told_of);
            let (transaction, fate) = Transaction::told(item.id, &item.signed, told.as_ref());
            let Place { height, index } = item.place;
            PlacedTransaction { transaction, fate, height, index }
        });
        Ok(AccountTransactions {
            address: AddressText(owner),
            transactions: transactions.collect(),
            next: page.next,
        })
    })
    .await
}
