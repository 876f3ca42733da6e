//! `lode block`: one block, as a person reads it, or as the API gives it.

use std::{collections::BTreeMap, io::Write};

use super::{CommandError, print_json};
use crate::{amount::Credits, api::Block, cli::BlockArgs, text::utc};

/// Carries out `lode block`. With `--json` it prints all that the node says, so that others can recompute everything.
///
/// # Errors
/// [`CommandError::Client`] or [`CommandError::Output`].
pub fn run(args: &BlockArgs, out: &mut dyn Write) -> Result<(), CommandError> {
    let client = args.node.client();
    let path = format!("block/{}", args.block);
    if args.format.json {
        return print_json(out, &client.get::<serde_json::Value>(&path)?);
    }
    let block: Block = client.get(&path)?;
    let credits = Credits::from_microcredits;
    writeln!(out, "block       {} of epoch {}, {} confirmations", block.height, block.epoch, block.confirmations)?;
    writeln!(out, "hash        {}", block.hash)?;
    writeln!(out, "parent      {}", block.header.parent_hash)?;
    writeln!(out, "time        {}", utc(block.header.timestamp_ms))?;
    writeln!(out, "producer    {}", block.header.producer)?;
    writeln!(out, "pays        {} credits of subsidy, {} of fees", credits(block.subsidy), credits(block.fees))?;
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
    for transaction in &block.transactions {
        writeln!(out, "  {}", transaction.id)?;
        let (amount, fee) = (credits(transaction.amount), credits(transaction.fee));
        writeln!(out, "    {} → {}  {amount} credits, fee {fee}", transaction.from, transaction.to)?;
    }
    Ok(())
}
