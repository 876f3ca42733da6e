//! What the swarm is made of, and how each part is set.

use std::{collections::HashSet, net::Ipv4Addr, net::Ipv6Addr, num::NonZeroUsize, time::Duration};

use libp2p::{
    Multiaddr, PeerId, StreamProtocol,
    connection_limits::{self, ConnectionLimits},
    gossipsub::{
        self, MessageAuthenticity, PeerScoreParams, PeerScoreThresholds, TopicHash,
        TopicScoreParams, ValidationMode, WhitelistSubscriptionFilter, score_parameter_decay,
    },
    identify,
    identity::Keypair,
    kad::{
        self,
        store::{MemoryStore, MemoryStoreConfig},
    },
    memory_connection_limits, ping,
    request_response::{self, OutboundRequestId, ProtocolSupport},
    swarm::NetworkBehaviour,
};
use lode_consensus::Hash;

use super::{discovery::Kademlia, gate::Gate, wire::Wire};
use crate::{
    address::Scope,
    message::{GossipId, Request, RequestKind, Topic},
};

/// The largest gossipsub frame, in bytes: several messages, or announcements of messages.
const MAX_FRAME_BYTES: usize = 64 << 10;
/// What a frame holds at most besides a message and the name of its topic: protobuf's tags and
/// lengths, with room to spare.
const FRAME_OVERHEAD_BYTES: usize = 64;
/// Most ids in one announcement of gossipsub: their bytes stay within what the other side takes in
/// a frame.
const MAX_ANNOUNCED_IDS: usize = 400;
/// How long gossipsub knows a message again, so that it does not come to us twice.
const DUPLICATE_CACHE: Duration = Duration::from_secs(120);
/// Heartbeats, of a second each, that a message waits for its verdict; after that it is no longer
/// passed on.
const VERDICT_HEARTBEATS: usize = 12;
/// Connections to one peer: both sides may dial at the same moment.
const MAX_CONNECTIONS_PER_PEER: u32 = 2;
/// Inbound handshakes under way.
const MAX_PENDING_INBOUND: u32 = 64;
/// Outbound handshakes under way, those of Kademlia included.
const MAX_PENDING_OUTBOUND: u32 = 16;
/// Outbound connections of Kademlia's queries, on top of the slots; they end soon.
pub(super) const MAX_TRANSIENT: u32 = 8;
/// The part of the machine's memory above which no further connection is taken.
const MAX_MEMORY_PART: f64 = 0.9;
/// What rejected messages cost in gossipsub's own scores: this times the square of their number.
const INVALID_MESSAGE_WEIGHT: f64 = -1.0;
/// The score below which gossipsub does not hear a peer any more.
const GRAYLIST_THRESHOLD: f64 = -120.0;
/// Largest packet of Kademlia, in bytes.
const MAX_KAD_BYTES: usize = 16 << 10;
/// Kademlia's bucket size and number of answers.
const KAD_PEERS: NonZeroUsize = NonZeroUsize::new(20).expect("20 is not 0");

/// The names by which peers of one network know each other: they carry the first 64 bits of the
/// genesis hash. The whole hash is in the status that peers exchange.
#[derive(Debug, Clone)]
pub(super) struct Names {
    prefix: String,
}

// `publish` accepts a message that makes its frame too long, and reports no error. The frame never
// arrives, nor does any later message to that peer, and no event says so. So no topic may have such
// messages.
const _: () = {
    let mut topics: &[Topic] = &Topic::ALL;
    while let [topic, rest @ ..] = topics {
        assert!(
            topic.max_bytes() + Names::topic_bytes(*topic) + FRAME_OVERHEAD_BYTES
                <= MAX_FRAME_BYTES
        );
        topics = rest;
    }
};

impl Names {
    /// Digits of the genesis hash in a name.
    const DIGITS: usize = 16;

    pub(super) fn new(genesis_hash: &Hash) -> Self {
        let mut digits = genesis_hash.to_string();
        digits.truncate(Self::DIGITS);
        Self { prefix: format!("/lode/{digits}") }
    }

    /// Bytes of a topic's full name.
    const fn topic_bytes(topic: Topic) -> usize {
        "/lode/".len() + Self::DIGITS + "/".len() + topic.name().len() + "/1".len()
    }

    /// The protocol of a kind of requests.
    pub(super) fn request(&self, kind: RequestKind) -> StreamProtocol {
        self.protocol(kind.name())
    }

    fn protocol(&self, name: &str) -> StreamProtocol {
        // It starts with a slash by construction, which is all that can be wrong with a protocol's
        // name.
        StreamProtocol::try_from_owned(format!("{}/{name}/1", self.prefix))
            .unwrap_or(StreamProtocol::new("/lode"))
    }

    pub(super) fn kad(&self) -> StreamProtocol {
        self.protocol("kad")
    }

    pub(super) fn topic(&self, topic: Topic) -> gossipsub::IdentTopic {
        gossipsub::IdentTopic::new(format!("{}/{}/1", self.prefix, topic.name()))
    }

    /// The topic behind a hash, which is the name itself.
    pub(super) fn topic_of(&self, hash: &TopicHash) -> Option<Topic> {
        Topic::ALL.into_iter().find(|topic| self.topic(*topic).hash() == *hash)
    }
}

/// All parts. The gate comes first: what it refuses costs nothing else.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub(super) gate: Gate,
    pub(super) limits: connection_limits::Behaviour,
    pub(super) memory: memory_connection_limits::Behaviour,
    pub(super) identify: identify::Behaviour,
    pub(super) ping: ping::Behaviour,
    pub(super) gossip:
        gossipsub::Behaviour<gossipsub::IdentityTransform, WhitelistSubscriptionFilter>,
    pub(super) status: request_response::Behaviour<Wire>,
    pub(super) headers: request_response::Behaviour<Wire>,
    pub(super) bodies: request_response::Behaviour<Wire>,
    pub(super) mempool: request_response::Behaviour<Wire>,
    pub(super) kad: Kademlia,
}

/// What the parts need to know of the options.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) names: Names,
    pub(super) agent: String,
    pub(super) max_inbound: u32,
    pub(super) max_outbound: u32,
    /// Whether others can reach us, so that Kademlia may name us to them.
    pub(super) listens: bool,
    /// The least scope of the addresses that others may tell us.
    pub(super) scope: Scope,
}

impl Behaviour {
    pub(super) fn new(key: &Keypair, gate: Gate, settings: &Settings) -> Result<Self, String> {
        let names = &settings.names;
        let limits = ConnectionLimits::default()
            .with_max_pending_incoming(Some(MAX_PENDING_INBOUND))
            .with_max_pending_outgoing(Some(MAX_PENDING_OUTBOUND))
            .with_max_established_incoming(Some(settings.max_inbound))
            .with_max_established_outgoing(Some(
                settings.max_outbound.saturating_add(MAX_TRANSIENT),
            ))
            .with_max_established_per_peer(Some(MAX_CONNECTIONS_PER_PEER));
        let identify = identify::Config::new(names.protocol("identify").to_string(), key.public())
            .with_agent_version(settings.agent.clone())
            .with_cache_size(0);
        Ok(Self {
            gate,
            limits: connection_limits::Behaviour::new(limits),
            memory: memory_connection_limits::Behaviour::with_max_percentage(MAX_MEMORY_PART),
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::default(),
            gossip: gossip(names)?,
            status: requests(names, RequestKind::Status),
            headers: requests(names, RequestKind::Headers),
            bodies: requests(names, RequestKind::Bodies),
            mempool: requests(names, RequestKind::Mempool),
            kad: kademlia(key.public().to_peer_id(), settings),
        })
    }

    /// The part that speaks a kind of requests.
    pub(super) fn requests(&mut self, kind: RequestKind) -> &mut request_response::Behaviour<Wire> {
        match kind {
            RequestKind::Status => &mut self.status,
            RequestKind::Headers => &mut self.headers,
            RequestKind::Bodies => &mut self.bodies,
            RequestKind::Mempool => &mut self.mempool,
        }
    }

    /// Sends a request; its id is unique among those of its kind.
    pub(super) fn send_request(&mut self, peer: &PeerId, request: Request) -> OutboundRequestId {
        self.requests(request.kind()).send_request(peer, Ok(request))
    }

    /// Lets Kademlia name a peer's addresses to others.
    pub(super) fn add_route(
        &mut self,
        peer: &PeerId,
        addresses: impl IntoIterator<Item = Multiaddr>,
    ) {
        for address in addresses {
            self.kad.add_address(peer, address);
        }
    }
}

/// How long a kind of request may take, both directions and the peer's work included, and how many
/// streams of it a connection has at most, both ways.
pub(super) const fn request_limits(kind: RequestKind) -> (Duration, usize) {
    match kind {
        RequestKind::Status => (Duration::from_secs(10), 8),
        RequestKind::Headers => (Duration::from_secs(20), 16),
        RequestKind::Bodies => (Duration::from_secs(60), 24),
        RequestKind::Mempool => (Duration::from_secs(20), 8),
    }
}

/// Streams of requests that a connection has at most, both ways together.
pub(super) const fn max_request_streams() -> usize {
    let (mut sum, mut index) = (0, 0);
    while index < RequestKind::ALL.len() {
        sum += request_limits(RequestKind::ALL[index]).1;
        index += 1;
    }
    sum
}

fn requests(names: &Names, kind: RequestKind) -> request_response::Behaviour<Wire> {
    let (timeout, streams) = request_limits(kind);
    let config = request_response::Config::default()
        .with_request_timeout(timeout)
        .with_max_concurrent_streams(streams);
    let protocols = [(names.request(kind), ProtocolSupport::Full)];
    request_response::Behaviour::with_codec(Wire(kind), protocols, config)
}

/// Messages are anonymous: they carry their own proof or signature, and their author stays private.
fn gossip(
    names: &Names,
) -> Result<gossipsub::Behaviour<gossipsub::IdentityTransform, WhitelistSubscriptionFilter>, String>
{
    let known = names.clone();
    let message_id = move |message: &gossipsub::Message| {
        let id = match known.topic_of(&message.topic) {
            Some(topic) => GossipId::of(topic, &message.data).0,
            None => Hash::of("lode/gossip/v1", &[message.topic.as_str().as_bytes(), &message.data]),
        };
        gossipsub::MessageId::from(id.0.to_vec())
    };
    let config = gossipsub::ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(message_id)
        .max_transmit_size(MAX_FRAME_BYTES)
        .max_control_messages_sent(MAX_ANNOUNCED_IDS)
        .duplicate_cache_time(DUPLICATE_CACHE)
        .history_length(VERDICT_HEARTBEATS)
        .build()
        .map_err(|error| error.to_string())?;
    let topics = Topic::ALL.map(|topic| names.topic(topic));
    let whitelist =
        WhitelistSubscriptionFilter(topics.iter().map(gossipsub::IdentTopic::hash).collect());
    let mut gossip = gossipsub::Behaviour::new_with_subscription_filter(
        MessageAuthenticity::Anonymous,
        config,
        whitelist,
    )
    .map_err(str::to_owned)?;
    gossip.with_peer_score(scores(&topics), thresholds())?;
    for topic in &topics {
        gossip.subscribe(topic).map_err(|error| error.to_string())?;
    }
    Ok(gossip)
}

/// Gossipsub's own scores decide about its mesh and which peers' messages are read at all. A good
/// peer has a few points, and rejected messages cost them. But a peer whose messages are ignored
/// commits no further offence and stays connected, so the table of offences must ban a peer before
/// its score falls below the [`thresholds`]. Rates of delivery do not count (P3): blocks come too
/// seldom.
fn scores(topics: &[gossipsub::IdentTopic]) -> PeerScoreParams {
    let hour = Duration::from_secs(3_600);
    let topic = TopicScoreParams {
        topic_weight: 1.0,
        time_in_mesh_weight: 0.01,
        time_in_mesh_quantum: Duration::from_secs(1),
        time_in_mesh_cap: 300.0,
        first_message_deliveries_weight: 0.5,
        first_message_deliveries_decay: score_parameter_decay(hour),
        first_message_deliveries_cap: 10.0,
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: INVALID_MESSAGE_WEIGHT,
        invalid_message_deliveries_decay: score_parameter_decay(hour),
        ..TopicScoreParams::default()
    };
    PeerScoreParams {
        topics: topics.iter().map(|name| (name.hash(), topic.clone())).collect(),
        topic_score_cap: 20.0,
        behaviour_penalty_weight: -10.0,
        behaviour_penalty_threshold: 6.0,
        behaviour_penalty_decay: score_parameter_decay(Duration::from_secs(600)),
        ip_colocation_factor_whitelist: HashSet::from([
            Ipv4Addr::LOCALHOST.into(),
            Ipv6Addr::LOCALHOST.into(),
        ]),
        ..PeerScoreParams::default()
    }
}

fn thresholds() -> PeerScoreThresholds {
    PeerScoreThresholds {
        gossip_threshold: -40.0,
        publish_threshold: -80.0,
        graylist_threshold: GRAYLIST_THRESHOLD,
        accept_px_threshold: 10.0,
        opportunistic_graft_threshold: 2.0,
    }
}

/// For finding peers only: whatever records others want us to store are dropped.
fn kademlia(local: PeerId, settings: &Settings) -> Kademlia {
    let mut config = kad::Config::new(settings.names.kad());
    config
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_kbucket_inserts(kad::BucketInserts::Manual)
        .set_periodic_bootstrap_interval(None)
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_provider_publication_interval(None)
        .set_max_packet_size(MAX_KAD_BYTES)
        .set_replication_factor(KAD_PEERS)
        .set_query_timeout(Duration::from_secs(20))
        .disjoint_query_paths(true);
    let nothing = MemoryStoreConfig {
        max_records: 0,
        max_value_bytes: 0,
        max_providers_per_key: 0,
        max_provided_keys: 0,
    };
    let mut kad =
        kad::Behaviour::with_config(local, MemoryStore::with_config(local, nothing), config);
    kad.set_mode(Some(if settings.listens { kad::Mode::Server } else { kad::Mode::Client }));
    Kademlia::new(kad, settings.scope)
}

#[cfg(test)]
mod tests {
    use libp2p::{Swarm, SwarmBuilder, futures::StreamExt, noise, swarm::SwarmEvent, tcp, yamux};

    use super::*;
    use crate::penalty::{BAN_POINTS, Penalty};

    /// A peer that gossips as a node does, and nothing else.
    fn peer(
        names: &Names,
    ) -> Swarm<gossipsub::Behaviour<gossipsub::IdentityTransform, WhitelistSubscriptionFilter>>
    {
        SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| gossip(names).unwrap())
            .unwrap()
            .with_swarm_config(|config| {
                config.with_idle_connection_timeout(Duration::from_secs(60))
            })
            .build()
    }

    #[test]
    fn the_names_of_topics_are_as_long_as_the_frame_is_measured_for() {
        for topic in Topic::ALL {
            let name = Names::new(&Hash([0xab; 32])).topic(topic).to_string();
            assert_eq!(name.len(), Names::topic_bytes(topic), "{name}");
        }
    }

    /// On the wire: the largest messages arrive, and those behind them still do.
    #[tokio::test(flavor = "multi_thread")]
    async fn the_largest_message_of_every_topic_arrives_and_so_do_those_behind_it() {
        let names = Names::new(&Hash([0xab; 32]));
        let (mut sender, mut receiver) = (peer(&names), peer(&names));
        receiver.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        let mut messages: Vec<(Topic, Vec<u8>)> = Vec::new();
        for topic in Topic::ALL {
            // The second is as large as the relation between the constants would allow.
            let bound = MAX_FRAME_BYTES - FRAME_OVERHEAD_BYTES - Names::topic_bytes(topic);
            messages.extend(
                [topic.max_bytes(), bound, 9].map(|bytes| (topic, vec![bytes as u8; bytes])),
            );
        }
        let (mut unsent, mut heard) = (messages.iter(), Vec::new());
        let mut next = unsent.next();
        let mut again = tokio::time::interval(Duration::from_millis(20));
        let exchange = async {
            while heard.len() < messages.len() {
                tokio::select! {
                    _ = sender.select_next_some() => {}
                    event = receiver.select_next_some() => match event {
                        SwarmEvent::NewListenAddr { address, .. } => sender.dial(address).unwrap(),
                        SwarmEvent::Behaviour(gossipsub::Event::Message { message, .. }) => {
                            heard.push((names.topic_of(&message.topic).unwrap(), message.data));
                        }
                        _ => {}
                    },
                    // One after the other; the first as soon as the other side has subscribed.
                    _ = again.tick() => if let Some((topic, data)) = next
                        && sender.behaviour_mut().publish(names.topic(*topic), data.clone()).is_ok()
                    {
                        next = unsent.next();
                    },
                }
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(30), exchange).await;
        let lengths = |all: &[(Topic, Vec<u8>)]| {
            all.iter().map(|(topic, data)| (*topic, data.len())).collect::<Vec<_>>()
        };
        assert!(in_time.is_ok(), "{:?} of {:?}", lengths(&heard), lengths(&messages));
        let sorted = |mut all: Vec<(Topic, Vec<u8>)>| {
            all.sort();
            all
        };
        assert!(sorted(heard) == sorted(messages));
    }

    #[test]
    fn who_sends_what_is_rejected_is_banned_before_it_is_unheard() {
        let rejected = [
            Penalty::InvalidProof,
            Penalty::InvalidBlock,
            Penalty::InvalidHeader,
            Penalty::InvalidTransaction,
            Penalty::MalformedMessage,
        ];
        for penalty in rejected {
            let number = f64::from(BAN_POINTS.div_ceil(penalty.points()));
            assert!(INVALID_MESSAGE_WEIGHT * number * number > GRAYLIST_THRESHOLD, "{penalty:?}");
        }
    }
}
