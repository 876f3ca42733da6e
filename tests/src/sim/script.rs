//! Peers without a core: they speak the messages, and lie.
//!
//! A spammer sends whatever costs its receiver something. An eclipser is polite and silent: it
//! agrees with all that its victim says and passes nothing on.

use std::collections::BTreeMap;

use lode_consensus::{
    Action, Address, Body, ChainSpec, Hash, Header, Height, SealedHeader, Share, SignedTransaction,
    Transaction, difficulty, epoch, transaction::Transfer,
};
use lode_network::{Gossip, MempoolPage, Request, Response, Status, Topic};
use lode_puzzle::{Seed, Statement, Target, Ticket};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    miner::random_proof,
    traffic::{Bytes, Wire},
};

/// Headers that a spammer remembers.
const MAX_HEARD: usize = 512;

/// What a scripted peer is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Sends rubbish of all sorts.
    Spammer,
    /// Keeps its victim in the dark.
    Eclipser,
}

/// A scripted peer.
#[derive(Debug)]
pub struct Script {
    /// What it does.
    pub kind: Kind,
    params: ChainSpec,
    genesis_hash: Hash,
    address: Address,
    /// Announced headers, by height: what a liar needs to know to be plausible.
    heard: BTreeMap<Height, SealedHeader>,
    requests: u64,
    rng: StdRng,
}

/// A message of a script: to whom, and what.
pub type Sent = (usize, Wire);

impl Script {
    /// A peer that knows nothing yet.
    pub fn new(
        kind: Kind,
        params: ChainSpec,
        genesis_hash: Hash,
        address: Address,
        seed: u64,
    ) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self { kind, params, genesis_hash, address, heard: BTreeMap::new(), requests: 0, rng }
    }

    /// Takes a message of a peer, and says what it answers.
    pub fn receive(&mut self, from: usize, wire: &Wire) -> Option<Sent> {
        match wire {
            Wire::Gossip { topic: Topic::Blocks, bytes, .. } => {
                if let Ok(Gossip::Block(sealed)) = Gossip::decode(Topic::Blocks, bytes) {
                    self.heard.insert(sealed.header.height, sealed);
                    if self.heard.len() > MAX_HEARD {
                        self.heard.pop_first();
                    }
                }
                None
            }
            Wire::Gossip { .. } | Wire::Response { .. } => None,
            Wire::Request { id, kind, bytes } => {
                let request = Request::decode(*kind, bytes).ok()?;
                let bytes = match self.kind {
                    Kind::Eclipser => agree(request).encode().into(),
                    Kind::Spammer => self.lie(request)?,
                };
                Some((from, Wire::Response { id: *id, bytes }))
            }
        }
    }

    /// What a spammer sends to one of its peers of its own accord.
    pub fn spam(&mut self, to: usize) -> Option<Sent> {
        if self.kind == Kind::Eclipser {
            return None;
        }
        let wire = match self.rng.random_range(0..9) {
            0 | 1 => gossip(&Gossip::Block(self.forged_header(false)?)),
            2 => gossip(&Gossip::Block(self.forged_header(true)?)),
            3 | 4 => gossip(&Gossip::Share(self.forged_share()?)),
            5 => {
                Wire::gossip(Topic::ALL[self.rng.random_range(0..Topic::ALL.len())], self.rubbish())
            }
            6 => gossip(&Gossip::Transaction(self.forged_transaction())),
            7 => gossip(&Gossip::Block(self.orphan())),
            _ => {
                self.requests += 1;
                let request = Request::Headers { locator: vec![self.genesis_hash], limit: 512 };
                Wire::Request {
                    id: self.requests,
                    kind: request.kind(),
                    bytes: request.encode().into(),
                }
            }
        };
        Some((to, wire))
    }

    /// An answer that is of no use: a boast, a forgery, rubbish, or nothing at all.
    fn lie(&mut self, request: Request) -> Option<Bytes> {
        let response = match (request, self.rng.random_range(0..4)) {
            (Request::Status(asked), _) => Response::Status(Status {
                tip_height: asked.tip_height.saturating_add(1_000),
                tip_hash: Hash(self.rng.random()),
                work: asked.work.after(Target::new(1).unwrap_or(Target::MAX)),
                ..asked
            }),
            (_, 0) => return None,
            (_, 1) => return Some(self.rubbish()),
            (Request::Headers { .. }, _) => {
                Response::Headers(self.forged_header(false).into_iter().collect())
            }
            (Request::Bodies { hashes }, _) => {
                Response::Bodies(vec![Some(Body::default()); hashes.len()])
            }
            (Request::Mempool { .. }, _) => Response::Mempool(MempoolPage {
                shares: self.forged_share().into_iter().collect(),
                transactions: vec![self.forged_transaction()],
                more: true,
            }),
        };
        Some(response.encode().into())
    }

    /// A header on top of the last one heard, right in all but its proof; or of a target that
    /// nobody asked for.
    fn forged_header(&mut self, easy: bool) -> Option<SealedHeader> {
        let (height, parent) = self.heard.last_key_value()?;
        let (height, parent) = (height + 1, parent.clone());
        let grandparent = self.heard.get(&height.checked_sub(2)?)?;
        let solve_ms =
            i128::from(parent.header.timestamp_ms) - i128::from(grandparent.header.timestamp_ms);
        let target = difficulty::next_target(
            parent.header.target,
            solve_ms,
            self.params.block_interval_ms,
            self.params.asert_tau_ms,
        );
        let header = Header {
            height,
            parent_hash: parent.hash(),
            anchor_hash: parent.hash(),
            timestamp_ms: parent.header.timestamp_ms + 1_000,
            transactions_root: Body::default().transactions_root(),
            shares_root: Body::default().shares_root(),
            state_root: Hash(self.rng.random()),
            producer: self.address,
            target: if easy { Target::MAX } else { target },
        };
        let statement = self.statement(height, header.anchor_hash, header.content_hash())?;
        let (nonce, proof) =
            self.grind(&statement, |ticket| header.target.is_met_by(ticket.block_value()));
        Some(SealedHeader { header, nonce, proof })
    }

    /// A share that is right in all but its proof.
    fn forged_share(&mut self) -> Option<Share> {
        let (height, tip) = self.heard.last_key_value()?;
        let (height, anchor_hash) = (height + 1, tip.hash());
        let start = self.params.epoch_start(self.params.epoch_of(height));
        let first = if start == 0 {
            self.params.genesis_target
        } else {
            self.heard.get(&start)?.header.target
        };
        let target = epoch::share_target(first, self.params.shares_per_block);
        let content_hash = Hash(self.rng.random());
        let statement = self.statement(height, anchor_hash, content_hash)?;
        let (nonce, proof) =
            self.grind(&statement, |ticket| target.is_met_by(ticket.share_value()));
        Some(Share { anchor_hash, content_hash, prover: self.address, nonce, proof })
    }

    fn statement(&self, height: Height, anchor: Hash, content: Hash) -> Option<Statement> {
        let start = self.params.epoch_start(self.params.epoch_of(height));
        let last = match start.checked_sub(1) {
            Some(last) => self.heard.get(&last)?.hash(),
            None => self.genesis_hash,
        };
        let Hash(challenge) = epoch::challenge(&last);
        Some(Statement::new(
            &self.genesis_hash.0,
            &challenge,
            &anchor.0,
            &content.0,
            &self.address.0,
        ))
    }

    /// Tickets cost a liar nothing but hashes.
    fn grind(
        &mut self,
        statement: &Statement,
        meets: impl Fn(&Ticket) -> bool,
    ) -> (u64, lode_puzzle::Proof) {
        loop {
            let (nonce, proof) = (self.rng.random(), random_proof(&mut self.rng));
            if meets(&Ticket::new(&Seed::new(statement, nonce), &proof)) {
                return (nonce, proof);
            }
        }
    }

    /// A header whose parent nobody has.
    fn orphan(&mut self) -> SealedHeader {
        let header = Header {
            height: self.rng.random_range(1..1_000),
            parent_hash: Hash(self.rng.random()),
            anchor_hash: Hash(self.rng.random()),
            timestamp_ms: self.params.genesis_timestamp_ms,
            transactions_root: Hash(self.rng.random()),
            shares_root: Hash(self.rng.random()),
            state_root: Hash(self.rng.random()),
            producer: self.address,
            target: self.params.genesis_target,
        };
        SealedHeader { header, nonce: self.rng.random(), proof: random_proof(&mut self.rng) }
    }

    /// A transfer with a signature of random bytes.
    fn forged_transaction(&mut self) -> SignedTransaction {
        let transfer = Transaction {
            from: self.address,
            fee: 1_000,
            nonce: 0,
            expiry: Height::MAX,
            action: Action::Transfer(Transfer { to: self.address, amount: 1 }),
        };
        let mut signature = [0; 128];
        self.rng.fill(&mut signature);
        SignedTransaction { transaction: transfer, signature }
    }

    fn rubbish(&mut self) -> Bytes {
        let mut bytes = vec![0; self.rng.random_range(0..2_000)];
        self.rng.fill(&mut bytes[..]);
        bytes.into()
    }
}

/// What an eclipser answers: I am where you are, and there is nothing new.
fn agree(request: Request) -> Response {
    match request {
        Request::Status(status) => Response::Status(status),
        Request::Headers { .. } => Response::Headers(Vec::new()),
        Request::Bodies { hashes } => Response::Bodies(vec![None; hashes.len()]),
        Request::Mempool { .. } => Response::Mempool(MempoolPage::default()),
    }
}

/// A gossip message on the wire.
pub fn gossip(message: &Gossip) -> Wire {
    Wire::gossip(message.topic(), message.encode().into())
}
