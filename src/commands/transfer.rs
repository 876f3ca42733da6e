//! `lode transfer`: signs a payment and hands it to a node.
//!
//! What must not be broken: everything that the node can refuse is checked before anybody types a passphrase, and a
//! lost answer never leads to paying twice without a word.

use std::{
    io::Write,
    thread,
    time::{Duration, Instant},
};

use lode_consensus::{
    Action, Address, Hash, Height, SignedTransaction, Transaction,
    transaction::{SignatureError, Transfer},
};
use lode_genesis::Network;
use serde_json::json;
use snarkvm::{
    console::{account::Signature, network::MainnetV0},
    utilities::FromBytes,
};

use super::{CommandError, account_or_own, passphrase, print_json};
use crate::{
    amount::Credits,
    api::{Account, Kind, Mempool, Status, TransactionAccepted, TransactionPlace, TransactionRequest},
    cli::{DEFAULT_EXPIRY_BLOCKS, TransferArgs},
    client::{Client, ClientError},
};

/// How often `--wait` looks.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Carries out `lode transfer`.
///
/// # Errors
/// [`CommandError`], one variant for each thing that can stand in the way.
pub fn run(args: &TransferArgs, out: &mut dyn Write) -> Result<(), CommandError> {
    let keystore = args.keystore.open()?;
    let from = account_or_own(&keystore, args.from.as_deref(), &args.node)?;
    let to = keystore.resolve(&args.to)?;
    // Before the node is asked: without a key there is nothing to do.
    keystore.info(from)?;

    let client = args.node.client();
    let (transaction, genesis_hash) = prepare(args, from, to, &client)?;
    let passphrase = passphrase(&keystore, from, args.passphrase.password_file.as_deref())?;
    let account = keystore.unlock(from, &passphrase)?;
    let signed = account.sign(transaction, &genesis_hash)?;
    drop(account);

    let id = signed.id(&genesis_hash);
    send(&client, &signed, id)?;
    let expiry = signed.transaction.expiry;
    let included = if args.wait { Some(wait(&client, id, expiry, args.timeout)?) } else { None };
    print(&signed.transaction, id, included, args.format.json, out)
}

/// Fills in what the flags leave open, and checks what can be checked without the key.
fn prepare(
    args: &TransferArgs,
    from: Address,
    to: Address,
    client: &Client,
) -> Result<(Transaction, Hash), CommandError> {
    let (amount, fee) = (args.amount.microcredits(), args.fee.microcredits());
    let needed = amount.checked_add(fee).ok_or(CommandError::Overflow { amount: args.amount, fee: args.fee })?;

    let status: Status = client.get("status")?;
    check_network(client, &status)?;
    let account: Account = client.get(&format!("account/{from}"))?;
    if account.balance < needed {
        return Err(CommandError::TooPoor {
            address: from,
            balance: Credits::from_microcredits(account.balance),
            needed: Credits::from_microcredits(needed),
            immature: Credits::from_microcredits(account.immature),
        });
    }
    let expiry = args.expiry.unwrap_or(status.height.saturating_add(DEFAULT_EXPIRY_BLOCKS));
    if expiry <= status.height {
        return Err(CommandError::Expired { height: status.height, expiry });
    }
    let nonce = match args.nonce {
        Some(nonce) => nonce,
        None => next_nonce(client, from, account.nonce)?,
    };
    let action = Action::Transfer(Transfer { to, amount });
    Ok((Transaction { from, fee, nonce, expiry, action }, status.genesis_hash))
}

/// A signature covers the genesis hash that the node gives. If a node could name another network's, it could take the
/// signature there: the networks that come with the software are known here, of others the node's word is all there is.
fn check_network(client: &Client, status: &Status) -> Result<(), CommandError> {
    let network = client.network();
    if status.network.as_str() != network.as_str() {
        return Err(CommandError::WrongNetwork { expected: network.clone(), got: status.network.clone() });
    }
    match Network::load(network.as_str()) {
        Ok(known) if known.genesis_hash != status.genesis_hash => Err(CommandError::WrongGenesis {
            network: network.clone(),
            expected: known.genesis_hash,
            got: status.genesis_hash,
        }),
        _ => Ok(()),
    }
}

/// The first nonce that neither the chain nor the mempool has.
fn next_nonce(client: &Client, from: Address, confirmed: u64) -> Result<u64, ClientError> {
    let mempool: Mempool = client.get("mempool")?;
    let from = from.to_string();
    let own = mempool.transactions.into_iter().filter(|pending| pending.from.as_str() == from);
    let mut waiting: Vec<u64> = own.map(|pending| pending.nonce).collect();
    waiting.sort_unstable();
    waiting.dedup();
    let follows = |next: u64, nonce: &u64| if *nonce == next { next.saturating_add(1) } else { next };
    Ok(waiting.iter().fold(confirmed, follows))
}

fn send(client: &Client, signed: &SignedTransaction, id: Hash) -> Result<(), CommandError> {
    let Transaction { from, fee, nonce, expiry, ref action } = signed.transaction;
    let Action::Transfer(transfer) = action;
    let signature = Signature::<MainnetV0>::read_le(&signed.signature[..]).map_err(|_| SignatureError::NotCanonical)?;
    let request = TransactionRequest {
        kind: Kind::Transfer,
        from: from.to_string(),
        to: transfer.to.to_string(),
        amount: transfer.amount,
        fee,
        nonce: nonce.to_string(),
        expiry,
        signature: signature.to_string(),
    };
    match client.post::<TransactionAccepted>("transaction", &request) {
        Ok(accepted) if accepted.id == id => Ok(()),
        Ok(accepted) => Err(CommandError::WrongId { expected: id, got: accepted.id }),
        Err(refused @ ClientError::Refused { status: 400..=499, .. }) => Err(refused.into()),
        Err(error) => Err(CommandError::Unanswered { error, id, nonce }),
    }
}

/// Waits until a block includes the transaction; the block's height. A node that is busy or restarts is asked again.
fn wait(client: &Client, id: Hash, expiry: Height, timeout_s: u64) -> Result<Height, CommandError> {
    let start = Instant::now();
    let timeout = Duration::from_secs(timeout_s);
    loop {
        match look(client, id) {
            Ok(Place::In(height)) => return Ok(height),
            Ok(Place::NotIn { tip }) if tip >= expiry => return Err(CommandError::Lapsed { id, expiry }),
            Err(error @ ClientError::Unexpected { .. }) => return Err(CommandError::Unwatched { error, id, expiry }),
            Err(error) if start.elapsed() >= timeout => return Err(CommandError::Unwatched { error, id, expiry }),
            Ok(_) if start.elapsed() >= timeout => {
                return Err(CommandError::NotYet { id, waited_s: timeout_s, expiry });
            }
            _ => thread::sleep(POLL_INTERVAL),
        }
    }
}

/// Where a transaction is.
enum Place {
    /// In the block at this height.
    In(Height),
    /// In no block of the chain with this tip.
    NotIn { tip: Height },
}

fn look(client: &Client, id: Hash) -> Result<Place, ClientError> {
    // The height first: a transaction that is in no block afterwards is in none up to that height.
    let tip = client.get::<Status>("status")?.height;
    match client.get::<TransactionPlace>(&format!("transaction/{id}")) {
        Ok(TransactionPlace { height: Some(height) }) => Ok(Place::In(height)),
        // A full node may have dropped it, and may get it again from a block.
        Ok(TransactionPlace { height: None }) | Err(ClientError::Refused { status: 404, .. }) => {
            Ok(Place::NotIn { tip })
        }
        Err(error) => Err(error),
    }
}

fn print(
    transaction: &Transaction,
    id: Hash,
    included: Option<Height>,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), CommandError> {
    let Transaction { from, fee, nonce, expiry, ref action } = *transaction;
    let Action::Transfer(transfer) = action;
    let status = if included.is_some() { "confirmed" } else { "pending" };
    if json {
        return print_json(
            out,
            &json!({
                "id": id.to_string(),
                "status": status,
                "height": included,
                "type": action.name(),
                "from": from.to_string(),
                "to": transfer.to.to_string(),
                "amount": transfer.amount,
                "fee": fee,
                "nonce": nonce.to_string(),
                "expiry": expiry,
            }),
        );
    }
    let (amount, fee) = (Credits::from_microcredits(transfer.amount), Credits::from_microcredits(fee));
    writeln!(out, "{id}")?;
    match included {
        Some(height) => writeln!(out, "{amount} credits paid to {} in block {height}, fee {fee}", transfer.to)?,
        None => {
            let to = transfer.to;
            writeln!(out, "{amount} credits on the way to {to}, fee {fee}, until height {expiry}")?;
        }
    }
    Ok(())
}
