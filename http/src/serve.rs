//! Serving connections, and stopping.
//!
//! Threads and queues: a task for each connection, at most [`MAX_CONNECTIONS`]; further ones wait
//! in the system's queue.
//!
//! What must not be broken: after [`serve`] returns, no task of the server is left that holds the
//! router, and with it the ledger.

use std::{future::Future, io, sync::Arc, time::Duration};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::state::Closing;

/// Connections served at once.
const MAX_CONNECTIONS: usize = 1_024;
/// How long a client may take for the head of a request, and be silent between two requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long requests under way may take to end once the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// Pause after a connection could not be accepted, for want of file descriptors for one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Failures in a row after which the server gives up: a minute of them.
const MAX_ACCEPT_FAILURES: u32 = 600;

/// Serves the API until `shutdown` is ready. Then event streams end, miners that wait for work are
/// sent away, requests under way get a few seconds, and what is left is cut off.
///
/// # Errors
/// The system's error, once no connection could be accepted for a minute.
pub async fn serve<F>(listener: TcpListener, router: Router, shutdown: F) -> io::Result<()>
where
    F: Future<Output = ()>,
{
    let (stop, stops) = watch::channel(false);
    let service = TowerToHyperService::new(router.layer(Extension(Closing(stops))));
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);

    let accept = async {
        loop {
            // The semaphore is never closed.
            let place = places.clone().acquire_owned().await.ok();
            let stream = match accept(&listener).await {
                Ok(stream) => stream,
                Err(error) => break error,
            };
            // Answers are written whole: waiting for more to send only delays them.
            let _ = stream.set_nodelay(true);
            let connection =
                graceful.watch(http.serve_connection(TokioIo::new(stream), service.clone()));
            connections.spawn(async move {
                let _place = place;
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection broke off");
                }
            });
            // Keeps the set from collecting those that ended.
            while connections.try_join_next().is_some() {}
        }
    };
    let stopped = tokio::select! {
        error = accept => Err(error),
        () = shutdown => Ok(()),
    };

    drop(listener);
    stop.send_replace(true);
    if tokio::time::timeout(STOP_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::info!(open = connections.len(), "connections cut off");
    }
    connections.shutdown().await;
    stopped
}

async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let mut failures = 0_u32;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Ok(stream),
            // The client went before we came.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) if failures >= MAX_ACCEPT_FAILURES => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                failures = failures.saturating_add(1);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
