//! A blocking client of the three routes that a miner needs: which networks there are, work, and submission.
//!
//! Threads and queues: none; every call waits, at most its time limit.
//!
//! What must not be broken: nothing that a node answers can make the miner take more than [`MAX_RESPONSE_BYTES`], follow it
//! elsewhere, or print what moves the cursor.

use std::{fmt, net::IpAddr, str::FromStr, time::Duration};

use lode_consensus::{Address, Hash, params::is_network_name};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use ureq::{
    Agent, Body, RequestBuilder,
    http::{Response, Uri},
    typestate::WithoutBody,
};

use crate::work::JobMessage;

/// Largest answer that is read. A job takes 2 KiB.
pub(crate) const MAX_RESPONSE_BYTES: u64 = 64 << 10;
/// How long a connection may take to open.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the node may hold back its answer while there is no new work. It allows 30 s.
pub(crate) const JOB_WAIT: Duration = Duration::from_secs(20);
/// How long an answer may take, beyond the time that it may be held back for.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest line of a node's that is printed, in characters.
const MAX_LINE_CHARS: usize = 300;

/// Text from elsewhere as one bounded line, without anything that moves the cursor.
pub(crate) fn one_line(text: &str) -> String {
    // Besides control characters: those that change the direction of writing, or break lines.
    let is_unsafe = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut line: String =
        text.trim().chars().take(MAX_LINE_CHARS).map(|c| if is_unsafe(c) { ' ' } else { c }).collect();
    if text.trim().chars().nth(MAX_LINE_CHARS).is_some() {
        line.push('…');
    }
    line
}

/// A node's URL: `http` or `https`, a host, perhaps a port and a path; no trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeUrl(String);

/// A text that is no node's URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a URL like http://127.0.0.1:3030, without user, query or fragment")]
pub struct NodeUrlError;

impl FromStr for NodeUrl {
    type Err = NodeUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse().map_err(|_| NodeUrlError)?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        // A password here would be printed with every error.
        let is_plain = uri.query().is_none() && !text.contains(['#', '@']);
        let has_host = uri.host().is_some_and(|host| !host.is_empty());
        if is_http && is_plain && has_host {
            Ok(Self(text.trim_end_matches('/').to_owned()))
        } else {
            Err(NodeUrlError)
        }
    }
}

impl fmt::Display for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl NodeUrl {
    /// Whether the host is this machine, by its usual names.
    pub fn is_local(&self) -> bool {
        let Ok(uri) = self.0.parse::<Uri>() else { return false };
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// Why a node gave no usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClientError {
    /// There is nothing at the address, or it broke off, or took too long.
    #[error("cannot reach the node: {0}")]
    Unreachable(String),
    /// The node says no: its own words.
    #[error("the node answers {status}: {reason}")]
    Refused {
        /// The HTTP status, 4xx or 5xx.
        status: u16,
        /// The `error` of the answer's body.
        reason: String,
    },
    /// The answer is not what the API promises.
    #[error("not a Lode node's answer: {0}")]
    Unexpected(String),
}

impl ClientError {
    /// Whether the same request may succeed later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused { status, .. } => *status >= 500 || *status == 429,
            Self::Unexpected(_) => false,
        }
    }
}

/// The body of `POST /{network}/mining/submit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Submission {
    pub(crate) anchor_hash: String,
    pub(crate) content_hash: String,
    pub(crate) prover: String,
    /// Decimal: JSON's numbers do not hold 64 bits exactly.
    pub(crate) nonce: String,
    pub(crate) commitment: String,
    pub(crate) opening: String,
}

/// The answer to a submission.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Verdict {
    /// The block that it made.
    pub(crate) block: Option<String>,
    /// Whether it waits as a share.
    pub(crate) share: bool,
    /// Why it was not used.
    pub(crate) reason: Option<String>,
}

/// One node. Clones share their connections.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    agent: Agent,
    node: NodeUrl,
}

impl Client {
    /// A client; nothing is sent yet.
    pub(crate) fn new(node: NodeUrl) -> Self {
        let mut config = Agent::config_builder()
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_resolve(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(CALL_TIMEOUT))
            .max_redirects(0)
            .http_status_as_error(false)
            .user_agent(concat!("lode-miner/", env!("CARGO_PKG_VERSION")));
        if node.is_local() {
            // Whatever proxy the environment names cannot mean this machine.
            config = config.proxy(None);
        }
        Self { agent: config.build().into(), node }
    }

    /// Ends calls under way in other threads, and fails all later ones.
    pub(crate) fn shut_down(&self) {
        self.agent.clone().shutdown();
    }

    /// The networks that the node serves, all of them possible names.
    pub(crate) fn networks(&self) -> Result<Vec<String>, ClientError> {
        #[derive(Deserialize)]
        struct Root {
            networks: Vec<String>,
        }
        let root: Root = read(self.agent.get(format!("{}/", self.node)).call())?;
        match root.networks.iter().find(|name| !is_network_name(name)) {
            Some(name) => Err(ClientError::Unexpected(format!("{:?} is no network's name", one_line(name)))),
            None => Ok(root.networks),
        }
    }

    /// Work for `address`; with `after`, held back until there is other work than that, at most [`JOB_WAIT`].
    pub(crate) fn job(&self, network: &str, address: &Address, after: Option<Hash>) -> Result<JobMessage, ClientError> {
        let mut url = format!("{}/{network}/mining/job?address={address}", self.node);
        if let Some(after) = after {
            url.push_str(&format!("&after={after}&wait_ms={}", JOB_WAIT.as_millis()));
        }
        let request: RequestBuilder<WithoutBody> = self.agent.get(url);
        read(request.config().timeout_global(Some(JOB_WAIT + CALL_TIMEOUT)).build().call())
    }

    /// Hands an attempt in.
    pub(crate) fn submit(&self, network: &str, submission: &Submission) -> Result<Verdict, ClientError> {
        read(self.agent.post(format!("{}/{network}/mining/submit", self.node)).send_json(submission))
    }
}

fn read<T: DeserializeOwned>(response: Result<Response<Body>, ureq::Error>) -> Result<T, ClientError> {
    let mut response = response.map_err(failure)?;
    let status = response.status();
    let body = response.body_mut().with_config().limit(MAX_RESPONSE_BYTES).read_to_vec().map_err(failure)?;
    if status.is_success() {
        return serde_json::from_slice(&body).map_err(|error| ClientError::Unexpected(one_line(&error.to_string())));
    }
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    let status = status.as_u16();
    match serde_json::from_slice::<Refusal>(&body) {
        Ok(refusal) => Err(ClientError::Refused { status, reason: one_line(&refusal.error) }),
        // A proxy between us and the node, for example.
        Err(_) if status >= 400 => Err(ClientError::Refused { status, reason: "no reason given".to_owned() }),
        Err(_) => Err(ClientError::Unexpected(format!("HTTP status {status}"))),
    }
}

fn failure(error: ureq::Error) -> ClientError {
    match error {
        ureq::Error::Timeout(phase) => ClientError::Unreachable(format!("no answer in time ({phase})")),
        ureq::Error::Io(error) => ClientError::Unreachable(one_line(&error.to_string())),
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::BodyStalled
        | ureq::Error::Protocol(_) => ClientError::Unreachable(one_line(&error.to_string())),
        ureq::Error::BodyExceedsLimit(limit) => ClientError::Unexpected(format!("more than {limit} bytes")),
        other => ClientError::Unexpected(one_line(&other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_url_is_http_and_nothing_else() {
        for (text, expected) in [
            ("http://127.0.0.1:3030", "http://127.0.0.1:3030"),
            ("http://127.0.0.1:3030/", "http://127.0.0.1:3030"),
            ("https://node.example.org/lode//", "https://node.example.org/lode"),
            ("http://[::1]:3030", "http://[::1]:3030"),
        ] {
            assert_eq!(text.parse::<NodeUrl>().unwrap().to_string(), expected);
        }
        for bad in [
            "",
            "127.0.0.1:3030",
            "localhost",
            "ftp://host",
            "file:///etc/passwd",
            "http://",
            "http:///x",
            "http://user:pass@host",
            "http://host?x=1",
            "http://host/#x",
            "http://ho st",
            "http://host\n",
            "javascript:alert(1)",
        ] {
            assert_eq!(bad.parse::<NodeUrl>(), Err(NodeUrlError), "{bad:?}");
        }
    }

    #[test]
    fn only_this_machine_is_local() {
        for (url, local) in [
            ("http://127.0.0.1:3030", true),
            ("http://localhost:1", true),
            ("http://[::1]:3030", true),
            ("http://10.0.0.1", false),
            ("http://localhost.example.org", false),
        ] {
            assert_eq!(url.parse::<NodeUrl>().unwrap().is_local(), local, "{url}");
        }
    }

    #[test]
    fn lines_are_short_and_still() {
        assert_eq!(one_line(" no\nblock\u{1b}[2J \u{202e}here\n"), "no block [2J  here");
        assert_eq!(one_line(&"x".repeat(10_000)).chars().count(), MAX_LINE_CHARS + 1);
    }

    #[test]
    fn what_may_succeed_later_is_told_apart() {
        let refused = |status| ClientError::Refused { status, reason: String::new() };
        for passing in [refused(500), refused(503), refused(429), ClientError::Unreachable(String::new())] {
            assert!(passing.is_passing(), "{passing:?}");
        }
        for lasting in [refused(400), refused(404), refused(409), refused(422), ClientError::Unexpected(String::new())]
        {
            assert!(!lasting.is_passing(), "{lasting:?}");
        }
    }
}
