//! A node that says what a test wants: HTTP/1.1 over a standard listener, one request a connection.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

/// What the node does with a request.
pub(crate) enum Answer {
    /// A status and a JSON body.
    Json(u16, String),
    Redirect(String),
    /// Closes the connection without a word.
    Nothing,
    /// Sends a body without an end, until the client goes.
    Endless,
}

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: String,
}

/// Serves on a port of its own until dropped.
pub(crate) struct MockNode {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl MockNode {
    pub(crate) fn start(answer: impl Fn(&Request) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stopping = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (requests, stopping) = (requests.clone(), stopping.clone());
            move || {
                for stream in listener.incoming() {
                    if stopping.load(Ordering::SeqCst) {
                        break;
                    }
                    let stream = stream.unwrap();
                    if let Some(request) = read(&stream) {
                        requests.lock().unwrap().push(request.clone());
                        // A client that goes early is its own affair.
                        let _ = write(stream, answer(&request));
                    }
                }
            }
        });
        Self { url, requests, stopping, thread: Some(thread) }
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for MockNode {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        match header.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().ok()?
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, body: String::from_utf8(body).ok()? })
}

fn write(mut stream: TcpStream, answer: Answer) -> std::io::Result<()> {
    let head = "Content-Type: application/json\r\nConnection: close\r\n";
    match answer {
        Answer::Json(status, body) => {
            write!(
                stream,
                "HTTP/1.1 {status} x\r\n{head}Content-Length: {}\r\n\r\n{body}",
                body.len()
            )?;
        }
        Answer::Redirect(to) => {
            write!(stream, "HTTP/1.1 302 x\r\n{head}Location: {to}\r\nContent-Length: 0\r\n\r\n")?;
        }
        Answer::Nothing => {}
        Answer::Endless => {
            write!(stream, "HTTP/1.1 200 x\r\n{head}\r\n\"")?;
            let chunk = [b'x'; 1 << 16];
            while stream.write_all(&chunk).is_ok() {}
        }
    }
    stream.shutdown(Shutdown::Write)
}
