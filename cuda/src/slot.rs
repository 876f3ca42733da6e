//! One device of an engine: its process, what it did so far, and what follows when it fails.
//!
//! Threads: any number read a status; the one that holds the lock on the work has the device.
//!
//! Must not be broken: a device that is disabled stays so; a failed device's process is gone before
//! it is tried again.

use std::time::{Duration, Instant};

use lode_puzzle::{EngineError, Statement};
use parking_lot::{Mutex, MutexGuard};

use crate::{
    Device,
    process::{Process, ProcessError},
};

/// Failures in a row after which a device is disabled.
const MAX_FAILURES: u32 = 4;
/// Wrong results, in all, after which a device is disabled.
const MAX_WRONG: u64 = 3;
/// The first wait before a device is tried again; it doubles with each failure in a row.
const MIN_WAIT: Duration = Duration::from_secs(1);

/// What a device must get right before it is given work: one attempt in each lane.
pub(crate) const KNOWN_STATEMENT: Statement = Statement(*b"lode-cuda known-answer statement");

/// Why a device is taken off its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error("{0}")]
    Known(EngineError),
    #[error(
        "its known-answer test failed: nonce {nonce} of statement {} came out wrong",
        KNOWN_STATEMENT
    )]
    KnownAnswer { nonce: u64 },
    #[error("wrong result, nonce {nonce}: {reason}")]
    Wrong { nonce: u64, reason: String },
}

/// What a device is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// Nothing was asked of it yet.
    New,
    /// Its process loads the kernels, or is tested.
    Starting,
    /// It proves, or waits for work.
    Ready,
    /// It failed, and is tried again.
    Waiting,
    /// It is not used any more.
    Disabled {
        /// Why.
        reason: String,
    },
}

/// A device, and what it did so far.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceStatus {
    /// Which one.
    pub device: Device,
    /// What it is doing.
    pub state: DeviceState,
    /// Attempts made.
    pub attempts: u64,
    /// How long it took for them.
    pub busy: Duration,
    /// Results that did not hold.
    pub wrong: u64,
    /// How often its process was started.
    pub starts: u64,
    /// Most attempts of a batch, once it is ready.
    pub batch: u32,
}

impl DeviceStatus {
    /// Attempts per second of the time that it was at work; 0 before that.
    pub fn attempts_per_s(&self) -> f64 {
        let seconds = self.busy.as_secs_f64();
        if seconds < 1e-3 { 0.0 } else { self.attempts as f64 / seconds }
    }
}

/// A device and its state. The thread that holds the lock on the work has the device.
pub(crate) struct Slot {
    pub(crate) work: Mutex<SlotWork>,
    status: Mutex<DeviceStatus>,
}

#[derive(Default)]
pub(crate) struct SlotWork {
    pub(crate) process: Option<Process>,
    /// Whether this process has passed the known-answer test.
    pub(crate) is_tested: bool,
    /// In a row.
    pub(crate) failures: u32,
    /// Not to be tried before.
    pub(crate) due: Option<Instant>,
}

impl Slot {
    pub(crate) fn new(device: Device) -> Self {
        let status = DeviceStatus {
            device,
            state: DeviceState::New,
            attempts: 0,
            busy: Duration::ZERO,
            wrong: 0,
            starts: 0,
            batch: 0,
        };
        Self { work: Mutex::default(), status: Mutex::new(status) }
    }

    pub(crate) fn status(&self) -> MutexGuard<'_, DeviceStatus> {
        self.status.lock()
    }

    pub(crate) fn is_disabled(&self) -> bool {
        matches!(self.status().state, DeviceState::Disabled { .. })
    }

    /// Ends the process of a device that failed, and decides what becomes of it. Returns a line for
    /// the operator.
    pub(crate) fn take_off(&self, work: &mut SlotWork, fault: &Fault) -> String {
        work.process = None;
        work.failures += 1;
        let mut status = self.status();
        let is_wrong = matches!(fault, Fault::Wrong { .. } | Fault::KnownAnswer { .. });
        status.wrong += u64::from(is_wrong);
        let device = &status.device;
        let is_over = match fault {
            Fault::KnownAnswer { .. } => true,
            Fault::Wrong { .. } => status.wrong >= MAX_WRONG,
            _ => work.failures >= MAX_FAILURES,
        };
        if is_over {
            let line = format!("{device} is DISABLED: {fault}");
            status.state = DeviceState::Disabled { reason: fault.to_string() };
            return line;
        }
        let wait = MIN_WAIT * 2u32.pow(work.failures - 1);
        work.due = Some(Instant::now() + wait);
        let line = format!("{device} failed: {fault}; it is started again in {} s", wait.as_secs());
        status.state = DeviceState::Waiting;
        line
    }
}
