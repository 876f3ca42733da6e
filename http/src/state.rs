//! What all routes share: the node behind them, and the bounds on what runs at once.

use std::{sync::Arc, time::Duration};

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use lode_core::{Backend, query::Moment};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::error::Failure;

/// Questions to the database that are answered at once; the others wait their turn.
pub(crate) const MAX_READS: usize = 8;
/// How long a question waits for its turn before it is refused.
const READ_WAIT: Duration = Duration::from_secs(5);
/// Miners that wait for work at once.
pub(crate) const MAX_JOB_REQUESTS: usize = 256;
/// Listeners to events at once.
pub(crate) const MAX_EVENT_STREAMS: usize = 64;

/// The state of the routes.
pub(crate) struct Api<B> {
    pub(crate) backend: Arc<B>,
    reads: Arc<Semaphore>,
    job_requests: Arc<Semaphore>,
    event_streams: Arc<Semaphore>,
}

impl<B: Backend> Api<B> {
    pub(crate) fn new(backend: Arc<B>) -> Self {
        Self {
            backend,
            reads: Arc::new(Semaphore::new(MAX_READS)),
            job_requests: Arc::new(Semaphore::new(MAX_JOB_REQUESTS)),
            event_streams: Arc::new(Semaphore::new(MAX_EVENT_STREAMS)),
        }
    }

    /// Asks a question about the chain, at one moment of the ledger, off the threads that serve
    /// connections.
    pub(crate) async fn ask<T, F>(&self, question: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&B, &Moment<'_>) -> Result<T, Failure> + Send + 'static,
    {
        let turn = tokio::time::timeout(READ_WAIT, self.reads.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = turn else {
            return Err(Failure::Busy("too many questions at once: try again".to_owned()));
        };
        let backend = self.backend.clone();
        let answered = tokio::task::spawn_blocking(move || {
            // Held until the work is done, even if the client has gone in the meantime.
            let _permit = permit;
            question(&backend, &Moment::of(backend.ledger()))
        });
        answered.await.map_err(|error| Failure::Internal(error.to_string()))?
    }

    /// As [`Self::ask`], with the answer as JSON, which is written on that thread too: a block
    /// takes some MiB.
    pub(crate) async fn read<T, F>(&self, question: F) -> Result<Response, Failure>
    where
        T: Serialize,
        F: FnOnce(&B, &Moment<'_>) -> Result<T, Failure> + Send + 'static,
    {
        let written = self.ask(move |backend, moment| {
            let answer = question(backend, moment)?;
            serde_json::to_vec(&answer).map_err(|error| Failure::Internal(error.to_string()))
        });
        Ok(([(header::CONTENT_TYPE, "application/json")], written.await?).into_response())
    }

    /// Leave to wait for work; while it is held, the place is taken.
    pub(crate) fn job_request(&self) -> Result<OwnedSemaphorePermit, Failure> {
        let permit = self.job_requests.clone().try_acquire_owned();
        permit.map_err(|_| {
            Failure::Busy(format!("{MAX_JOB_REQUESTS} miners wait for work already: try again"))
        })
    }

    /// Leave to listen to events, if there is a place.
    pub(crate) fn event_stream(&self) -> Option<OwnedSemaphorePermit> {
        self.event_streams.clone().try_acquire_owned().ok()
    }
}

/// Tells waiting handlers that the server stops.
#[derive(Debug, Clone)]
pub(crate) struct Closing(pub(crate) watch::Receiver<bool>);

impl Closing {
    /// Returns once the server stops; for a router that [`crate::serve()`] does not serve, never.
    pub(crate) async fn wait(closing: Option<Self>) {
        match closing {
            // An error means that the server is gone.
            Some(Self(mut stops)) => drop(stops.wait_for(|stops| *stops).await),
            None => std::future::pending().await,
        }
    }
}
