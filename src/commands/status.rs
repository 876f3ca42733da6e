//! `lode status`: the node's chain, supply and mempool.

use std::io::Write;

use super::{CommandError, print_json};
use crate::{
    amount::Credits,
    cli::StatusArgs,
    text::{printable, utc},
};

/// Carries out `lode status`.
///
/// # Errors
/// [`CommandError::Client`] or [`CommandError::Output`].
pub fn run(args: &StatusArgs, out: &mut dyn Write) -> Result<(), CommandError> {
    let client = args.node.client();
    if args.format.json {
        let status: serde_json::Value = client.get("status")?;
        return print_json(out, &status);
    }
    let status = client.status()?;
    let credits = Credits::from_microcredits;
    let supply = &status.supply;
    let block_in_epoch = u64::from(status.height) % u64::from(status.epoch_length.max(1)) + 1;
    let (network, version) = (printable(&status.network), printable(&status.version));
    writeln!(out, "network     {network} (node {version}), genesis {}", status.genesis_hash)?;
    writeln!(out, "tip         height {}, {}", status.height, utc(status.tip_timestamp_ms))?;
    writeln!(out, "            {}", status.tip_hash)?;
    writeln!(
        out,
        "epoch       {}, block {block_in_epoch} of {}",
        status.epoch, status.epoch_length
    )?;
    writeln!(
        out,
        "difficulty  {} attempts a block (2^{} evaluations each), every {} ms",
        status.difficulty, status.log_n, status.block_interval_ms
    )?;
    writeln!(out, "work        {}", status.work)?;
    writeln!(out, "subsidy     {} credits", credits(status.subsidy))?;
    writeln!(
        out,
        "supply      {} at genesis + {} mined − {} burned",
        credits(supply.genesis),
        credits(supply.emitted),
        credits(supply.burned)
    )?;
    writeln!(
        out,
        "            = {} on accounts + {} not mature + {} for shares + {} in proving pools",
        credits(supply.balances),
        credits(supply.pending),
        credits(supply.share_fund),
        credits(supply.proving_pools)
    )?;
    writeln!(
        out,
        "mempool     {} transactions ({} bytes), {} shares",
        status.mempool.transactions, status.mempool.bytes, status.mempool.shares
    )?;
    Ok(())
}
