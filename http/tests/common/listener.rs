//! A listener to `/events`.

use std::{
    io::{BufRead, BufReader},
    net::TcpStream,
};

use serde_json::Value;

use super::Server;

/// One connection, of which the head has been read: from then on every event is heard.
pub(crate) struct Listener {
    pub(crate) stream: BufReader<TcpStream>,
    /// The id of the last message, as a browser keeps it.
    pub(crate) last_id: String,
}

impl Listener {
    pub(crate) fn start(server: &Server) -> Self {
        Self::open(server, "")
    }

    /// Comes back as a browser does.
    pub(crate) fn resume(server: &Server, last_id: &str) -> Self {
        Self::open(server, &format!("Last-Event-ID: {last_id}\r\n"))
    }

    fn open(server: &Server, header: &str) -> Self {
        let stream =
            server.raw(&format!("GET /tiny/events HTTP/1.1\r\nHost: localhost\r\n{header}\r\n"));
        let mut listener = Self { stream: BufReader::new(stream), last_id: String::new() };
        let head: Vec<String> =
            std::iter::from_fn(|| Some(listener.line()).filter(|line| !line.is_empty())).collect();
        assert_eq!(head[0], "HTTP/1.1 200 OK");
        assert!(head.iter().any(|line| line == "content-type: text/event-stream"), "{head:?}");
        // The first block has no data: it tells the place in the log and when to come back.
        while listener.last_id.is_empty() {
            listener.note();
        }
        listener
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn note(&mut self) -> String {
        let line = self.line();
        if let Some(id) = line.strip_prefix("id: ") {
            self.last_id = id.to_owned();
        }
        line
    }

    /// The next event's name and data.
    pub(crate) fn next(&mut self) -> (String, Value) {
        let (mut name, mut data) = (None, None);
        loop {
            let line = self.note();
            if let Some(value) = line.strip_prefix("event: ") {
                name = Some(value.to_owned());
            } else if let Some(value) = line.strip_prefix("data: ") {
                data = Some(serde_json::from_str(value).unwrap());
            } else if let (true, Some(name), Some(data)) = (line.is_empty(), &name, &data) {
                return (name.clone(), Value::clone(data));
            }
        }
    }
}
