//! Peers that lie: they speak the protocol through the node's own network code, with keys of their
//! own, and offer blocks whose tickets look good and whose proofs do not hold, as fast as they can.
//!
//! Threads: one for each peer, with a runtime of its own, so that it can live in a network
//! namespace. They share what they forge from, which the test brings up to date with the victim's
//! tip.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use lode_consensus::{ChainWork, Decode, Hash, SealedHeader};
use lode_network::{
    Client, Gossip, MempoolPage, Network, NetworkEvent, NetworkOptions, PeerId, Request, RequestId,
    Response, Service, Status, Verdict, address, message::PEER_VERSION, swarm,
};
use lode_puzzle::{Proof, Seed, Ticket};
use parking_lot::Mutex;

use crate::{Node, inject::Work, netns};

/// Forged blocks that go out at once; the network's own queue holds no more than some hundred.
const VOLLEY: usize = 16;
/// The pause between two volleys.
const PAUSE: Duration = Duration::from_millis(2);
/// How long a peer that nothing happens to may take to see that it is to stop.
const PATIENCE: Duration = Duration::from_millis(100);

/// What the next forgery is made of.
#[derive(Debug)]
pub struct Forge {
    work: Mutex<Work>,
    /// Two points of the right group that prove something else: the victim needs a pairing to find
    /// out.
    proof: Proof,
    next_nonce: AtomicU64,
}

impl Forge {
    /// Forges blocks on top of a node's tip out of a proof of something else.
    pub fn new(victim: &Node, proof: Proof) -> Arc<Self> {
        Arc::new(Self { work: Mutex::new(Work::of(victim)), proof, next_nonce: AtomicU64::new(0) })
    }

    /// Follows a node's tip.
    pub fn follow(&self, victim: &Node) {
        *self.work.lock() = Work::of(victim);
    }

    fn work(&self) -> Work {
        self.work.lock().clone()
    }

    /// The next block that no node has seen before.
    fn header(&self) -> SealedHeader {
        let work = self.work();
        let statement = work.statement();
        loop {
            let nonce = self.next_nonce.fetch_add(1, Ordering::Relaxed);
            let ticket = Ticket::new(&Seed::new(&statement, nonce), &self.proof);
            if work.header.target.is_met_by(ticket.block_value()) {
                return SealedHeader { header: work.header, nonce, proof: self.proof };
            }
        }
    }

    /// The best chain there ever was; or none but the genesis block.
    fn status(&self, lies: bool) -> Status {
        let work = self.work();
        let (tip_height, tip_hash, shown) = match lies {
            true => (
                work.header.height.saturating_add(1_000_000),
                Hash::of("lode/test/lie", &[]),
                [0x7f; 32],
            ),
            false => (0, work.genesis_hash, [0; 32]),
        };
        let shown = ChainWork::decode(&shown).expect("any 32 bytes are work");
        Status {
            version: PEER_VERSION,
            genesis_hash: work.genesis_hash,
            tip_height,
            tip_hash,
            work: shown,
            now_ms: 0,
        }
    }
}

/// A lying peer that runs until it is dropped.
#[derive(Debug)]
pub struct Hostile {
    pub id: PeerId,
    offered: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Hostile {
    /// A peer that dials the victim again whenever it is thrown out. It lives in a namespace, or in
    /// the caller's own.
    pub fn start(forge: &Arc<Forge>, victim: SocketAddr, namespace: Option<String>) -> Self {
        Self::run(forge, victim, namespace, true)
    }

    /// A peer that takes a place, has nothing but the genesis block, and offers nothing.
    pub fn start_quiet(forge: &Arc<Forge>, victim: SocketAddr, namespace: Option<String>) -> Self {
        Self::run(forge, victim, namespace, false)
    }

    fn run(forge: &Arc<Forge>, victim: SocketAddr, namespace: Option<String>, lies: bool) -> Self {
        let (offered, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (send_id, id) = mpsc::channel();
        let thread = {
            let (forge, offered, stop) = (forge.clone(), offered.clone(), stop.clone());
            thread::spawn(move || {
                if let Some(namespace) = namespace {
                    netns::enter(&namespace).expect("the namespace is there");
                }
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime");
                let peer = Peer { forge: &forge, lies, offered: &offered, victims: Vec::new() };
                runtime.block_on(peer.run(victim, &stop, &send_id));
            })
        };
        let id = id.recv().expect("it starts");
        Self { id, offered, stop, thread: Some(thread) }
    }

    /// How many forged blocks it has handed to its network so far.
    pub fn offered(&self) -> u64 {
        self.offered.load(Ordering::Relaxed)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let joined = self.thread.take().map(thread::JoinHandle::join);
        // A test that fails already has said why.
        assert!(thread::panicking() || !matches!(joined, Some(Err(_))), "the lying peer failed");
    }
}

struct Peer<'a> {
    forge: &'a Forge,
    lies: bool,
    offered: &'a AtomicU64,
    victims: Vec<PeerId>,
}

impl Peer<'_> {
    async fn run(mut self, victim: SocketAddr, stop: &AtomicBool, send_id: &mpsc::Sender<PeerId>) {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let options = NetworkOptions {
            seeds: vec![address::tcp(victim)],
            connect_only: true,
            ..NetworkOptions::new(self.forge.work().genesis_hash, folder.path().to_owned())
        };
        let Service { mut client, mut events, stopper } =
            swarm::start(options).await.expect("it starts");
        // The test may have ended.
        let _ = send_id.send(client.view().local_peer);
        while !stop.load(Ordering::Relaxed) {
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => self.answer(&mut client, event),
                    None => break,
                },
                () = tokio::time::sleep(PAUSE), if self.lies => {
                    let volley = if self.victims.is_empty() { 0 } else { VOLLEY };
                    for _ in 0..volley {
                        let header = self.forge();
                        client.publish(Gossip::Block(header));
                    }
                }
                () = tokio::time::sleep(PATIENCE) => {}
            }
        }
        stopper.stop().await;
    }

    fn forge(&self) -> SealedHeader {
        self.offered.fetch_add(1, Ordering::Relaxed);
        self.forge.header()
    }

    fn answer(&mut self, client: &mut Client, event: NetworkEvent) {
        match event {
            NetworkEvent::Connected { peer, .. } => {
                self.victims.push(peer);
                client.request(peer, RequestId(0), Request::Status(self.forge.status(self.lies)));
            }
            NetworkEvent::Disconnected { peer } => self.victims.retain(|victim| *victim != peer),
            NetworkEvent::Gossip { id, source, .. } => client.verdict(id, source, Verdict::Ignore),
            NetworkEvent::Request { id, request, .. } => {
                let response = match request {
                    Request::Status(_) => Response::Status(self.forge.status(self.lies)),
                    Request::Headers { .. } if self.lies => Response::Headers(vec![self.forge()]),
                    Request::Headers { .. } => Response::Headers(Vec::new()),
                    Request::Bodies { hashes } => Response::Bodies(vec![None; hashes.len()]),
                    Request::Mempool { .. } => Response::Mempool(MempoolPage::default()),
                };
                client.respond(id, response);
            }
            NetworkEvent::Response { .. } => {}
        }
    }
}
