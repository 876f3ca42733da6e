//! A device's process, as the miner sees it: started, spoken to, and ended.
//!
//! Threads: one reads its replies, one its complaints. Queue: replies, `IN_FLIGHT` and the last
//! words.

use std::{
    ffi::OsString,
    io::{self, BufRead, BufReader},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{
    Device,
    wire::{Batch, IN_FLIGHT, MAX_TEXT, Reply, Request, printable},
};

/// How long a device may take to get ready: the driver compiles the kernels the first time, which
/// takes seconds; an emulator does so for minutes.
const START_PATIENCE: Duration = Duration::from_secs(600);
/// How long a batch may take. It should be a fraction of a second; under an emulator it is a
/// minute.
const BATCH_PATIENCE: Duration = Duration::from_secs(180);
/// How long a process has for ending by itself once its pipe is closed.
const END_PATIENCE: Duration = Duration::from_millis(300);
/// How often it is looked after.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// What to run for a device: its bus id is added as the last argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerProgram {
    pub program: PathBuf,
    /// Its arguments, before the bus id.
    pub arguments: Vec<OsString>,
}

/// Why a device's process is given up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    #[error("cannot start its process: {0}")]
    Start(io::Error),
    #[error("{0}")]
    Failed(String),
    #[error("its process ended: {0}")]
    Ended(String),
    #[error("pipe: {0}")]
    Pipe(#[from] io::Error),
    #[error("no answer within {} s", .0.as_secs())]
    Silent(Duration),
    #[error("its process answers something else than it was asked")]
    OutOfTurn,
}

/// A running process. Dropping it ends it.
pub(crate) struct Process {
    child: Child,
    /// `None` once it is to end.
    requests: Option<ChildStdin>,
    replies: Receiver<io::Result<Reply>>,
    /// The last line of its standard error.
    complaint: Arc<Mutex<String>>,
    /// Most attempts of a batch; `None` until it is ready.
    batch: Option<u32>,
    started: Instant,
}

impl Process {
    /// Starts the process, and does not wait for it.
    pub(crate) fn start(program: &WorkerProgram, device: &Device) -> Result<Self, ProcessError> {
        let mut child = Command::new(&program.program)
            .args(&program.arguments)
            .arg(&device.bus_id)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C on the terminal is for the miner alone: it ends its workers when it has
            // handed in what they found.
            .process_group(0)
            .spawn()
            .map_err(ProcessError::Start)?;
        let (sender, replies) = sync_channel(IN_FLIGHT + 1);
        let complaint = Arc::new(Mutex::new(String::new()));
        let (requests, output, errors) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let process = Self {
            child,
            requests,
            replies,
            complaint: complaint.clone(),
            batch: None,
            started: Instant::now(),
        };
        let thread = |name: &str| thread::Builder::new().name(name.to_owned());
        if let Some(output) = output {
            let read = move || {
                let mut output = BufReader::new(output);
                while let Some(reply) = Reply::read(&mut output).transpose() {
                    let is_last = reply.is_err();
                    if sender.send(reply).is_err() || is_last {
                        break;
                    }
                }
            };
            thread("lode-cuda-replies").spawn(read).map_err(ProcessError::Start)?;
        }
        if let Some(errors) = errors {
            thread("lode-cuda-errors")
                .spawn(move || keep_last_line(errors, &complaint))
                .map_err(ProcessError::Start)?;
        }
        Ok(process)
    }

    /// Waits until it is ready, or `is_cancelled`: then `None`, and it goes on getting ready.
    pub(crate) fn wait_until_ready(
        &mut self,
        is_cancelled: impl Fn() -> bool,
    ) -> Result<Option<u32>, ProcessError> {
        while self.batch.is_none() {
            match self.replies.recv_timeout(LOOK_INTERVAL) {
                Ok(Ok(Reply::Ready { batch })) if batch > 0 => self.batch = Some(batch),
                Ok(reply) => return Err(self.unexpected(reply)),
                Err(RecvTimeoutError::Disconnected) => return Err(self.ended()),
                Err(RecvTimeoutError::Timeout) if self.started.elapsed() > START_PATIENCE => {
                    return Err(ProcessError::Silent(START_PATIENCE));
                }
                Err(RecvTimeoutError::Timeout) if is_cancelled() => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        Ok(self.batch)
    }

    /// Sends a request. At most `IN_FLIGHT` may wait for their batch.
    pub(crate) fn request(&mut self, request: &Request) -> Result<(), ProcessError> {
        let Some(pipe) = &mut self.requests else { return Err(self.ended()) };
        match request.write(pipe) {
            // It has gone: its last words say why.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => loop {
                match self.replies.recv_timeout(END_PATIENCE) {
                    Ok(Ok(Reply::Batch(_))) => {}
                    Ok(reply) => break Err(self.unexpected(reply)),
                    Err(_) => break Err(self.ended()),
                }
            },
            outcome => Ok(outcome?),
        }
    }

    /// Waits for the next batch.
    pub(crate) fn batch(&mut self) -> Result<Batch, ProcessError> {
        match self.replies.recv_timeout(BATCH_PATIENCE) {
            Ok(Ok(Reply::Batch(batch))) => Ok(batch),
            Ok(reply) => Err(self.unexpected(reply)),
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
            Err(RecvTimeoutError::Timeout) => Err(ProcessError::Silent(BATCH_PATIENCE)),
        }
    }

    fn unexpected(&mut self, reply: io::Result<Reply>) -> ProcessError {
        match reply {
            Ok(Reply::Failed(text)) => ProcessError::Failed(text),
            Ok(_) => ProcessError::OutOfTurn,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.ended(),
            Err(error) => error.into(),
        }
    }

    /// The pipe is closed: how did it end?
    fn ended(&mut self) -> ProcessError {
        let status = match self.wait_briefly() {
            Some(status) => status.to_string(),
            None => "it closed its pipe".to_owned(),
        };
        let complaint = self.complaint.lock();
        ProcessError::Ended(if complaint.is_empty() {
            status
        } else {
            format!("{status}; it said: {complaint}")
        })
    }

    fn wait_briefly(&mut self) -> Option<std::process::ExitStatus> {
        let deadline = Instant::now() + END_PATIENCE;
        loop {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < deadline => thread::sleep(LOOK_INTERVAL),
                Ok(status) => return status,
                Err(_) => return None,
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.requests = None;
        if self.wait_briefly().is_none() {
            // Both fail only if it has ended in between.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Keeps the last line that is not empty, cut to [`MAX_TEXT`].
fn keep_last_line(errors: impl io::Read, complaint: &Mutex<String>) {
    let mut errors = BufReader::new(errors);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line without end is taken in pieces.
        match io::Read::take(&mut errors, MAX_TEXT as u64).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = printable(&line);
        if !text.is_empty() {
            *complaint.lock() = text;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_process_that_does_not_end_by_itself_is_killed() {
        let program = WorkerProgram {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), "exec sleep 600".into()],
        };
        let device = Device {
            index: 0,
            name: "card".to_owned(),
            bus_id: "0000:01:00.0".to_owned(),
            memory_bytes: 1 << 30,
            compute_capability: "8.6".to_owned(),
            multiprocessors: 1,
            clock_max_mhz: 1000,
            is_supported: true,
        };
        let process = Process::start(&program, &device).unwrap();
        let id = format!("/proc/{}", process.child.id());
        assert!(Path::new(&id).exists());
        drop(process);
        assert!(!Path::new(&id).exists());
    }
}
