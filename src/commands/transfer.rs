//! `lode transfer`: signs a payment and hands it to a node.
//!
//! What must not be broken: everything that the node can refuse is checked before the passphrase is
//! asked for, and a lost answer never leads to a second payment without a warning.

use std::{
    io::Write,
    thread,
    time::{Duration, Instant},
};

use lode_api::{
    Backoff,
    client::{Client, ClientError},
    status::Status,
    transaction::{TransactionRequest, TransactionStatus},
};
use lode_consensus::{
    Action, Address, Hash, Height, SignedTransaction, Transaction, transaction::Transfer,
};
use lode_genesis::Network;
use serde_json::json;

use super::{CommandError, account_or_own, passphrase, print_json, warn};
use crate::{
    amount::Credits,
    cli::{DEFAULT_EXPIRY_BLOCKS, TransferArgs},
    text::one_line,
};

/// How often `--wait` looks.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Longest pause of `--wait` while the node cannot be asked.
const MAX_PAUSE: Duration = Duration::from_secs(5);

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
    let transaction = &signed.transaction;
    let included =
        if args.wait { Some(wait(&client, id, transaction, args.timeout)?) } else { None };
    print(transaction, id, included, args.format.json, out)
}

/// Fills in what the flags leave open, and checks what can be checked without the key.
fn prepare(
    args: &TransferArgs,
    from: Address,
    to: Address,
    client: &Client,
) -> Result<(Transaction, Hash), CommandError> {
    let (amount, fee) = (args.amount.microcredits(), args.fee.microcredits());
    let needed = amount
        .checked_add(fee)
        .ok_or(CommandError::Overflow { amount: args.amount, fee: args.fee })?;

    let status = client.status()?;
    check_network(client, &status)?;
    check_sync(client, args.force)?;
    let account = client.account(&from)?;
    if account.balance < needed {
        return Err(CommandError::TooPoor {
            address: from,
            balance: Credits::from_microcredits(account.balance),
            needed: Credits::from_microcredits(needed),
            immature: Credits::from_microcredits(account.immature.unwrap_or_default()),
        });
    }
    let expiry = args.expiry.unwrap_or(status.height.saturating_add(DEFAULT_EXPIRY_BLOCKS));
    if expiry <= status.height {
        return Err(CommandError::Expired { height: status.height, expiry });
    }
    let nonce = match args.nonce {
        Some(nonce) => nonce,
        None => next_nonce(client, from, account.nonce.0)?,
    };
    let action = Action::Transfer(Transfer { to, amount });
    Ok((Transaction { from, fee, nonce, expiry, action }, status.genesis_hash.0))
}

/// A signature covers the genesis hash that the node gives. If a node could name another network's,
/// it could take the signature there: the networks that come with the software are known here; for
/// others the node has to be trusted.
fn check_network(client: &Client, status: &Status) -> Result<(), CommandError> {
    let network = client.network();
    if status.network != network.as_str() {
        return Err(CommandError::WrongNetwork {
            expected: network.clone(),
            got: one_line(&status.network),
        });
    }
    let got = status.genesis_hash.0;
    match Network::load(network.as_str()) {
        Ok(known) if known.genesis_hash != got => Err(CommandError::WrongGenesis {
            network: network.clone(),
            expected: known.genesis_hash,
            got,
        }),
        _ => Ok(()),
    }
}

/// Balance and nonce of a node that is behind its peers are those of the past: a transaction signed
/// with them may be refused, or be executed in another order than meant. A node without a network
/// has no peers to be behind of; then the age of its tip is only a warning.
fn check_sync(client: &Client, force: bool) -> Result<(), CommandError> {
    let sync = client.sync()?;
    if sync.ready {
        return Ok(());
    }
    let reason = one_line(&sync.reason.unwrap_or_else(|| "it does not say why".to_owned()));
    if force || client.peers()?.peer_id.is_none() {
        warn(&format!("the node is not in sync: {reason}"));
        return Ok(());
    }
    Err(CommandError::NotInSync { reason })
}

/// The first nonce that neither the chain nor the mempool has.
fn next_nonce(client: &Client, from: Address, confirmed: u64) -> Result<u64, ClientError> {
    let mempool = client.mempool()?;
    let own = mempool.transactions.into_iter().filter(|pending| pending.from.0 == from);
    let mut waiting: Vec<u64> = own.map(|pending| pending.nonce.0).collect();
    waiting.sort_unstable();
    waiting.dedup();
    let follows =
        |next: u64, nonce: &u64| if *nonce == next { next.saturating_add(1) } else { next };
    Ok(waiting.iter().fold(confirmed, follows))
}

fn send(client: &Client, signed: &SignedTransaction, id: Hash) -> Result<(), CommandError> {
    let nonce = signed.transaction.nonce;
    let request = TransactionRequest::of(signed);
    match client.submit_transaction(&request) {
        Ok(accepted) if accepted.id.0 == id => Ok(()),
        Ok(accepted) => Err(CommandError::WrongId { expected: id, got: accepted.id.0 }),
        Err(refused @ ClientError::Refused { status: 400..=499, .. }) => Err(refused.into()),
        Err(error) => Err(CommandError::Unanswered { error, id, nonce }),
    }
}

/// Waits until a block includes the transaction, and gives the block's height; or until none can
/// any more. A node that is busy or restarts is asked again.
fn wait(
    client: &Client,
    id: Hash,
    transaction: &Transaction,
    timeout_s: u64,
) -> Result<Height, CommandError> {
    let (start, timeout) = (Instant::now(), Duration::from_secs(timeout_s));
    let expiry = transaction.expiry;
    let mut backoff = Backoff::new(POLL_INTERVAL, MAX_PAUSE);
    let mut was_replaced = false;
    loop {
        let looked = look(client, id, transaction);
        let is_over = start.elapsed() >= timeout;
        let is_replaced = matches!(looked, Ok(Inclusion::Replaced { .. }));
        let pause = match looked {
            Ok(Inclusion::In(height)) => return Ok(height),
            // A reorg between two questions can look like it, but not twice.
            Ok(Inclusion::Replaced { by }) if was_replaced => {
                return Err(CommandError::Replaced { id, nonce: transaction.nonce, by });
            }
            Ok(Inclusion::NotIn { tip, .. }) if tip >= expiry => {
                return Err(CommandError::Lapsed { id, expiry });
            }
            Ok(Inclusion::NotIn { waits, .. }) if is_over => {
                return Err(CommandError::NotYet { id, waited_s: timeout_s, waits, expiry });
            }
            Ok(_) => {
                backoff.reset();
                POLL_INTERVAL
            }
            Err(error) if is_over || matches!(error, ClientError::Unexpected { .. }) => {
                return Err(CommandError::Unwatched { error, id, expiry });
            }
            Err(_) => backoff.next_wait(),
        };
        was_replaced = is_replaced;
        thread::sleep(pause);
    }
}

/// Whether a transaction is in the chain, and where.
enum Inclusion {
    /// In the block at this height.
    In(Height),
    /// In no block of the chain with this tip, but perhaps in the mempool.
    NotIn { tip: Height, waits: bool },
    /// In no block of the chain, which has another one with the same nonce.
    Replaced { by: String },
}

fn look(client: &Client, id: Hash, transaction: &Transaction) -> Result<Inclusion, ClientError> {
    // The height first: a transaction that is in no block afterwards is in none up to that height.
    let tip = client.status()?.height;
    // The nonce before the transaction: one that is used before, and not by this transaction, is
    // used by another.
    let is_used = client.account(&transaction.from)?.nonce.0 > transaction.nonce;
    match client.transaction(&id) {
        Ok(found) if found.status == TransactionStatus::Confirmed => {
            Ok(found.height.map_or(Inclusion::NotIn { tip, waits: true }, Inclusion::In))
        }
        Ok(_) => Ok(Inclusion::NotIn { tip, waits: true }),
        Err(ClientError::Refused { status: 404, .. }) if is_used => {
            Ok(Inclusion::Replaced { by: rival(client, transaction) })
        }
        // A full node may have dropped it, and may get it again from a block or a peer.
        Err(ClientError::Refused { status: 404, .. }) => Ok(Inclusion::NotIn { tip, waits: false }),
        Err(error) => Err(error),
    }
}

/// Which transaction of the sender has the nonce, for a person to read.
fn rival(client: &Client, replaced: &Transaction) -> String {
    let listed = client.account_transactions(&replaced.from).ok();
    let has_nonce = |transaction: &lode_api::transaction::Transaction| {
        transaction.from.0 == replaced.from && transaction.nonce.0 == replaced.nonce
    };
    let found = listed.and_then(|list| {
        list.transactions.into_iter().find(|placed| has_nonce(&placed.transaction))
    });
    match found {
        Some(placed) => format!("transaction {} in block {}", placed.transaction.id, placed.height),
        None => "another transaction".to_owned(),
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
    let Action::Transfer(transfer) = action else {
        return Err(CommandError::NotTransfer(action.name()));
    };
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
    let (amount, fee) =
        (Credits::from_microcredits(transfer.amount), Credits::from_microcredits(fee));
    writeln!(out, "{id}")?;
    match included {
        Some(height) => {
            writeln!(out, "{amount} credits paid to {} in block {height}, fee {fee}", transfer.to)?
        }
        None => {
            let to = transfer.to;
            writeln!(out, "{amount} credits on the way to {to}, fee {fee}, until height {expiry}")?;
        }
    }
    Ok(())
}
