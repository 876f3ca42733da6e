//! The API on a node that does what a test tells it, and clients of it.
#![allow(dead_code, unused_imports, reason = "each test binary uses a part")]

mod listener;
mod server;

pub(crate) use listener::Listener;
pub(crate) use server::{Answer, Server};
