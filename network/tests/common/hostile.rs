//! A peer that says what it likes: libp2p as ours, with bytes instead of messages.
#![allow(dead_code)]

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder,
    futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt},
    gossipsub::{self, IdentTopic, MessageAuthenticity, ValidationMode},
    identify, noise,
    request_response::{self, ProtocolSupport},
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use lode_consensus::Hash;
use tokio::sync::mpsc;

/// Sends and receives bytes as they are. Every request is answered with the same bytes.
#[derive(Clone)]
pub(crate) struct Raw;

impl request_response::Codec for Raw {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        io.read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    async fn read_response<T: AsyncRead + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        io.read_to_end(&mut bytes).await?;
        Ok(bytes)
    }

    async fn write_request<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        io.write_all(&bytes).await
    }

    async fn write_response<T: AsyncWrite + Unpin + Send>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        io.write_all(&bytes).await
    }
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    identify: identify::Behaviour,
    gossip: gossipsub::Behaviour,
    requests: request_response::Behaviour<Raw>,
}

/// What a hostile peer is told to do.
pub(crate) enum Act {
    /// Publishes bytes on a topic.
    Gossip(&'static str, Vec<u8>),
    /// Sends bytes as a request.
    Request(Vec<u8>),
}

/// A hostile peer, running.
pub(crate) struct Hostile {
    pub(crate) id: PeerId,
    pub(crate) acts: mpsc::UnboundedSender<Act>,
    /// Responses to its requests.
    pub(crate) responses: mpsc::UnboundedReceiver<Option<Vec<u8>>>,
}

/// The names of a network's protocols, as an independent implementation writes them.
pub(crate) fn name(genesis: &Hash, what: &str) -> String {
    format!("/lode/{}/{what}/1", &genesis.to_string()[..16])
}

/// Connects a peer that speaks one kind of requests besides gossip, and answers each with the same
/// bytes.
pub(crate) async fn connect(to: Multiaddr, genesis: &Hash, kind: &str, answer: Vec<u8>) -> Hostile {
    let protocols = [name(genesis, kind), name(genesis, "status")].map(|name| {
        (StreamProtocol::try_from_owned(name).expect("a protocol"), ProtocolSupport::Full)
    });
    let topics: Vec<IdentTopic> = ["blocks", "shares", "transactions"]
        .iter()
        .map(|topic| IdentTopic::new(name(genesis, topic)))
        .collect();
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .expect("TCP")
        .with_behaviour(|key| {
            let config = gossipsub::ConfigBuilder::default()
                .validation_mode(ValidationMode::Anonymous)
                .message_id_fn(|message| {
                    gossipsub::MessageId::from(Hash::of("x", &[&message.data]).0.to_vec())
                })
                .build()?;
            let mut gossip = gossipsub::Behaviour::new(MessageAuthenticity::Anonymous, config)?;
            for topic in &topics {
                gossip.subscribe(topic)?;
            }
            Ok(Behaviour {
                identify: identify::Behaviour::new(identify::Config::new(
                    "/hostile".to_owned(),
                    key.public(),
                )),
                gossip,
                requests: request_response::Behaviour::with_codec(
                    Raw,
                    protocols,
                    request_response::Config::default()
                        .with_request_timeout(Duration::from_secs(10)),
                ),
            })
        })
        .expect("a behaviour")
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build();
    let id = *swarm.local_peer_id();
    swarm.dial(to.clone()).expect("it dials");
    let (acts, orders) = mpsc::unbounded_channel();
    let (report, responses) = mpsc::unbounded_channel();
    tokio::spawn(run(swarm, genesis.to_owned(), answer, orders, report));
    Hostile { id, acts, responses }
}

async fn run(
    mut swarm: Swarm<Behaviour>,
    genesis: Hash,
    answer: Vec<u8>,
    mut orders: mpsc::UnboundedReceiver<Act>,
    report: mpsc::UnboundedSender<Option<Vec<u8>>>,
) {
    let mut target = None;
    // Gossipsub takes nothing before it knows a subscriber.
    let mut waiting: Vec<(IdentTopic, Vec<u8>)> = Vec::new();
    let mut again = tokio::time::interval(Duration::from_millis(50));
    loop {
        tokio::select! {
            act = orders.recv(), if target.is_some() => match act {
                Some(Act::Gossip(topic, bytes)) => {
                    waiting.push((IdentTopic::new(name(&genesis, topic)), bytes));
                }
                Some(Act::Request(bytes)) => {
                    let peer: PeerId = target.expect("it is connected");
                    swarm.behaviour_mut().requests.send_request(&peer, bytes);
                }
                None => return,
            },
            _ = again.tick() => waiting.retain(|(topic, bytes)| {
                swarm.behaviour_mut().gossip.publish(topic.clone(), bytes.clone()).is_err()
            }),
            event = swarm.select_next_some() => match event {
                SwarmEvent::ConnectionEstablished { peer_id, .. } => target = Some(peer_id),
                SwarmEvent::Behaviour(BehaviourEvent::Requests(
                    request_response::Event::Message { message, .. },
                )) => {
                    match message {
                        request_response::Message::Request { channel, .. } => {
                            let _ = swarm
                                .behaviour_mut()
                                .requests
                                .send_response(channel, answer.clone());
                        }
                        request_response::Message::Response { response, .. } => {
                            let _ = report.send(Some(response));
                        }
                    }
                }
                SwarmEvent::Behaviour(BehaviourEvent::Requests(
                    request_response::Event::OutboundFailure { .. },
                )) => {
                    let _ = report.send(None);
                }
                _ => {}
            },
        }
    }
}

/// A listener that speaks libp2p and nothing of ours: its address, and how often it was connected
/// to.
pub(crate) async fn stranger() -> (Multiaddr, Arc<AtomicUsize>) {
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .expect("TCP")
        .with_behaviour(|key| {
            identify::Behaviour::new(identify::Config::new("/stranger".to_owned(), key.public()))
        })
        .expect("a behaviour")
        .build();
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().expect("an address")).expect("it listens");
    let address = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            break address;
        }
    };
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    tokio::spawn(async move {
        loop {
            if let SwarmEvent::ConnectionEstablished { .. } = swarm.select_next_some().await {
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    (address, connections)
}
