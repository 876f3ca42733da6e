//! What a user names: a node's URL and a network.

use std::{fmt, net::IpAddr, str::FromStr};

use lode_consensus::params::{MAX_NAME_BYTES, is_network_name};
use ureq::http::Uri;

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

/// A network's name, the first segment of every route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkName(String);

/// A text that no network can have as its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a network's name: a letter, then a–z, 0–9 and '-', at most {MAX_NAME_BYTES} \
     characters"
)]
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
    fn a_network_name_is_one_path_segment() {
        assert!("devnet".parse::<NetworkName>().is_ok());
        assert!("my-net-2".parse::<NetworkName>().is_ok());
        for bad in [
            "",
            "Devnet",
            "2net",
            "-net",
            "a/b",
            "a b",
            "..",
            "dév",
            &"n".repeat(MAX_NAME_BYTES + 1),
        ] {
            assert_eq!(bad.parse::<NetworkName>(), Err(NetworkNameError), "{bad:?}");
        }
    }
}
