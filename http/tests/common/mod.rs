//! A small chain with real proofs, a node that does what a test tells it, and a client.
#![allow(dead_code, unused_imports, reason = "each test binary uses a part")]

mod chain;
mod listener;
mod node;
mod server;

pub(crate) use chain::{Actor, Chain, actors, network, network_file};
pub(crate) use listener::Listener;
pub(crate) use node::{RUN, TestNode};
pub(crate) use server::{Answer, Server};
