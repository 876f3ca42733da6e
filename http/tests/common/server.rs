//! The API on a port of its own, and a client of it.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use lode_http::AllowedHosts;
use lode_testkit::backend::TestNode;
use serde_json::Value;
use tokio::sync::oneshot;

/// Longest wait of the client.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A status and a body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) json: Value,
}

impl Answer {
    /// The answer of a request that must succeed.
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.json);
        self.json
    }

    /// The line of an error, whose body must be that line and nothing else.
    pub(crate) fn error(self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.json);
        let body = self.json.as_object().unwrap();
        assert_eq!(body.len(), 1, "{body:?}");
        let line = body["error"].as_str().unwrap();
        assert!(
            !line.is_empty() && line.len() < 2_000 && !line.chars().any(char::is_control),
            "{line:?}"
        );
        line.to_owned()
    }
}

/// Serves until dropped.
pub(crate) struct Server {
    pub(crate) node: Arc<TestNode>,
    pub(crate) address: SocketAddr,
    agent: ureq::Agent,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(node: Arc<TestNode>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let hosts = AllowedHosts::for_listener(address, &["lode.test".to_owned()]);
        let router = lode_http::router(node.clone(), hosts);
        let thread = std::thread::spawn(move || {
            let stopped = async { drop(stopped.await) };
            runtime.block_on(lode_http::serve(listener, router, stopped)).unwrap();
        });
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .proxy(None)
            .build()
            .into();
        Self { node, address, agent, stop: Some(stop), thread: Some(thread) }
    }

    /// Tells the server to stop, and waits until it has.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    /// `GET` of a path below the network.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_absolute(&format!("/tiny{path}"))
    }

    /// `GET` of a path.
    pub(crate) fn get_absolute(&self, path: &str) -> Answer {
        let response = self.agent.get(format!("http://{}{path}", self.address)).call();
        read(response.unwrap())
    }

    /// `POST` of JSON to a path below the network.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_bytes(path, "application/json", body.to_string().as_bytes())
    }

    /// `POST` of anything.
    pub(crate) fn post_bytes(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let request = self.agent.post(format!("http://{}/tiny{path}", self.address));
        read(request.content_type(content_type).send(body).unwrap())
    }

    /// An open connection on which a request has been written.
    pub(crate) fn raw(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// Writes a request whose answer ends the connection, and reads head and body.
    pub(crate) fn raw_answer(&self, request: &str) -> (String, String) {
        let mut text = String::new();
        self.raw(request).read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_ascii_lowercase(), body.to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.node.hold(false);
        self.stop();
    }
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Answer {
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string().unwrap();
    let json =
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: no JSON: {text:?}"));
    Answer { status, json }
}
