//! The swarm: everything that touches a socket.
//!
//! Threads and queues: one task, the event loop, owns the swarm; each connection has a task of
//! libp2p's. The core's calls come through the outbox (`outbox`), events go out through a channel
//! of [`EVENT_CAPACITY`]: when three quarters of it are taken, gossip is ignored and requests are
//! answered as busy, while the loop waits for room for everything else.
//!
//! What must not be broken: nothing waits for the event loop, and the event loop waits for nothing
//! but the core; every gossip message gets its verdict, also if the core never sees it; every
//! request gets its one end.

mod behaviour;
mod client;
mod connections;
mod dialing;
mod discovery;
mod event_loop;
mod gate;
mod key;
mod options;
mod outbound;
mod peers;
mod serving;
mod wire;

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use libp2p::{
    Multiaddr, Swarm, SwarmBuilder, TransportError, futures::StreamExt, identity::Keypair,
    multiaddr::Protocol, noise, swarm::SwarmEvent, tcp, yamux,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};
use tracing::warn;

use self::{
    behaviour::{Behaviour, Names, Settings},
    event_loop::{EventLoop, Files},
    gate::{Gate, now_ms},
};
pub use self::{
    client::{Client, Events, NetworkView, PeerView},
    dialing::MAX_SEEDS,
    event_loop::EVENT_CAPACITY,
    gate::MAX_PENDING_PER_IP,
    options::NetworkOptions,
};
use crate::{address::ip_of, book::AddressBook, outbox::Outbox, reputation::Reputation};

/// Streams of a connection, both ways together. Not a bound that holds a peer back, but a cliff:
/// Yamux answers the stream that is one too many by ending the connection. So there is room for all
/// that libp2p's parts open at most.
const MAX_STREAMS: usize = 256;
/// Streams of a connection that are being agreed on.
const MAX_NEGOTIATING_STREAMS: usize = 64;
/// Streams that libp2p's own parts have at most, both ways: Kademlia 32 each way, identify 10,
/// gossipsub and ping one each way.
const MAX_SERVICE_STREAMS: usize = 2 * 32 + 10 + 2 + 2;
const _: () = assert!(
    behaviour::max_request_streams() + MAX_SERVICE_STREAMS + MAX_NEGOTIATING_STREAMS <= MAX_STREAMS,
    "a well-behaved peer would lose its connection"
);
/// Connections do not end for want of traffic: pings tell whether the peer is there.
const IDLE_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// How long a listener may take to come up.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the network cannot start.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// A file of the data folder.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: io::Error,
    },
    /// An address cannot be listened on.
    #[error(
        "cannot listen for peers on {address}: {reason} (is another node running? choose another \
         --listen)"
    )]
    Listen {
        address: Multiaddr,
        /// Why not.
        reason: String,
    },
    /// More seeds than are dialled.
    #[error("expected at most {MAX_SEEDS} seed peers, got {got}")]
    Seeds {
        /// How many were named.
        got: usize,
    },
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// libp2p refuses its settings: a bug.
    #[error("libp2p: {0}")]
    Settings(String),
}

/// A running network.
#[derive(Debug)]
pub struct Service {
    /// To act on it, and to see it.
    pub client: Client,
    /// What happens on it.
    pub events: Events,
    /// To end it.
    pub stopper: Stopper,
}

/// Ends the network.
#[derive(Debug)]
pub struct Stopper {
    stop: oneshot::Sender<()>,
    /// Nothing once it has ended.
    task: Option<JoinHandle<()>>,
}

impl Stopper {
    /// Resolves, once, when the event loop has ended by itself, with the reason.
    pub async fn failed(&mut self) -> String {
        let Some(task) = &mut self.task else { return std::future::pending().await };
        let ended = task.await;
        self.task = None;
        ended.map_or_else(|error| error.to_string(), |()| "for no reason given".to_owned())
    }

    /// Saves peers and bans, and closes all connections.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let Some(task) = self.task else { return };
        if let Err(error) = task.await {
            warn!("the network's event loop failed: {error}");
        }
    }
}

/// Opens the listeners and starts the event loop. Within a tokio runtime.
///
/// # Errors [`NetworkError`]: the key, a listener, or libp2p. Damaged files of peers and bans are
/// set aside with a warning.
pub async fn start(options: NetworkOptions) -> Result<Service, NetworkError> {
    if options.seeds.len() > MAX_SEEDS {
        return Err(NetworkError::Seeds { got: options.seeds.len() });
    }
    let files = Files::in_folder(&options.data_dir);
    std::fs::create_dir_all(&options.data_dir)
        .map_err(|error| NetworkError::File { path: options.data_dir.clone(), error })?;
    let key_path = options.data_dir.join("peer.key");
    let key = key::load_or_create(&key_path)
        .map_err(|error| NetworkError::File { path: key_path, error })?;
    let reputation = or_set_aside(&files.bans, Reputation::load(&files.bans, now_ms()));
    let book = or_set_aside(&files.peers, AddressBook::load(&files.peers));

    let names = Names::new(&options.genesis_hash);
    let mut swarm = build(key, Gate::new(reputation, options.max_per_ip), &names, &options)?;
    for address in &options.listen {
        listen(&mut swarm, address).await?;
    }
    for address in &options.announce {
        swarm.add_external_address(address.clone());
    }

    let outbox = Arc::new(Outbox::default());
    let (send_events, receive_events) = mpsc::channel(EVENT_CAPACITY);
    let view = NetworkView::new(*swarm.local_peer_id(), swarm.listeners().cloned().collect());
    let (send_view, receive_view) = watch::channel(Arc::new(view));
    let (stop, stopped) = oneshot::channel();
    let event_loop =
        EventLoop::new(swarm, options, names, files, book, outbox.clone(), send_events, send_view);
    let task = tokio::spawn(event_loop.run(stopped));
    Ok(Service {
        client: Client::new(outbox.clone(), receive_view),
        events: Events::new(receive_events, outbox),
        stopper: Stopper { stop, task: Some(task) },
    })
}

fn build(
    key: Keypair,
    gate: Gate,
    names: &Names,
    options: &NetworkOptions,
) -> Result<Swarm<Behaviour>, NetworkError> {
    let settings = Settings {
        names: names.clone(),
        agent: options.agent.clone(),
        max_inbound: options.max_inbound,
        max_outbound: options.max_outbound,
        listens: !options.listen.is_empty() && !options.connect_only,
        scope: dialing::scope_of(options),
    };
    let refused = |error: &dyn std::fmt::Display| NetworkError::Settings(error.to_string());
    let streams = || {
        let mut config = yamux::Config::default();
        config.set_max_num_streams(MAX_STREAMS);
        config
    };
    let builder = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, streams)
        .map_err(|error| refused(&error))?;
    #[cfg(feature = "quic")]
    let builder = builder.with_quic();
    let builder = builder
        .with_behaviour(|key| Behaviour::new(key, gate, &settings).map_err(Into::into))
        .map_err(|error| refused(&error))?;
    // Streams are negotiated before they are used. `Version::V1Lazy` would save that round trip,
    // but js-libp2p often loses a request that comes together with its protocol's name.
    let configure = |config: libp2p::swarm::Config| {
        config
            .with_idle_connection_timeout(IDLE_TIMEOUT)
            .with_max_negotiating_inbound_streams(MAX_NEGOTIATING_STREAMS)
    };
    Ok(builder.with_swarm_config(configure).build())
}

/// Listens, and waits until the first address of the listener is known: port 0 has a number then.
async fn listen(swarm: &mut Swarm<Behaviour>, address: &Multiaddr) -> Result<(), NetworkError> {
    let failed = |reason: String| NetworkError::Listen { address: address.clone(), reason };
    check_free(address).map_err(|error| failed(error.to_string()))?;
    let listener = swarm.listen_on(address.clone()).map_err(|error| {
        failed(match error {
            TransportError::MultiaddrNotSupported(_) => {
                "this kind of address is not supported".to_owned()
            }
            TransportError::Other(error) => error.to_string(),
        })
    })?;
    let up = async {
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::NewListenAddr { listener_id, .. } if listener_id == listener => {
                    return Ok(());
                }
                SwarmEvent::ListenerClosed { listener_id, reason, .. }
                    if listener_id == listener =>
                {
                    return Err(reason
                        .err()
                        .map_or("it closed".to_owned(), |error| error.to_string()));
                }
                _ => {}
            }
        }
    };
    match tokio::time::timeout(LISTEN_TIMEOUT, up).await {
        Ok(result) => result.map_err(failed),
        Err(_) => Err(failed("no address came up".to_owned())),
    }
}

/// libp2p shares ports (`SO_REUSEPORT`): a second node would get part of the first one's
/// connections, without an error. So the port is asked for once without that.
fn check_free(address: &Multiaddr) -> io::Result<()> {
    let port = address.iter().find_map(|part| match part {
        Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    match (ip_of(address), port) {
        (Some(ip), Some(port)) => std::net::TcpListener::bind((ip, port)).map(drop),
        _ => Ok(()),
    }
}

/// A damaged file must not keep the node from starting, and must not be lost either.
fn or_set_aside<T: Default>(path: &std::path::Path, loaded: io::Result<T>) -> T {
    loaded.unwrap_or_else(|error| {
        let aside = path.with_extension("damaged");
        warn!(
            "{} is damaged ({error}): set aside as {}, and begun anew",
            path.display(),
            aside.display()
        );
        if let Err(error) = std::fs::rename(path, &aside) {
            warn!("{}: {error}", path.display());
        }
        T::default()
    })
}
