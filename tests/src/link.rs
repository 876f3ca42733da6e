//! A connection between two nodes that the test can cut: a relay of TCP, in this process.
//!
//! Threads: one listens, and two copy for each connection, one each way; they end with their
//! connections. A cut closes all connections at once, and refuses new ones until it is mended.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Instant,
};

use parking_lot::{Mutex, MutexGuard};

/// The relay. A connection to [`Link::address`] reaches the target while the link is whole.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    is_whole: bool,
    open: Vec<TcpStream>,
    /// When the first connection since the last cut came through.
    first: Option<Instant>,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock()
}

impl Link {
    /// A link to an address, cut or whole.
    pub fn new(target: SocketAddr, is_whole: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let shared = Arc::new(Mutex::new(Shared { is_whole, open: Vec::new(), first: None }));
        let relayed = shared.clone();
        // It ends with the test's process.
        thread::spawn(move || {
            for incoming in listener.incoming().flatten() {
                // What cannot be relayed is closed, and the node sees a peer that is not there.
                let _ = relay(incoming, target, &relayed);
            }
        });
        Self { address, shared }
    }

    /// Where it listens, as `--seed-peer` takes it.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Closes every connection, and lets no new one through.
    pub fn cut(&self) {
        let mut shared = lock(&self.shared);
        (shared.is_whole, shared.first) = (false, None);
        for stream in shared.open.drain(..) {
            // It may have closed by itself.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// When the first connection since the last cut came through.
    pub fn first_connection(&self) -> Option<Instant> {
        lock(&self.shared).first
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        lock(&self.shared).is_whole = true;
    }
}

fn relay(incoming: TcpStream, target: SocketAddr, shared: &Arc<Mutex<Shared>>) -> io::Result<()> {
    let mut shared = lock(shared);
    if !shared.is_whole {
        return Ok(());
    }
    let outgoing = TcpStream::connect(target)?;
    shared.first.get_or_insert_with(Instant::now);
    for (from, to) in [(&incoming, &outgoing), (&outgoing, &incoming)] {
        from.set_nodelay(true)?;
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        shared.open.push(from.try_clone()?);
        thread::spawn(move || {
            // Both ways end together.
            let _ = io::copy(&mut from, &mut to);
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}
