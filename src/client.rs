//! A blocking client of a node's HTTP API.
//!
//! Threads and queues: none; every call waits, at most [`CALL_TIMEOUT`].
//!
//! What must not be broken: nothing that a node answers can make the program take more than [`MAX_RESPONSE_BYTES`],
//! follow it elsewhere, or print what moves the cursor.

use std::{fmt, str::FromStr, time::Duration};

use lode_consensus::params::{MAX_NAME_BYTES, is_network_name};
pub use lode_miner::{NodeUrl, NodeUrlError};
use serde::de::DeserializeOwned;
use ureq::{Agent, Body, http::Response};

use crate::text::one_line;

/// Where a node listens unless told otherwise.
pub const DEFAULT_NODE: &str = "http://127.0.0.1:3030";
/// The network unless told otherwise.
pub const DEFAULT_NETWORK: &str = "devnet";
/// Largest answer that is read. A full block takes some 6 MiB as JSON, a full mempool more.
pub const MAX_RESPONSE_BYTES: u64 = 64 << 20;
/// How long a node may take for the whole of an answer.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection may take to open.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a node gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is nothing at the address, or it broke off.
    #[error("cannot reach the node at {node}: {reason} (is it running? `lode devnet` starts one)")]
    Unreachable {
        /// The node's URL.
        node: NodeUrl,
        /// What the connection says.
        reason: String,
    },
    /// It took longer than [`CALL_TIMEOUT`] or [`CONNECT_TIMEOUT`].
    #[error("the node at {node} did not answer in time ({phase})")]
    Timeout {
        /// The node's URL.
        node: NodeUrl,
        /// What took so long.
        phase: String,
    },
    /// The node says no: its own words.
    #[error("the node answers {status}: {reason}")]
    Refused {
        /// The HTTP status, 4xx or 5xx.
        status: u16,
        /// The `error` of the answer's body.
        reason: String,
    },
    /// The answer is not what the API promises.
    #[error("{path} at {node} is not a Lode node's answer: {reason}")]
    Unexpected {
        /// The node's URL.
        node: NodeUrl,
        /// The path that was asked for.
        path: String,
        /// What is wrong with the answer.
        reason: String,
    },
}

/// A network's name, the first segment of every route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkName(String);

/// A text that no network can have as its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a network's name: a letter, then a–z, 0–9 and '-', at most {MAX_NAME_BYTES} characters")]
pub struct NetworkNameError;

impl FromStr for NetworkName {
    type Err = NetworkNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_network_name(text) { Ok(Self(text.to_owned())) } else { Err(NetworkNameError) }
    }
}

impl NetworkName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NetworkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The API of one network at one node.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    node: NodeUrl,
    network: NetworkName,
}

impl Client {
    /// A client; nothing is sent yet.
    pub fn new(node: NodeUrl, network: NetworkName) -> Self {
        Self::with_timeout(node, network, CALL_TIMEOUT)
    }

    fn with_timeout(node: NodeUrl, network: NetworkName, call: Duration) -> Self {
        let mut config = Agent::config_builder()
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(call))
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(concat!("lode/", env!("CARGO_PKG_VERSION")));
        if node.is_local() {
            // Whatever proxy the environment names cannot mean this machine.
            config = config.proxy(None);
        }
        Self { agent: config.build().into(), node, network }
    }

    /// The network that is asked about.
    pub fn network(&self) -> &NetworkName {
        &self.network
    }

    /// `GET /{network}/{path}`.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the node's reason, or why there is no usable answer.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let response = self.agent.get(self.url(path)).call();
        self.read(path, response)
    }

    /// `POST /{network}/{path}` with a JSON body.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl serde::Serialize) -> Result<T, ClientError> {
        let response = self.agent.post(self.url(path)).send_json(body);
        self.read(path, response)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{}/{path}", self.node, self.network)
    }

    fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        response: Result<Response<Body>, ureq::Error>,
    ) -> Result<T, ClientError> {
        let mut response = response.map_err(|error| self.failure(path, error))?;
        let status = response.status();
        let body = response.body_mut().with_config().limit(MAX_RESPONSE_BYTES).read_to_vec();
        let body = body.map_err(|error| self.failure(path, error))?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| self.unexpected(path, &error.to_string()));
        }
        #[derive(serde::Deserialize)]
        struct Refusal {
            error: String,
        }
        match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) if status.is_client_error() || status.is_server_error() => {
                Err(ClientError::Refused { status: status.as_u16(), reason: one_line(&refusal.error) })
            }
            _ => Err(self.unexpected(path, &format!("HTTP status {}", status.as_u16()))),
        }
    }

    fn failure(&self, path: &str, error: ureq::Error) -> ClientError {
        let node = self.node.clone();
        match error {
            ureq::Error::Timeout(phase) => ClientError::Timeout { node, phase: phase.to_string() },
            ureq::Error::BodyExceedsLimit(limit) => self.unexpected(path, &format!("more than {limit} bytes")),
            ureq::Error::Io(error) => ClientError::Unreachable { node, reason: error.to_string() },
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::BodyStalled => {
                ClientError::Unreachable { node, reason: error.to_string() }
            }
            other => self.unexpected(path, &other.to_string()),
        }
    }

    fn unexpected(&self, path: &str, reason: &str) -> ClientError {
        let path = format!("/{}/{path}", self.network);
        ClientError::Unexpected { node: self.node.clone(), path, reason: one_line(reason) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_node_is_given_up() {
        // The system takes the connection; nobody ever answers.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let node = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let client = Client::with_timeout(node, NetworkName("devnet".to_owned()), Duration::from_millis(100));
        let error = client.get::<serde_json::Value>("status").unwrap_err();
        assert!(matches!(error, ClientError::Timeout { .. }), "{error}");
    }

    #[test]
    fn a_network_name_is_one_path_segment() {
        assert!("devnet".parse::<NetworkName>().is_ok());
        assert!("my-net-2".parse::<NetworkName>().is_ok());
        for bad in ["", "Devnet", "2net", "-net", "a/b", "a b", "..", "dév", &"n".repeat(MAX_NAME_BYTES + 1)] {
            assert_eq!(bad.parse::<NetworkName>(), Err(NetworkNameError), "{bad:?}");
        }
    }
}
