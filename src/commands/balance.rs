//! `lode balance`: what an account can spend.

use std::io::Write;

use serde_json::json;

use super::{CommandError, account_or_own, print_json};
use crate::{amount::Credits, cli::BalanceArgs};

/// Carries out `lode balance`.
///
/// # Errors
/// [`CommandError::Keystore`] for an unknown account, [`CommandError::Client`], or
/// [`CommandError::Output`].
pub fn run(args: &BalanceArgs, out: &mut dyn Write) -> Result<(), CommandError> {
    let address = account_or_own(&args.keystore.open()?, args.account.as_deref(), &args.node)?;
    let client = args.node.client();
    let account = client.account(&address)?;
    let immature = account.immature.unwrap_or_default();
    if args.format.json {
        return print_json(
            out,
            &json!({
                "address": address.to_string(),
                "exists": account.exists,
                "balance": account.balance,
                "immature": immature,
                "nonce": account.nonce.to_string(),
                "height": account.height,
            }),
        );
    }
    let (balance, immature) =
        (Credits::from_microcredits(account.balance), Credits::from_microcredits(immature));
    writeln!(out, "{balance} credits at height {}", account.height)?;
    if immature > Credits::default() {
        writeln!(out, "{immature} credits mined and not mature yet")?;
    }
    if !account.exists && immature == Credits::default() {
        writeln!(out, "{address} has not received anything yet")?;
    }
    Ok(())
}
