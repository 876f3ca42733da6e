//! A blocking client of a node's HTTP API.
//!
//! Threads and queues: none; every call waits on its caller's thread, at most its time limit.
//!
//! What must not be broken: nothing that a node answers can make the program take more than
//! [`Limits::max_answer_bytes`], follow it elsewhere, or print what moves the cursor.

mod error;
mod names;
mod routes;

use std::{sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use ureq::{Agent, Body, http::Response};

pub use self::{
    error::ClientError,
    names::{NetworkName, NetworkNameError, NodeUrl, NodeUrlError},
};
use crate::{
    ApiError,
    status::Root,
    text::{misread, one_line, quoted},
};

/// Where a node listens unless told otherwise.
pub const DEFAULT_NODE: &str = "http://127.0.0.1:3030";
/// The network unless told otherwise.
pub const DEFAULT_NETWORK: &str = "devnet";
/// How long a connection, or the look-up of a name, may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What a client puts up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How it calls itself.
    pub user_agent: &'static str,
    /// Largest answer that is read.
    pub max_answer_bytes: u64,
    /// How long an answer may take, beyond the time for which it may be held back.
    pub call_timeout: Duration,
}

impl Limits {
    /// For commands at a terminal: a full block takes some 6 MiB as JSON, a full mempool more.
    pub const COMMAND: Self = Self {
        user_agent: concat!("lode/", env!("CARGO_PKG_VERSION")),
        max_answer_bytes: 64 << 20,
        call_timeout: Duration::from_secs(30),
    };
    /// For a rig, which needs work and nothing else: a job takes 2 KiB.
    pub const MINER: Self = Self {
        user_agent: concat!("lode-miner/", env!("CARGO_PKG_VERSION")),
        max_answer_bytes: 64 << 10,
        call_timeout: Duration::from_secs(10),
    };
}

/// One node. Clones share their connections.
#[derive(Clone, Debug)]
pub struct NodeClient {
    agent: Agent,
    node: Arc<NodeUrl>,
    limits: Limits,
}

impl NodeClient {
    /// A client; nothing is sent yet.
    pub fn new(node: NodeUrl, limits: Limits) -> Self {
        let mut config = Agent::config_builder()
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_resolve(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(limits.call_timeout))
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(limits.user_agent);
        if node.is_local() {
            // Whatever proxy the environment names cannot mean this machine.
            config = config.proxy(None);
        }
        Self { agent: config.build().into(), node: Arc::new(node), limits }
    }

    pub fn url(&self) -> &NodeUrl {
        &self.node
    }

    /// The API of one network at this node.
    pub fn network(&self, network: NetworkName) -> Client {
        Client { node: self.clone(), network }
    }

    /// The networks that the node serves.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Unexpected`] for a name that no network can have.
    pub fn networks(&self) -> Result<Vec<NetworkName>, ClientError> {
        let root: Root = self.get("/")?;
        let name = |name: &String| {
            name.parse().map_err(|_| {
                self.unexpected("/", &format!("{} is no network's name", quoted(name)))
            })
        };
        root.networks.iter().map(name).collect()
    }

    /// Ends calls under way in other threads, and fails all later ones, of all clones.
    pub fn shut_down(&self) {
        self.agent.clone().shutdown();
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.get_held(path, Duration::ZERO)
    }

    /// As [`Self::get`], of an answer that the node may hold back for so long.
    fn get_held<T: DeserializeOwned>(&self, path: &str, held: Duration) -> Result<T, ClientError> {
        let request = self.agent.get(format!("{}{path}", self.node)).config();
        let request =
            request.timeout_global(Some(self.limits.call_timeout.saturating_add(held))).build();
        self.read(path, request.call())
    }

    fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.read(path, self.agent.post(format!("{}{path}", self.node)).send_json(body))
    }

    fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        response: Result<Response<Body>, ureq::Error>,
    ) -> Result<T, ClientError> {
        let mut response = response.map_err(|error| self.failure(path, error))?;
        let status = response.status();
        let body =
            response.body_mut().with_config().limit(self.limits.max_answer_bytes).read_to_vec();
        let body = body.map_err(|error| self.failure(path, error))?;
        if status.is_success() {
            let mut json = serde_json::Deserializer::from_slice(&body);
            let answer = serde_path_to_error::deserialize(&mut json);
            let answer = answer.map_err(|error| self.unexpected(path, &misread(&error)))?;
            return json
                .end()
                .map(|()| answer)
                .map_err(|error| self.unexpected(path, &error.to_string()));
        }
        let status = status.as_u16();
        match serde_json::from_slice::<ApiError>(&body) {
            Ok(refusal) if status >= 400 => {
                Err(ClientError::Refused { status, reason: one_line(&refusal.error) })
            }
            // A proxy between us and the node, for example.
            _ => {
                Err(ClientError::Status { node: self.node.clone(), path: path.to_owned(), status })
            }
        }
    }

    fn failure(&self, path: &str, error: ureq::Error) -> ClientError {
        let node = self.node.clone();
        match error {
            ureq::Error::Timeout(phase) => ClientError::Timeout { node, phase: phase.to_string() },
            ureq::Error::BodyExceedsLimit(limit) => {
                self.unexpected(path, &format!("more than {limit} bytes"))
            }
            ureq::Error::Io(error) => {
                ClientError::Unreachable { node, reason: one_line(&error.to_string()) }
            }
            ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::BodyStalled
            | ureq::Error::Protocol(_) => {
                ClientError::Unreachable { node, reason: one_line(&error.to_string()) }
            }
            other => self.unexpected(path, &other.to_string()),
        }
    }

    fn unexpected(&self, path: &str, reason: &str) -> ClientError {
        ClientError::Unexpected {
            node: self.node.clone(),
            path: path.to_owned(),
            reason: one_line(reason),
        }
    }
}

/// The API of one network at one node. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    node: NodeClient,
    network: NetworkName,
}

impl Client {
    /// The network that is asked about.
    pub fn network(&self) -> &NetworkName {
        &self.network
    }

    /// The node that is asked.
    pub fn node(&self) -> &NodeClient {
        &self.node
    }

    /// `GET /{network}/{path}`: an answer as any type, such as [`serde_json::Value`] for all that
    /// the node says.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the node's reason, or why there is no usable answer.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.node.get(&self.path(path))
    }

    fn path(&self, path: &str) -> String {
        format!("/{}/{path}", self.network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_node_is_given_up() {
        // The system accepts the connection; no answer ever comes.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let node = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let limits = Limits { call_timeout: Duration::from_millis(100), ..Limits::COMMAND };
        let client = NodeClient::new(node, limits).network("devnet".parse().unwrap());
        let error = client.status().unwrap_err();
        assert!(matches!(error, ClientError::Timeout { .. }), "{error}");
        assert!(error.is_passing());
    }
}
