//! The event loop: the one owner of the swarm.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use libp2p::{
    PeerId, Swarm,
    futures::StreamExt,
    gossipsub::{self, MessageAcceptance, MessageId, PublishError},
    request_response::{self, OutboundFailure},
    swarm::{ConnectionId, SwarmEvent},
};
use lode_consensus::Hash;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::MissedTickBehavior,
};
use tracing::{debug, info, warn};

use super::{
    behaviour::{Behaviour, BehaviourEvent, Names},
    client::NetworkView,
    dialing::{Dial, Dialing},
    gate::now_ms,
    options::NetworkOptions,
    peers::{Flow, MAX_EARLY_REQUESTS, Peer},
    serving::{Asked, Asking, Serving},
    wire::{Received, is_malformed},
};
use crate::{
    book::AddressBook,
    events::{InboundId, NetworkEvent, RequestError, Verdict},
    files,
    message::{Gossip, GossipId, Request, RequestKind, Response},
    outbox::{Call, Outbox},
    penalty::Penalty,
    reputation::{Consequence, Source},
};

/// Events that wait for the core.
pub const EVENT_CAPACITY: usize = 1_024;
/// How often the loop dials, ends what is overdue, saves and refreshes the view.
const TICK: Duration = Duration::from_millis(500);
/// How often the address book is written.
const SAVE_INTERVAL: Duration = Duration::from_secs(30);
/// Peers that have left, whose sources are still known: an offence may be found out later.
const MAX_RECENT: usize = 1_024;

/// Where the network keeps its files.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) peers: PathBuf,
    pub(super) bans: PathBuf,
}

impl Files {
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self { peers: folder.join("peers.json"), bans: folder.join("bans.json") }
    }
}

pub(super) struct EventLoop {
    pub(super) swarm: Swarm<Behaviour>,
    pub(super) options: NetworkOptions,
    pub(super) names: Names,
    pub(super) book: AddressBook,
    pub(super) peers: BTreeMap<PeerId, Peer>,
    pub(super) dialing: Dialing,
    /// Connections that we make: why.
    pub(super) dials: HashMap<ConnectionId, Dial>,
    recent: VecDeque<(PeerId, Source)>,
    pub(super) serving: Serving,
    pub(super) asking: Asking,
    files: Files,
    outbox: Arc<Outbox>,
    events: mpsc::Sender<NetworkEvent>,
    /// Events that go out before the swarm is asked for more.
    out: VecDeque<NetworkEvent>,
    view: watch::Sender<Arc<NetworkView>>,
    bans_changed: bool,
    saving: Option<JoinHandle<()>>,
    saved_at: Instant,
}

impl EventLoop {
    #[expect(
        clippy::too_many_arguments,
        reason = "called once, with what `start` has put together"
    )]
    pub(super) fn new(
        swarm: Swarm<Behaviour>,
        options: NetworkOptions,
        names: Names,
        files: Files,
        book: AddressBook,
        outbox: Arc<Outbox>,
        events: mpsc::Sender<NetworkEvent>,
        view: watch::Sender<Arc<NetworkView>>,
    ) -> Self {
        let dialing = Dialing::new(&options);
        Self {
            swarm,
            options,
            names,
            book,
            peers: BTreeMap::new(),
            dialing,
            dials: HashMap::new(),
            recent: VecDeque::new(),
            serving: Serving::default(),
            asking: Asking::default(),
            files,
            outbox,
            events,
            out: VecDeque::new(),
            view,
            bans_changed: false,
            saving: None,
            saved_at: Instant::now(),
        }
    }

    /// Runs until told to stop.
    pub(super) async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        let outbox = self.outbox.clone();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = &mut stop => break,
                calls = outbox.take() => {
                    calls.into_iter().for_each(|call| self.carry_out(call));
                }
                event = self.swarm.select_next_some() => self.swarm_event(event),
                Some(found) = self.dialing.resolved() => self.dial_found(found),
                _ = tick.tick() => self.tick(),
            }
            while let Some(event) = self.out.pop_front() {
                // If the core has gone, the event is lost and the loop will be stopped.
                let _ = self.events.send(event).await;
            }
        }
        outbox.close();
        let (book, bans) = (self.book.to_json(), self.swarm.behaviour().gate.reputation.to_json());
        drop(self.swarm);
        if let Some(saving) = self.saving {
            let _ = saving.await;
        }
        save(&self.files.peers, &book);
        save(&self.files.bans, &bans);
    }

    /// Tells the core.
    pub(super) fn emit(&mut self, event: NetworkEvent) {
        self.out.push_back(event);
    }

    /// Whether the core is so far behind that it gets only what it must.
    fn is_crowded(&self) -> bool {
        self.events.capacity() < EVENT_CAPACITY / 4
    }

    fn is_announced(&self, peer: &PeerId) -> bool {
        self.peers.get(peer).is_some_and(|peer| peer.announced)
    }

    // --- What the core wants ---------------------------------------------------------------------

    fn carry_out(&mut self, call: Call) {
        match call {
            Call::Request { peer, id, request } => {
                let refused = if !self.is_announced(&peer) {
                    Some(RequestError::Disconnected)
                } else if self.asking.is_full() {
                    Some(RequestError::Overloaded)
                } else {
                    None
                };
                match refused {
                    Some(error) => {
                        self.emit(NetworkEvent::Response { peer, id, result: Err(error) })
                    }
                    None => {
                        let libp2ps =
                            self.swarm.behaviour_mut().send_request(&peer, request.clone());
                        self.asking.begin(libp2ps, Asked { peer, id, request });
                    }
                }
            }
            Call::Respond { id, response } => self.respond(id, response),
            Call::Publish(message) => self.publish(&message),
            Call::Verdict { id, source, verdict } => self.verdict(id, &source, verdict),
            Call::Penalize { peer, penalty } => self.penalize(peer, penalty),
            Call::Disconnect(peer) => self.disconnect(&peer),
        }
    }

    fn respond(&mut self, id: InboundId, response: Response) {
        if let Some((kind, channel)) = self.serving.answer(id) {
            // A peer that has gone does not wait.
            let _ = self.swarm.behaviour_mut().requests(kind).send_response(channel, response);
        }
    }

    fn publish(&mut self, message: &Gossip) {
        let topic = self.names.topic(message.topic());
        match self.swarm.behaviour_mut().gossip.publish(topic, message.encode()) {
            // Without subscribed peers nothing is lost: peers ask for it when they connect.
            Ok(_) | Err(PublishError::Duplicate | PublishError::NoPeersSubscribedToTopic) => {}
            Err(error) => warn!("a message is not published: {error}"),
        }
    }

    fn verdict(&mut self, id: GossipId, source: &PeerId, verdict: Verdict) {
        let acceptance = match verdict {
            Verdict::Accept => MessageAcceptance::Accept,
            Verdict::Reject => MessageAcceptance::Reject,
            Verdict::Ignore => MessageAcceptance::Ignore,
        };
        let id = MessageId::from(id.0.0.to_vec());
        if !self
            .swarm
            .behaviour_mut()
            .gossip
            .report_message_validation_result(&id, source, acceptance)
        {
            debug!("the verdict on {id} comes too late");
        }
    }

    /// Charges a peer's source, also if the peer has left meanwhile.
    pub(super) fn penalize(&mut self, peer: PeerId, penalty: Penalty) {
        let present = self.peers.get(&peer).map(|peer| peer.source);
        let left = || {
            self.recent.iter().rev().find(|(other, _)| *other == peer).map(|(_, source)| *source)
        };
        let Some(source) = present.or_else(left) else {
            return;
        };
        match self.swarm.behaviour_mut().gate.reputation.penalize(source, penalty, now_ms()) {
            Consequence::None => debug!("{penalty:?} of {peer} ({source})"),
            Consequence::Disconnect => {
                debug!("{penalty:?} of {peer} ({source}): disconnected");
                self.disconnect(&peer);
            }
            Consequence::Ban => {
                info!("{penalty:?} of {peer}: {source} is banned for a day");
                self.bans_changed = true;
                let banned = self.peers.iter().filter(|(_, other)| other.source == source);
                for peer in banned.map(|(peer, _)| *peer).collect::<Vec<_>>() {
                    self.book.forget(&peer);
                    self.swarm.behaviour_mut().kad.remove_peer(&peer);
                    self.disconnect(&peer);
                }
            }
        }
    }

    pub(super) fn disconnect(&mut self, peer: &PeerId) {
        // A peer that is not connected any more needs nothing.
        let _ = self.swarm.disconnect_peer_id(*peer);
    }

    /// Remembers whose a peer was that has left.
    pub(super) fn remember(&mut self, peer: PeerId, source: Source) {
        if self.recent.len() >= MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((peer, source));
    }

    // --- What the swarm says ---------------------------------------------------------------------

    fn swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.behaviour_event(event),
            SwarmEvent::ListenerClosed { addresses, reason: Err(error), .. } => {
                warn!("the listener on {addresses:?} closed: {error}");
            }
            event => self.connection_event(event),
        }
    }

    fn behaviour_event(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Gossip(gossipsub::Event::Message {
                propagation_source,
                message_id,
                message,
            }) => {
                self.gossip(propagation_source, &message_id, &message);
            }
            BehaviourEvent::Status(event) => self.request_event(RequestKind::Status, event),
            BehaviourEvent::Headers(event) => self.request_event(RequestKind::Headers, event),
            BehaviourEvent::Bodies(event) => self.request_event(RequestKind::Bodies, event),
            BehaviourEvent::Mempool(event) => self.request_event(RequestKind::Mempool, event),
            event => self.discovery_event(event),
        }
    }

    fn gossip(&mut self, source: PeerId, id: &MessageId, message: &gossipsub::Message) {
        // The id function makes all ids 32 bytes long.
        let hash = <[u8; 32]>::try_from(id.0.as_slice()).map_or(Hash::ZERO, Hash);
        let id = GossipId(hash);
        let Some(topic) = self.names.topic_of(&message.topic) else {
            return self.verdict(id, &source, Verdict::Ignore);
        };
        match self
            .peers
            .get_mut(&source)
            .map(|peer| peer.gossips(topic, message.data.len(), now_ms()))
        {
            None | Some(Flow::Fine) => {}
            Some(flow) => {
                self.verdict(id, &source, Verdict::Ignore);
                if flow == Flow::Flooding {
                    self.penalize(source, Penalty::Flood);
                }
                return;
            }
        }
        match Gossip::decode(topic, &message.data) {
            Err(error) => {
                debug!("gossip of {source}: {error}");
                self.verdict(id, &source, Verdict::Reject);
                self.penalize(source, Penalty::MalformedMessage);
            }
            Ok(_) if self.is_crowded() || !self.is_announced(&source) => {
                self.verdict(id, &source, Verdict::Ignore)
            }
            Ok(message) => self.emit(NetworkEvent::Gossip { id, source, message }),
        }
    }

    fn request_event(
        &mut self,
        kind: RequestKind,
        event: request_response::Event<Received, Response>,
    ) {
        use request_response::{Event, Message};
        match event {
            // The channel is dropped, and the stream ends.
            Event::Message {
                peer, message: Message::Request { request: Err(error), .. }, ..
            } => {
                debug!("request of {peer}: {error}");
                self.penalize(peer, Penalty::MalformedMessage);
            }
            Event::Message {
                peer,
                message: Message::Request { request_id, request: Ok(request), channel },
                ..
            } => match self.serving.begin(peer, kind, request_id, channel) {
                Ok(id) => self.inbound_request(peer, id, request),
                Err(channel) => {
                    let _ = self
                        .swarm
                        .behaviour_mut()
                        .requests(kind)
                        .send_response(channel, Response::Busy);
                }
            },
            Event::Message { message: Message::Response { request_id, response }, .. } => {
                if let Some(Asked { peer, id, request }) = self.asking.end(kind, request_id) {
                    let fits = request.is_answered_by(&response);
                    if !fits {
                        self.penalize(peer, Penalty::UnrequestedResponse);
                    }
                    let result = if fits { Ok(response) } else { Err(RequestError::Malformed) };
                    self.emit(NetworkEvent::Response { peer, id, result });
                }
            }
            Event::OutboundFailure { peer, request_id, error, .. } => {
                let error = match error {
                    OutboundFailure::Io(error) if is_malformed(&error) => {
                        debug!("response of {peer}: {error}");
                        self.penalize(peer, Penalty::MalformedMessage);
                        RequestError::Malformed
                    }
                    OutboundFailure::Timeout => RequestError::Timeout,
                    OutboundFailure::UnsupportedProtocols => RequestError::Unsupported,
                    OutboundFailure::Io(_) => RequestError::Interrupted,
                    OutboundFailure::DialFailure | OutboundFailure::ConnectionClosed => {
                        RequestError::Disconnected
                    }
                };
                if let Some(asked) = self.asking.end(kind, request_id) {
                    self.emit(NetworkEvent::Response { peer, id: asked.id, result: Err(error) });
                }
            }
            Event::InboundFailure { peer, request_id, .. }
            | Event::ResponseSent { peer, request_id, .. } => {
                self.serving.end(peer, kind, request_id);
            }
        }
    }

    /// A request waits until its peer is announced, so that the core knows every peer that asks.
    fn inbound_request(&mut self, peer: PeerId, id: InboundId, request: Request) {
        let crowded = self.is_crowded();
        let event = NetworkEvent::Request { peer, id, request };
        match self.peers.get_mut(&peer) {
            Some(entry) if entry.announced && !crowded => self.emit(event),
            Some(entry) if !entry.announced && entry.early.len() < MAX_EARLY_REQUESTS => {
                entry.early.push(event)
            }
            _ => self.respond(id, Response::Busy),
        }
    }

    // --- What time brings ------------------------------------------------------------------------

    fn tick(&mut self) {
        let now = Instant::now();
        let overdue = self.peers.iter().filter(|(_, peer)| !peer.announced && peer.deadline <= now);
        for peer in overdue.map(|(peer, _)| *peer).collect::<Vec<_>>() {
            debug!("{peer} is not announced in time: disconnected");
            self.disconnect(&peer);
        }
        self.dial(now);
        self.save_in_background(now);
        self.refresh_view();
    }

    fn save_in_background(&mut self, now: Instant) {
        if self.saving.as_ref().is_some_and(|saving| !saving.is_finished()) {
            return;
        }
        let bans = std::mem::take(&mut self.bans_changed)
            .then(|| self.swarm.behaviour().gate.reputation.to_json());
        let is_due = now.duration_since(self.saved_at) >= SAVE_INTERVAL;
        let book = is_due.then(|| self.book.to_json());
        if bans.is_none() && book.is_none() {
            return;
        }
        if is_due {
            self.saved_at = now;
        }
        let files = self.files.clone();
        self.saving = Some(tokio::task::spawn_blocking(move || {
            if let Some(bans) = bans {
                save(&files.bans, &bans);
            }
            if let Some(book) = book {
                save(&files.peers, &book);
            }
        }));
    }

    fn refresh_view(&self) {
        let now_ms = now_ms();
        let reputation = &self.swarm.behaviour().gate.reputation;
        let announced = self.peers.iter().filter(|(_, entry)| entry.announced);
        let view = NetworkView {
            local_peer: *self.swarm.local_peer_id(),
            listening: self
                .swarm
                .listeners()
                .chain(self.swarm.external_addresses())
                .cloned()
                .collect(),
            peers: announced
                .map(|(peer, entry)| entry.view(*peer, reputation.points(&entry.source, now_ms)))
                .collect(),
            known_peers: self.book.len(),
            bans: reputation
                .bans()
                .map(|(source, until_ms)| (source.to_string(), until_ms))
                .collect(),
        };
        self.view.send_if_modified(|old| {
            let changed = **old != view;
            if changed {
                *old = Arc::new(view);
            }
            changed
        });
    }
}

fn save(path: &Path, bytes: &[u8]) {
    let saved: io::Result<()> = files::replace(path, bytes);
    if let Err(error) = saved {
        warn!("{}: {error}", path.display());
    }
}
