//! Network namespaces: nodes on one machine with an address each, whose cables can be pulled.
//!
//! All namespaces of a [`World`] hang on one bridge in a namespace of its own, the hub, so that
//! their addresses can clash with nothing on the machine. A test runs inside the hub
//! ([`World::run`]); what it starts elsewhere goes through `ip netns exec`, or a thread that has
//! entered the namespace ([`enter`]). It takes root, and `ip` of iproute2.
//!
//! What must not be broken: whatever ends a test, its namespaces are gone afterwards.

use std::{
    fs::File,
    io,
    net::Ipv4Addr,
    os::fd::AsRawFd,
    panic,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

/// The hub's own address.
const HUB: Ipv4Addr = Ipv4Addr::new(100, 127, 255, 254);
/// All addresses are of 100.64.0.0/10, which holds 64 subnets of 16 bits.
const PREFIX_BITS: u8 = 10;

/// A bridge, and the namespaces on it.
#[derive(Debug)]
pub struct World {
    hub: String,
    hosts: Vec<String>,
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output =
        Command::new("ip").args(arguments).output().map_err(|error| format!("ip: {error}"))?;
    let reason = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("ip {}: {}", arguments.join(" "), reason.trim()))
    }
}

impl World {
    /// An empty one.
    ///
    /// # Errors
    /// Why there can be none here: no root, or no `ip`.
    pub fn new() -> Result<Self, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let hub = format!("lode-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        ip(&["netns", "add", &hub])?;
        let world = Self { hub, hosts: Vec::new() };
        let address = format!("{HUB}/{PREFIX_BITS}");
        ip(&["-n", &world.hub, "link", "set", "lo", "up"])?;
        ip(&["-n", &world.hub, "link", "add", "br0", "type", "bridge"])?;
        ip(&["-n", &world.hub, "address", "add", &address, "dev", "br0"])?;
        ip(&["-n", &world.hub, "link", "set", "br0", "up"])?;
        Ok(world)
    }

    /// A namespace with an address, of 100.64.0.0/10. Gives its name.
    ///
    /// # Panics
    /// If `ip` fails: where there is a hub, there can be hosts.
    pub fn host(&mut self, address: Ipv4Addr) -> String {
        let name = format!("{}-{}", self.hub, self.hosts.len());
        self.hosts.push(name.clone());
        let cable = format!("v{}", self.hosts.len());
        let address = format!("{address}/{PREFIX_BITS}");
        for arguments in [
            &["netns", "add", &name][..],
            &["-n", &name, "link", "set", "lo", "up"],
            &[
                "-n", &self.hub, "link", "add", &cable, "type", "veth", "peer", "name", "eth0",
                "netns", &name,
            ],
            &["-n", &name, "address", "add", &address, "dev", "eth0"],
            &["-n", &name, "link", "set", "eth0", "up"],
            &["-n", &self.hub, "link", "set", &cable, "master", "br0", "up"],
        ] {
            ip(arguments).unwrap_or_else(|error| panic!("{error}"));
        }
        name
    }

    /// Pulls a host's cable, or puts it back.
    pub fn plug(&self, host: &str, is_in: bool) {
        let index = self.hosts.iter().position(|name| name == host).expect("a host of this world");
        let state = if is_in { "up" } else { "down" };
        let pulled = ip(&["-n", &self.hub, "link", "set", &format!("v{}", index + 1), state]);
        pulled.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Runs something in the hub, from where all hosts are reached.
    pub fn run<T: Send>(&self, what: impl FnOnce() -> T + Send) -> T {
        let done = thread::scope(|scope| {
            let inside = scope.spawn(|| {
                enter(&self.hub).unwrap_or_else(|error| panic!("{}: {error}", self.hub));
                what()
            });
            inside.join()
        });
        done.unwrap_or_else(|panicked| panic::resume_unwind(panicked))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for name in self.hosts.iter().chain([&self.hub]) {
            // A cable goes with the namespace at either end.
            if let Err(error) = ip(&["netns", "delete", name]) {
                eprintln!("{error}");
            }
        }
    }
}

/// Moves the calling thread, and the threads that it starts from now on, to a namespace.
///
/// # Errors
/// The system's.
pub fn enter(namespace: &str) -> io::Result<()> {
    let file = File::open(format!("/run/netns/{namespace}"))?;
    #[expect(unsafe_code, reason = "libc's setns is the only way into a namespace")]
    // SAFETY: setns takes two integers and touches no memory of ours; the file is open until it
    // returns.
    let entered = unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) };
    if entered == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
