//! What happens now: `/events`, a stream of server-sent events.
//!
//! A browser's `EventSource` comes back by itself after a clean end, with the id of the last
//! message that it got, and gives up for good on any status but 200. So a stream ends cleanly, a
//! full house is an empty stream, and each message has an id. Only what will never be right, a
//! request with parameters, has another status.
//!
//! Threads and queues: one task for each listener moves events from the node's log to a queue of
//! [`MAX_QUEUED_EVENTS`]. A listener that reads too slowly falls behind in the log, and is told
//! what it missed. The answer owns its task: the task ends with the connection at the latest, and a
//! panic in it breaks the connection off.

use std::{
    convert::Infallible,
    panic::resume_unwind,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    Extension,
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event as Message, KeepAlive, Sse},
    },
};
use lode_api::{
    events::{BlockEvent, Event, EventId, LaggedEvent, ReorgEvent, ShareEvent, TransactionEvent},
    job_event::JobEvent,
    text::{AddressText, Text},
};
use lode_core::{
    Backend,
    events::{self, EventListener, Heard},
};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::JoinSet,
};
use tokio_stream::{Stream, wrappers::ReceiverStream};

use crate::{
    request::{NoParams, Params},
    state::{Api, Closing, MAX_EVENT_STREAMS},
};

/// Messages on their way to one listener.
const MAX_QUEUED_EVENTS: usize = 32;
/// How often a silent stream sends a comment, so that a listener that has gone is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How soon a listener should come back after its stream has ended.
const RETRY: Duration = Duration::from_secs(3);
/// How soon a listener should come back that found no place.
const RETRY_FULL: Duration = Duration::from_secs(15);

/// `GET /{network}/events`
pub(crate) async fn events<B: Backend>(
    State(api): State<Arc<Api<B>>>,
    Params(NoParams {}): Params<NoParams>,
    headers: HeaderMap,
    closing: Option<Extension<Closing>>,
) -> Response {
    let (listener, messages) = mpsc::channel(MAX_QUEUED_EVENTS);
    let mut task = JoinSet::new();
    match api.event_stream() {
        Some(place) => {
            let events = api.backend.events().listen(last_event_id(&headers));
            let closing = closing.map(|Extension(closing)| closing);
            task.spawn(relay(events, listener, closing, place));
        }
        None => {
            let full = format!("{MAX_EVENT_STREAMS} listen already: come back later");
            // There is room for it, and nothing follows.
            let _ = listener.try_send(Ok(Message::default().comment(full).retry(RETRY_FULL)));
        }
    }
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    let relayed = Relayed { messages: ReceiverStream::new(messages), task };
    Sse::new(relayed).keep_alive(keep_alive).into_response()
}

/// The last event that the listener heard. What cannot be read is none of this run's, and told as
/// such.
fn last_event_id(headers: &HeaderMap) -> Option<events::EventId> {
    let id = headers.get("last-event-id")?.to_str().unwrap_or("?");
    if id.is_empty() {
        return None;
    }
    let EventId { run, number } = id.parse().unwrap_or(EventId { run: 0, number: 0 });
    Some(events::EventId { run, number })
}

type Sent = Result<Message, Infallible>;
type Listener = mpsc::Sender<Sent>;

/// What a listener is sent, with the task that sends it, if there is one.
struct Relayed {
    messages: ReceiverStream<Sent>,
    task: JoinSet<()>,
}

impl Stream for Relayed {
    type Item = Sent;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Sent>> {
        let this = self.get_mut();
        if let Some(message) = ready!(Pin::new(&mut this.messages).poll_next(context)) {
            return Poll::Ready(Some(message));
        }
        match ready!(this.task.poll_join_next(context)) {
            Some(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
            _ => Poll::Ready(None),
        }
    }
}

/// Feeds a listener until it goes or the server stops.
async fn relay(
    events: EventListener,
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

async fn feed(mut events: EventListener, listener: &Listener) {
    // A listener that gets no event before it reconnects must know its position, too.
    let mut message = Message::default().id(id(events.place())).retry(RETRY);
    while listener.send(Ok(message)).await.is_ok() {
        let (place, event) = match events.next().await {
            Heard::Event(place, event) => (place, event_of(event)),
            Heard::Missed(place, missed) => (place, Event::Lagged(LaggedEvent { missed })),
        };
        // None of the types can fail to serialize.
        message = Message::default()
            .id(id(place))
            .event(event.name())
            .data(event.data().unwrap_or_default());
    }
}

fn id(events::EventId { run, number }: events::EventId) -> String {
    EventId { run, number }.to_string()
}

fn event_of(event: events::Event) -> Event {
    match event {
        events::Event::Block { height, hash, epoch, producer, shares, transactions } => {
            Event::Block(BlockEvent {
                height,
                hash: Text(hash),
                epoch,
                producer: AddressText(producer),
                shares: shares as u64,
                transactions: transactions as u64,
            })
        }
        events::Event::Reorg { from, to, height } => {
            Event::Reorg(ReorgEvent { from: Text(from), to: Text(to), height })
        }
        events::Event::Job { height, event } => Event::Job(JobEvent::of(&event, height, None)),
        events::Event::Transaction { id } => Event::Transaction(TransactionEvent { id: Text(id) }),
        events::Event::Share { prover, height } => {
            Event::Share(ShareEvent { prover: AddressText(prover), height })
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_stream::StreamExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_of_a_relay_breaks_its_connection_off() {
        let (listener, messages) = mpsc::channel(1);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let _listener = listener;
            panic!("it was told to panic");
        });
        let mut relayed = Relayed { messages: ReceiverStream::new(messages), task };
        let connection = tokio::spawn(async move { relayed.next().await.is_some() });
        assert!(connection.await.unwrap_err().is_panic());
    }
}
