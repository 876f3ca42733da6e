//! Under which names the API answers.
//!
//! A web page can have its own name point to 127.0.0.1 and then read, as its own origin, whatever
//! this machine serves there: CORS does not stand in its way, since the browser sees one origin.
//! But the request's `Host` is still the page's name. So an API on loopback answers only under
//! names that mean this machine, and under those that its operator names.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{Request, State},
    http::header,
    middleware::Next,
    response::{IntoResponse, Response},
};
use lode_api::text::quoted;

use crate::error::Failure;

/// The names under which an API answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedHosts {
    /// Whether a name must be this machine's, or one of `names`.
    is_checked: bool,
    names: Vec<String>,
}

impl AllowedHosts {
    /// Answers under any name.
    pub fn any() -> Self {
        Self::default()
    }

    /// For an API that listens at `address`: on loopback, this machine's own names and `names`
    /// (without ports); elsewhere, any, since others reach it as they like.
    pub fn for_listener(address: SocketAddr, names: &[String]) -> Self {
        let names = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self { is_checked: address.ip().to_canonical().is_loopback(), names }
    }

    /// Whether a `Host`, with or without a port, is one to answer under.
    fn allows(&self, host: &str) -> bool {
        let name = without_port(host).trim_end_matches('.').to_ascii_lowercase();
        !self.is_checked || is_loopback(&name) || self.names.contains(&name)
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        // The colons of an IPv6 address are inside of brackets.
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    }
}

fn is_loopback(name: &str) -> bool {
    if let Some(address) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address
            .parse::<Ipv6Addr>()
            .is_ok_and(|address| address.to_canonical().is_loopback());
    }
    name == "localhost" || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// Refuses requests under foreign names. One without a name, as HTTP/1.0 allows, comes from no
/// browser.
pub(crate) async fn check_host(
    State(hosts): State<Arc<AllowedHosts>>,
    request: Request,
    next: Next,
) -> Response {
    let in_target = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let in_headers = request.headers().get_all(header::HOST).into_iter();
    let in_headers = in_headers.map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
    match in_headers.chain(in_target).find(|host| !hosts.allows(host)) {
        Some(foreign) => Failure::ForeignHost { got: quoted(&foreign) }.into_response(),
        None => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_loopback_only_this_machines_names_are_answered() {
        let names = ["Node.Example.Org".to_owned()];
        for listener in ["127.0.0.1:3030", "127.9.9.9:1", "[::1]:3030", "[::ffff:127.0.0.1]:3030"] {
            let hosts = AllowedHosts::for_listener(listener.parse().unwrap(), &names);
            for own in [
                "localhost",
                "localhost:3030",
                "LOCALHOST:1",
                "localhost.",
                "127.0.0.1",
                "127.0.0.1:3030",
                "127.255.0.3:80",
                "[::1]",
                "[::1]:3030",
                "[::ffff:127.0.0.1]:3030",
                "node.example.org",
                "NODE.example.org:8080",
            ] {
                assert!(hosts.allows(own), "{own}");
            }
            for foreign in [
                "",
                ":3030",
                "rebind.attacker.example",
                "rebind.attacker.example:3030",
                "localhost.attacker.example",
                "127.0.0.1.attacker.example:3030",
                "127.0.0.1@attacker.example",
                "attacker.example@127.0.0.1:1",
                "10.0.0.1",
                "0.0.0.0:3030",
                "[::]:3030",
                "[::2]:3030",
                "::1",
                "[::1].attacker.example",
                "127.1",
                "2130706433",
                "x.node.example.org",
                "localhost, attacker.example",
            ] {
                assert!(!hosts.allows(foreign), "{foreign}");
            }
        }
    }

    #[test]
    fn elsewhere_any_name_is_answered() {
        for listener in ["0.0.0.0:3030", "[::]:3030", "192.0.2.1:3030"] {
            assert!(
                AllowedHosts::for_listener(listener.parse().unwrap(), &[])
                    .allows("lode.example.org")
            );
        }
        assert!(AllowedHosts::any().allows("lode.example.org:1"));
    }
}
