//! The market's traders: who registers classes, buys proofs and sells them, honestly and not.
//!
//! Each trader has one account and one node. It sees the chain as that node does, decides what to
//! do next by its [`Behaviour`] (`request` for those that buy, `operate` for those that sell),
//! and sends that as one transaction at a time: the next one follows when this one is on the
//! chain, or after a while with a higher fee.
//!
//! A sold proof holds if it begins with its binding ([`lode_testkit::oracle::Told`]), so that a
//! false one is any other. A job whose first public value is `view::UNPROVABLE` is one that
//! nobody can prove: bait.

mod operate;
mod request;
mod view;

use lode_consensus::{
    Action, Address, Encode, Hash, Height, SignedTransaction, Transaction, transaction::Appoint,
};
use lode_core::Fault;
use lode_testkit::keys::Actor;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use self::view::View;
use super::{
    actors::Actors,
    node::Node,
    scenario::Scenario,
    schedule::{MINUTE, Micros, SECOND},
};

/// Time between two looks of a trader at the chain.
const LOOK: (Micros, Micros) = (4 * SECOND, 10 * SECOND);
/// How long a crashing operator is away.
const AWAY: (Micros, Micros) = (2 * MINUTE, 8 * MINUTE);
/// Blocks after which a transaction that is not on the chain is sent again.
const PATIENCE: Height = 4;
/// Blocks for which a transaction stays valid.
const EXPIRY_BLOCKS: Height = 16;
/// Microcredits for each byte.
const FEE_RATE: u64 = 12;
/// Miners that let their shares count for operators.
const APPOINTING: usize = 6;

/// What a trader is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Registers classes and posts jobs of all kinds, raises and cancels them.
    Requester,
    /// Posts jobs that nobody can prove, and lets them fail.
    Bait,
    /// Delivers what it is assigned, declines what cannot be proven, and sells open jobs.
    Honest,
    /// Honest, but goes away in the middle of one assignment in three.
    Crashing,
    /// Takes assignments and never delivers.
    Lazy,
    /// Delivers in the last block of its promise.
    LastBlock,
    /// One of two addresses of one operator: a job is missed by the one that has it first, and
    /// delivered by the other. The number is that of the other trader.
    Turns(usize),
    /// Declines all it is assigned, so that the other trader can sell it dearer.
    Decliner,
    /// Sells what that trader declined, at the limit or under a dearer ask.
    Fence(usize),
    /// Sends false proofs for every second assignment, and at times for jobs of others.
    False,
    /// Honest, but posts asks and takes them back at every turn, and moves its bond.
    Flapping,
    /// Delivers for contests.
    Contender,
    /// A miner that lets its shares count for an operator.
    Miner(usize),
}

use Behaviour::*;

/// The traders with an account at genesis, by number.
const CAST: [Behaviour; super::actors::TRADERS] = [
    Requester,
    Requester,
    Bait,
    Honest,
    Honest,
    Crashing,
    Lazy,
    LastBlock,
    Turns(9),
    Turns(8),
    Decliner,
    Fence(10),
    False,
    Flapping,
    Contender,
    Contender,
    Contender,
    Contender,
];
/// Those that ask for jobs, for whom miners' shares may count.
const OPERATORS: std::ops::Range<usize> = 3..14;

/// What was sent last.
#[derive(Debug, Clone, Copy)]
struct Sent {
    nonce: u64,
    height: Height,
    fee: u64,
}

/// One trader.
#[derive(Debug)]
struct Trader {
    actor: Actor,
    behaviour: Behaviour,
    /// Whether it registers the classes.
    registers: bool,
    /// The address of the trader that its behaviour names.
    other: Option<Address>,
    /// The node that it uses.
    node: usize,
    sent: Option<Sent>,
    away_until: Micros,
    /// The job in the middle of which it went away, or of which it sent a false proof.
    marked: Option<Hash>,
    rng: StdRng,
}

/// All traders of a run.
#[derive(Debug)]
pub struct Market {
    traders: Vec<Trader>,
    genesis_hash: Hash,
}

impl Market {
    /// The traders of a scenario: nobody if it has no market.
    pub fn new(actors: &Actors, scenario: &Scenario) -> Self {
        let genesis_hash = actors.network.genesis_hash;
        let mut rng = StdRng::seed_from_u64(scenario.seed ^ 0x_3A12_4E75);
        let nodes = scenario.roles.len();
        let address = |trader: usize| actors.traders[trader].address;
        let cast = actors.traders.iter().cloned().zip(CAST).map(|(actor, behaviour)| {
            let node = rng.random_range(0..nodes);
            (actor, behaviour, node)
        });
        let mut cast: Vec<_> = cast.collect();
        if scenario.has_market {
            let miners = (0..nodes).filter(|node| scenario.rates[*node] > 0.0).take(APPOINTING);
            cast.extend(miners.map(|node| {
                let operator = rng.random_range(OPERATORS);
                (actors.miner_key(node).clone(), Miner(operator), node)
            }));
        }
        let traders =
            cast.into_iter().enumerate().map(|(index, (actor, behaviour, node))| Trader {
                actor,
                // One alone: two at once would make each class twice.
                registers: index == 0,
                behaviour,
                other: match behaviour {
                    Turns(other) | Fence(other) | Miner(other) => Some(address(other)),
                    _ => None,
                },
                node,
                sent: None,
                away_until: 0,
                marked: None,
                rng: StdRng::seed_from_u64(rng.random()),
            });
        Self { traders: traders.collect(), genesis_hash }
    }

    /// How many there are.
    pub fn traders(&self) -> usize {
        self.traders.len()
    }

    /// The node that a trader uses.
    pub fn node_of(&self, trader: usize) -> usize {
        self.traders[trader].node
    }

    /// Lets a trader look at its node's chain and act. Says when it will look again.
    ///
    /// # Errors
    /// What the node should not have refused.
    pub fn step(&mut self, trader: usize, now: Micros, node: &mut Node) -> Result<Micros, String> {
        let trader = &mut self.traders[trader];
        let wait = trader.rng.random_range(LOOK.0..LOOK.1);
        if now < trader.away_until {
            return Ok(wait);
        }
        if let Some(signed) = trader.next(now, node, &self.genesis_hash)
            && let Some(Err(error)) = node.transact(now, &signed)
            && !matches!(error.fault(), Fault::State | Fault::Busy)
        {
            let action = &signed.transaction.action;
            return Err(format!(
                "node {} refuses {action:?} of a trader that is {:?}: {error}",
                node.index, trader.behaviour
            ));
        }
        Ok(wait)
    }
}

impl Trader {
    /// Its next transaction, if there is something to do.
    fn next(&mut self, now: Micros, node: &Node, genesis: &Hash) -> Option<SignedTransaction> {
        let reader = node.core.as_ref()?.service.ledger().read();
        let view = View::of(&reader, &self.actor.address)?;
        if self.waits(&view) {
            return None;
        }
        let action = match self.behaviour {
            Requester | Bait => self.request(&view),
            Miner(_) => self.appoint(&view),
            _ => self.operate(&view, now, genesis),
        }?;
        let mut transaction = Transaction {
            from: self.actor.address,
            fee: 0,
            nonce: view.account.nonce,
            expiry: view.tip + EXPIRY_BLOCKS,
            action,
        };
        let bytes = transaction.encode().len() + 128;
        let again = self.sent.filter(|sent| sent.nonce == transaction.nonce);
        transaction.fee = again.map_or(bytes as u64 * FEE_RATE, |sent| 2 * sent.fee + 100_000);
        self.sent = Some(Sent { nonce: transaction.nonce, height: view.tip, fee: transaction.fee });
        Some(transaction.sign(&self.actor.key, genesis, &mut self.rng).expect("a key signs"))
    }

    /// Whether its last transaction may still get into a block.
    fn waits(&self, view: &View<'_>) -> bool {
        self.sent.is_some_and(|sent| {
            sent.nonce == view.account.nonce && view.tip < sent.height + PATIENCE
        })
    }

    /// Lets its shares count for an operator, once.
    fn appoint(&self, view: &View<'_>) -> Option<Action> {
        let is_done = view.account.nonce > 0 || view.account.balance < 1_000_000;
        let operator = self.other.filter(|_| !is_done)?;
        Some(Action::Appoint(Appoint { operator }))
    }

    fn chance(&mut self, part: f64) -> bool {
        self.rng.random_bool(part)
    }
}
