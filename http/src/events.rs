//! What happens now: `/events`, a stream of server-sent events.
//!
//! Threads and queues: one task for each listener moves events from the node's broadcast to a queue of
//! [`MAX_QUEUED_EVENTS`]. A listener that reads too slowly loses the oldest events and is told how many.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event as Message, KeepAlive, Sse},
    },
};
use lode_consensus::{Epoch, Hash, Height};
use serde::Serialize;
use tokio::sync::{
    OwnedSemaphorePermit,
    broadcast::{self, error::RecvError},
    mpsc,
};
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    api::{Api, Closing},
    error::ApiError,
    json::{AddressText, Text},
};
use lode_core::{Backend, Event};

/// Messages on their way to one listener.
const MAX_QUEUED_EVENTS: usize = 32;
/// How often a silent stream sends a comment, so that a listener that has gone is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `GET /{network}/events`
pub(crate) async fn events<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    closing: Option<Extension<Closing>>,
) -> Result<Response, ApiError> {
    let place = api.event_stream()?;
    let (listener, messages) = mpsc::channel(MAX_QUEUED_EVENTS);
    let closing = closing.map(|Extension(closing)| closing);
    tokio::spawn(relay(api.backend.events(), listener, closing, place));
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(ReceiverStream::new(messages)).keep_alive(keep_alive).into_response())
}

type Listener = mpsc::Sender<Result<Message, Infallible>>;

/// Feeds a listener until it goes, the node ends, or the server stops.
async fn relay(
    events: broadcast::Receiver<Event>,
    listener: Listener,
    closing: Option<Closing>,
    _place: OwnedSemaphorePermit,
) {
    tokio::select! {
        () = feed(events, &listener) => {}
        () = listener.closed() => {}
        () = Closing::wait(closing) => {}
    }
}

async fn feed(mut events: broadcast::Receiver<Event>, listener: &Listener) {
    let mut narrator = Narrator::default();
    loop {
        let messages = match events.recv().await {
            Ok(event) => narrator.tell(event),
            Err(RecvError::Lagged(missed)) => {
                narrator = Narrator::default();
                vec![message("lagged", &Lagged { missed })]
            }
            Err(RecvError::Closed) => return,
        };
        for message in messages {
            if listener.send(Ok(message)).await.is_err() {
                return;
            }
        }
    }
}

#[derive(Serialize)]
struct BlockEvent {
    height: Height,
    hash: Text<Hash>,
    epoch: Epoch,
    producer: AddressText,
    shares: usize,
    transactions: usize,
}

#[derive(Serialize)]
struct TransactionEvent {
    id: Text<Hash>,
}

#[derive(Serialize)]
struct ShareEvent {
    prover: AddressText,
    height: Height,
}

#[derive(Serialize)]
struct ReorgEvent {
    from: Text<Hash>,
    to: Text<Hash>,
    height: Height,
}

#[derive(Serialize)]
struct Lagged {
    missed: u64,
}

/// Makes messages of events: blocks that come off in a row, and the first one that goes on after them, are one reorg.
#[derive(Default)]
struct Narrator {
    /// The tip before the first of the blocks that came off.
    left: Option<Hash>,
}

impl Narrator {
    fn tell(&mut self, event: Event) -> Vec<Message> {
        match event {
            Event::Block { height, hash, epoch, producer, shares, transactions } => {
                let reorg = self.left.take().map(|from| ReorgEvent { from: Text(from), to: Text(hash), height });
                let mut messages: Vec<_> = reorg.iter().map(|reorg| message("reorg", reorg)).collect();
                let (hash, producer) = (Text(hash), AddressText(producer));
                messages.push(message("block", &BlockEvent { height, hash, epoch, producer, shares, transactions }));
                messages
            }
            Event::Disconnected { hash, .. } => {
                self.left.get_or_insert(hash);
                Vec::new()
            }
            Event::Transaction { id } => vec![message("transaction", &TransactionEvent { id: Text(id) })],
            Event::Share { prover, height } => {
                vec![message("share", &ShareEvent { prover: AddressText(prover), height })]
            }
        }
    }
}

fn message(name: &str, data: &impl Serialize) -> Message {
    // None of the types above can fail to serialize.
    Message::default().event(name).json_data(data).unwrap_or_default()
}
