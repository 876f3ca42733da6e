//! `lode block`: one block, as a person reads it, or as the API gives it.

use std::{collections::BTreeMap, io::Write};

use lode_api::{client::Client, transaction::Action};

use super::{CommandError, print_json};
use crate::{amount::Credits, cli::BlockArgs, text::utc};

/// Carries out `lode block`. With `--json` it prints all that the node says, so that others can
/// recompute everything.
///
/// # Errors
/// [`CommandError::Client`] or [`CommandError::Output`].
pub fn run(args: &BlockArgs, out: &mut dyn Write) -> Result<(), CommandError> {
    let client = args.node.client();
    if args.format.json {
        let block: serde_json::Value = client.get(&Client::block_path(&args.block))?;
        return print_json(out, &block);
    }
    let block = client.block(&args.block)?;
    let credits = Credits::from_microcredits;
    writeln!(
        out,
        "block       {} of epoch {}, {} confirmations",
        block.height, block.epoch, block.confirmations
    )?;
    writeln!(out, "hash        {}", block.hash)?;
    writeln!(out, "parent      {}", block.header.parent_hash)?;
    writeln!(out, "time        {}", utc(block.header.timestamp_ms))?;
    writeln!(out, "producer    {}", block.header.producer)?;
    writeln!(
        out,
        "pays        {} credits of subsidy, {} of fees",
        credits(block.subsidy),
        credits(block.fees)
    )?;
    writeln!(out, "target      {}", block.header.target)?;
    writeln!(out, "ticket      {} (nonce {})", block.proof.ticket, block.proof.nonce)?;
    writeln!(out, "work        {}", block.work)?;
    writeln!(out, "state root  {}", block.header.state_root)?;
    writeln!(out, "size        {} bytes", block.size_bytes)?;

    writeln!(out, "shares      {}", block.shares.len())?;
    let mut by_prover = BTreeMap::<_, u64>::new();
    for share in &block.shares {
        *by_prover.entry(&share.prover).or_default() += 1;
    }
    for (prover, count) in by_prover {
        writeln!(out, "  {prover}  {count}")?;
    }

    writeln!(out, "transfers   {}", block.transactions.len())?;
    for included in &block.transactions {
        let transaction = &included.transaction;
        writeln!(out, "  {}", transaction.id)?;
        let (from, fee) = (&transaction.from, credits(transaction.fee));
        match &transaction.action {
            Action::Transfer { to, amount } => {
                writeln!(out, "    {from} → {to}  {} credits, fee {fee}", credits(*amount))?
            }
            other => writeln!(out, "    {from}  {}, fee {fee}", other.name())?,
        }
    }
    Ok(())
}
