//! Values that an operator writes as text.

use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use lode_consensus::{Hash, Height};
use lode_network::{Multiaddr, address};
use tracing_subscriber::EnvFilter;

/// A folder. The shell's `~` is a name like any other in a file, and never meant as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder(PathBuf);

impl Folder {
    /// As a path.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl FromStr for Folder {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text == "~" || text.starts_with("~/") {
            return Err("expected a folder's path, without ~");
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

/// A name or an IP address as a Host header has it, in lower case and without a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host(String);

impl Host {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Host {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return Ok(Self(ip.to_string()));
        }
        let is_label = |label: &str| {
            let is_allowed =
                |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            (1..=63).contains(&label.len()) && label.bytes().all(is_allowed)
        };
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.len() > 253 || !name.split('.').all(is_label) {
            return Err("expected a host's name or IP address, without a port");
        }
        Ok(Self(name.to_ascii_lowercase()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a peer is: `HOST:PORT` or a multiaddress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAddress(pub Multiaddr);

impl FromStr for PeerAddress {
    type Err = address::AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        address::parse(text).map(Self)
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where to listen for peers: an address with an IP address in it. Names are for dialling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress(pub Multiaddr);

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = address::parse(text).map_err(|error| error.to_string())?;
        match address::ip_of(&parsed) {
            Some(_) => Ok(Self(parsed)),
            None => Err(format!("{text:?} has no IP address to listen on")),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A block by its height and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockId(pub Height, pub Hash);

impl FromStr for BlockId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (height, hash) = text.split_once(':').ok_or("expected HEIGHT:HASH")?;
        let height = height.parse().map_err(|error| format!("height: {error}"))?;
        Ok(Self(height, hash.parse().map_err(|error| format!("hash: {error}"))?))
    }
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0, self.1)
    }
}

/// What is logged: directives of `tracing`, but for the bare `TARGET`.
///
/// To `tracing` a bare word that is no level is a target, of which everything is logged, and of
/// everything else nothing: a misspelt `inof` would silence the node. Here a target comes with its
/// level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// A filter of the program's own.
    pub(super) fn constant(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// For the subscriber.
    pub fn filter(&self) -> EnvFilter {
        // It was read when the value was made.
        EnvFilter::new(&self.0)
    }
}

impl FromStr for LogFilter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = "expected LEVEL or TARGET=LEVEL, with commas between";
        let is_level = |word: &str| {
            let levels = ["off", "error", "warn", "info", "debug", "trace"];
            levels.iter().any(|level| level.eq_ignore_ascii_case(word))
        };
        let is_directive = |part: &str| match part.rsplit_once('=') {
            Some((target, level)) => !target.is_empty() && is_level(level),
            None => is_level(part),
        };
        let parts = || text.split(',').map(str::trim);
        // Conditions on spans, in brackets, are for `tracing` to judge.
        let is_plain = |part: &&str| !part.contains(['[', ']', '{', '}']);
        // `tracing` takes no spaces.
        let filter = parts().collect::<Vec<_>>().join(",");
        if !parts().filter(is_plain).all(is_directive)
            || EnvFilter::builder().parse(&filter).is_err()
        {
            return Err(refused);
        }
        Ok(Self(filter))
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_filter_reads_like_any_other() {
        let filter = super::super::LogSection::default().filter;
        assert_eq!(filter.to_string().parse(), Ok(filter));
    }

    #[test]
    fn a_filter_that_would_silence_the_node_is_refused() {
        for text in [
            "info",
            "WARN",
            "off",
            "lode_core=debug",
            "info,libp2p_kad=error",
            "info, lode_core::sync=trace",
        ] {
            assert!(text.parse::<LogFilter>().is_ok(), "{text}");
        }
        for text in ["[sync{height=3}]=trace", "info,lode_core[sync]=debug"] {
            assert!(text.parse::<LogFilter>().is_ok(), "{text}");
        }
        for text in [
            "",
            ",",
            "inof",
            "inof,,=",
            "info,",
            "lode_core",
            "lode_core=",
            "=info",
            "lode_core=inof",
            "[",
            "6",
        ] {
            assert!(text.parse::<LogFilter>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_is_what_a_browser_sends_without_the_port() {
        for (text, expected) in [
            ("Node.Example.org", "node.example.org"),
            ("node.example.org.", "node.example.org"),
            ("box", "box"),
            ("192.0.2.7", "192.0.2.7"),
            ("[2001:DB8::1]", "2001:db8::1"),
        ] {
            assert_eq!(text.parse(), Ok(Host(expected.to_owned())));
        }
        for text in [
            "",
            ".",
            "a..b",
            "node:3030",
            "http://node",
            "a b",
            "*",
            "192.0.2.7:80",
            &"a".repeat(64),
        ] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_shells_home_is_no_folder() {
        assert!("~/lode".parse::<Folder>().is_err() && "".parse::<Folder>().is_err());
        assert!("lode~".parse::<Folder>().is_ok());
    }
}
