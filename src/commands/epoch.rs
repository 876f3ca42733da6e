//! `lode epoch`: an epoch's shares and weights, one's own among them, and one's next duty.

use std::io::Write;

use lode_api::{
    client::Client,
    epoch::Epoch,
    text::{AddressText, Text},
};
use lode_consensus::{Address, Height};
use serde_json::json;

use super::{CommandError, account_or_own, print_json};
use crate::{amount::Credits, cli::EpochArgs, keystore::KeystoreError, text::percent};

/// Provers that are printed, the heaviest first; `--json` has them all.
const PROVERS_SHOWN: usize = 10;

/// One's place in the roster of the next height.
struct Duty {
    height: Height,
    /// From 1, the holder of the right; none for an address that is not in the roster.
    rank: Option<usize>,
    provers: usize,
}

/// Carries out `lode epoch`.
///
/// # Errors
/// [`CommandError::Keystore`] for an unknown account, [`CommandError::Client`], or
/// [`CommandError::Output`].
pub fn run(args: &EpochArgs, out: &mut dyn Write) -> Result<(), CommandError> {
    let client = args.node.client();
    let address = whose(args)?;
    if args.format.json {
        let epoch: serde_json::Value = client.get(&Client::epoch_path(args.epoch))?;
        let duty = address.map(|address| next_duty(&client, address)).transpose()?;
        let next = duty.map(
            |duty| json!({ "height": duty.height, "rank": duty.rank, "provers": duty.provers }),
        );
        return print_json(
            out,
            &json!({
                "epoch": epoch, "address": address.map(|a| a.to_string()), "next_duty": next
            }),
        );
    }
    let epoch = client.epoch(args.epoch)?;
    print_epoch(&epoch, out)?;
    let Some(address) = address else {
        writeln!(out, "(--address says whose weight and duty to show)")?;
        return Ok(());
    };
    print_own(&epoch, address, out)?;
    print_duty(&next_duty(&client, address)?, out)
}

/// Without a name, the keystore's only account; `None` if there is none: an epoch can be shown
/// without an account.
fn whose(args: &EpochArgs) -> Result<Option<Address>, KeystoreError> {
    let keystore = args.keystore.open()?;
    match account_or_own(&keystore, args.address.as_deref(), &args.node) {
        Err(KeystoreError::Empty { .. } | KeystoreError::SayWhich { .. }) => Ok(None),
        found => found.map(Some),
    }
}

fn next_duty(client: &Client, address: Address) -> Result<Duty, CommandError> {
    let height = client.status()?.height.saturating_add(1);
    let roster = client.roster(height)?;
    let rank =
        roster.iter().position(|ranked| ranked.0 == address).map(|index| index.saturating_add(1));
    Ok(Duty { height, rank, provers: roster.len() })
}

fn print_epoch(epoch: &Epoch, out: &mut dyn Write) -> Result<(), CommandError> {
    let state = if epoch.complete { "over" } else { "open: weights still grow" };
    let shares = total(epoch.shares.values().map(|count| u128::from(*count)));
    let weight = total(epoch.weights.values().map(|weight| u128::from(weight.0)));
    writeln!(
        out,
        "epoch         {} ({state}), heights {} to {}",
        epoch.epoch, epoch.first_height, epoch.last_height
    )?;
    writeln!(out, "challenge     {}", epoch.challenge)?;
    writeln!(out, "share target  {}", epoch.share_target)?;
    writeln!(out, "proving pool  {} credits", Credits::from_microcredits(epoch.proving_pool))?;
    writeln!(out, "shares        {shares} by {} provers", epoch.shares.len())?;
    let mut heaviest: Vec<_> = epoch.weights.iter().collect();
    heaviest.sort_by_key(|(prover, weight)| (std::cmp::Reverse(**weight), **prover));
    for (prover, Text(of_prover)) in heaviest.iter().take(PROVERS_SHOWN) {
        let shares = epoch.shares.get(*prover).copied().unwrap_or_default();
        let part = percent(u128::from(*of_prover), weight);
        writeln!(out, "  {prover}  {shares} shares, weight {of_prover} ({part})")?;
    }
    if let Some(more) = heaviest.len().checked_sub(PROVERS_SHOWN).filter(|more| *more > 0) {
        writeln!(out, "  and {more} more (--json has them all)")?;
    }
    Ok(())
}

fn print_own(epoch: &Epoch, address: Address, out: &mut dyn Write) -> Result<(), CommandError> {
    let key = AddressText(address);
    let shares = epoch.shares.get(&key).copied().unwrap_or_default();
    let weight = epoch.weights.get(&key).map_or(0, |weight| u128::from(weight.0));
    let all = total(epoch.weights.values().map(|weight| u128::from(weight.0)));
    writeln!(out, "{address}")?;
    writeln!(out, "  shares      {shares} in this epoch")?;
    writeln!(
        out,
        "  weight      {weight} of {all} ({}), decides the rosters of epoch {}",
        percent(weight, all),
        epoch.epoch.saturating_add(1)
    )?;
    Ok(())
}

fn print_duty(duty: &Duty, out: &mut dyn Write) -> Result<(), CommandError> {
    let Duty { height, provers, .. } = duty;
    match duty.rank {
        Some(1) => {
            writeln!(out, "  next duty   height {height}: holds the right, first of {provers}")?
        }
        Some(rank) => writeln!(
            out,
            "  next duty   height {height}: rank {rank} of {provers}, backs up those before"
        )?,
        None if *provers == 0 => {
            writeln!(out, "  next duty   none: the roster of height {height} is empty, anyone may")?
        }
        None => writeln!(
            out,
            "  next duty   none at height {height}: not among the {provers} of its roster"
        )?,
    }
    writeln!(
        out,
        "A roster is drawn from the hash of the block before it: it is known one block ahead, and \
         no further."
    )?;
    Ok(())
}

fn total(values: impl Iterator<Item = u128>) -> u128 {
    values.fold(0, u128::saturating_add)
}
