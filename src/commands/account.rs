//! `lode account`: private keys in and out of the keystore.

use std::io::Write;

use serde_json::json;

use super::{CommandError, account_or_only, new_passphrase, passphrase, print_json, warn};
use crate::{
    cli::{AccountCommand, ExportArgs, ImportArgs, ListArgs, NewArgs},
    keystore::{AccountInfo, AccountName, prompt_private_key, read_private_key},
};

/// Carries out `lode account …`.
///
/// # Errors
/// [`CommandError::Keystore`] or [`CommandError::Output`].
pub fn run(command: AccountCommand, out: &mut dyn Write) -> Result<(), CommandError> {
    match command {
        AccountCommand::New(args) => new(args, out),
        AccountCommand::Import(args) => import(args, out),
        AccountCommand::List(args) => list(&args, out),
        AccountCommand::Export(args) => export(&args, out),
    }
}

fn new(args: NewArgs, out: &mut dyn Write) -> Result<(), CommandError> {
    let keystore = args.keystore.open()?;
    let passphrase = new_passphrase(args.passphrase.password_file.as_deref())?;
    let account = keystore.create(args.name, &passphrase)?;
    print_stored(&account, args.format.json, out)
}

fn import(args: ImportArgs, out: &mut dyn Write) -> Result<(), CommandError> {
    let keystore = args.keystore.open()?;
    let key = match &args.key_file {
        Some(path) => read_private_key(path)?,
        None => prompt_private_key()?,
    };
    let passphrase = new_passphrase(args.passphrase.password_file.as_deref())?;
    let account = keystore.import(&key, args.name, &passphrase)?;
    print_stored(&account, args.format.json, out)
}

fn print_stored(
    account: &AccountInfo,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), CommandError> {
    if json {
        return print_json(out, &describe(account));
    }
    writeln!(out, "{}", account.address)?;
    writeln!(
        out,
        "key in {} (keep a copy, and the passphrase: nothing else opens it)",
        account.path.display()
    )?;
    Ok(())
}

fn list(args: &ListArgs, out: &mut dyn Write) -> Result<(), CommandError> {
    let keystore = args.keystore.open()?;
    let listing = keystore.list()?;
    for error in &listing.unreadable {
        warn(&error.to_string());
    }
    if args.format.json {
        return print_json(out, &listing.accounts.iter().map(describe).collect::<Vec<_>>());
    }
    for account in &listing.accounts {
        match &account.name {
            Some(name) => writeln!(out, "{}  {name}", account.address)?,
            None => writeln!(out, "{}", account.address)?,
        }
    }
    if listing.accounts.is_empty() {
        writeln!(out, "no account in {} (lode account new makes one)", keystore.dir().display())?;
    }
    Ok(())
}

fn export(args: &ExportArgs, out: &mut dyn Write) -> Result<(), CommandError> {
    let keystore = args.keystore.open()?;
    let address = account_or_only(&keystore, args.account.as_deref())?;
    let passphrase = passphrase(&keystore, address, args.passphrase.password_file.as_deref())?;
    let account = keystore.unlock(address, &passphrase)?;
    warn(&format!("this is the private key of {address}: whoever sees it owns the account"));
    let key = account.private_key_text();
    if args.format.json {
        return print_json(
            out,
            &json!({ "address": address.to_string(), "private_key": key.as_str() }),
        );
    }
    writeln!(out, "{}", key.as_str())?;
    Ok(())
}

fn describe(account: &AccountInfo) -> serde_json::Value {
    json!({
        "address": account.address.to_string(),
        "name": account.name.as_ref().map(AccountName::as_str),
        "path": account.path,
    })
}
