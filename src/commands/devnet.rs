//! `lode devnet`: nodes and their miners in one process, over the same API and the same network
//! that as many machines would use.
//!
//! What must not be broken: whatever ends the command (Ctrl-C, the height asked for, a node that
//! fails), the miners stop first and the nodes write everything out.

mod display;
mod error;
mod nodes;
mod reset;

use std::{
    future::{Future, poll_fn},
    io::Write,
    task::Poll,
};

use lode_consensus::{Address, Height};
use lode_genesis::Network;
use lode_miner::{
    Miner,
    rig::{EngineArgs, Rig},
};
use lode_node::{Node, NodeError, default_data_dir};
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::{
    display::{Display, Progress},
    nodes::{DRAW_INTERVAL, Devnet, node_error},
};
pub use self::{error::DevnetError, nodes::DEVNET};
use super::CommandError;
pub use crate::cli::DevnetArgs;
use crate::keystore::{AccountName, Keystore};

/// Carries out `lode devnet`.
///
/// # Errors
/// [`CommandError`]: the keystore, a node or a miner.
pub fn run(args: &DevnetArgs, out: &mut dyn Write) -> Result<(), CommandError> {
    let keystore = args.keystore.open()?;
    let address = account(&keystore)?;
    let network = Network::load(DEVNET).map_err(node_error)?;
    let data_dir = match &args.data_dir {
        Some(data_dir) => data_dir.clone(),
        None => default_data_dir(DEVNET).map_err(node_error)?,
    };
    if args.reset {
        reset::run(&data_dir, out)?;
    }
    let rig = Rig::new(&EngineArgs::default(), network.params.log_n)
        .map_err(|error| DevnetError::Miner(error.to_string()))?;

    let runtime = tokio::runtime::Runtime::new().map_err(node_error)?;
    let mut devnet = Devnet::default();
    let done = runtime.block_on(async {
        // Before there is anything to stop: what comes meanwhile waits for `watch`.
        let mut stop = Stop {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        };
        devnet.start_nodes(args, &network, &data_dir).await?;
        for (number, node) in devnet.nodes.iter().enumerate() {
            writeln!(
                out,
                "{:<8} http://{}/{DEVNET}",
                if number == 0 { DEVNET } else { "" },
                node.api()
            )?;
        }
        writeln!(out, "account  {address}")?;
        writeln!(out, "         in {}", keystore.dir().display())?;
        let height = devnet.ledger().read().tip_height().map_err(node_error)?;
        writeln!(out, "chain    {}, height {height}", data_dir.display())?;
        writeln!(out, "Ctrl-C stops it; the next start goes on from there.")?;
        out.flush()?;
        devnet.start_miners(args, address, &rig)?;
        devnet.watch(address, args.until_height, &mut stop, out).await
    });
    devnet.miners.iter().for_each(Miner::stop);
    let stopped = runtime.block_on(devnet.stop_nodes());
    let height = done?;
    stopped?;
    writeln!(out, "stopped at height {height}; everything is on disk")?;
    Ok(())
}

/// What ends a devnet from outside: Ctrl-C, or SIGTERM.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    async fn requested(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

impl Devnet {
    /// Shows progress until something ends it; gives the height reached.
    async fn watch(
        &mut self,
        address: Address,
        until_height: Option<Height>,
        stop: &mut Stop,
        out: &mut dyn Write,
    ) -> Result<Height, CommandError> {
        let mut draw = tokio::time::interval(DRAW_INTERVAL);
        let mut display = Display::new(self.ledger());
        loop {
            let is_stopped = tokio::select! {
                _ = draw.tick() => false,
                () = stop.requested() => true,
                error = any_failed(&mut self.nodes) => {
                    return Err(DevnetError::Died(error.to_string()).into());
                }
            };
            if let Some(reason) = self.miners.iter().find_map(Miner::failure) {
                return Err(DevnetError::Died(reason).into());
            }
            let view = Progress::read(self, address).map_err(node_error)?;
            display.show(&view, &self.miners, out)?;
            if is_stopped {
                return Ok(view.height);
            }
            if until_height.is_some_and(|until| view.height >= until) {
                return tokio::select! {
                    agreed = self.agree(out) => agreed,
                    () = stop.requested() => Ok(view.height),
                };
            }
        }
    }
}

/// Resolves when a node has stopped by itself, which none should.
async fn any_failed(nodes: &mut [Node]) -> NodeError {
    let mut failures: Vec<_> = nodes.iter_mut().map(|node| Box::pin(node.failed())).collect();
    poll_fn(|context| {
        let failed = failures.iter_mut().find_map(|failure| match failure.as_mut().poll(context) {
            Poll::Ready(error) => Some(error),
            Poll::Pending => None,
        });
        failed.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// The devnet's account, made on first use with a passphrase beside it, so that transfers ask
/// nothing.
fn account(keystore: &Keystore) -> Result<Address, CommandError> {
    let listing = keystore.list()?;
    match listing.accounts.into_iter().find(|account| is_devnets(account.name.as_ref())) {
        Some(account) => Ok(account.address),
        // The account may be in a file that cannot be read: a new one would hide the loss of what
        // the old one mined.
        None if !listing.unreadable.is_empty() => {
            let files: Vec<String> = listing.unreadable.iter().map(ToString::to_string).collect();
            Err(node_error(format!(
                "no devnet account is readable, and none is made anew: {}",
                files.join("; ")
            )))
        }
        None => {
            let name: AccountName =
                DEVNET.parse().map_err(|error| node_error(format!("{error}")))?;
            Ok(keystore.create_unattended(Some(name))?.address)
        }
    }
}

fn is_devnets(name: Option<&AccountName>) -> bool {
    name.is_some_and(|name| name.as_str() == DEVNET)
}
