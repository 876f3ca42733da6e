//! The engine over all devices: hands out batches, checks what comes back, and deals with devices
//! that fail.
//!
//! A call of [`Engine::run`] occupies one device until it returns, so a miner runs one thread for
//! each device; no thread is tied to a device. A thread that finds no free device waits. What a
//! device did is kept with it ([`DeviceStatus`]).
//!
//! Must not be broken: nothing is reported as won that the CPU has not verified; one device's
//! failure ends no other one's work; a device that is disabled stays so.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use lode_puzzle::{
    Attempt, AttemptError, Claim, Engine, EngineError, Job, Output, ReferenceEngine, Srs,
    Statement, Target, Verifier,
};
use parking_lot::MutexGuard;

use crate::{
    Device, DeviceState, DeviceStatus, Stages, WorkerProgram,
    process::{Process, ProcessError},
    slot::{Fault, KNOWN_STATEMENT, Slot, SlotWork},
    wire::{Batch, IN_FLIGHT, LANES, Record, Request},
};

/// How often a thread without a device looks for one.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// The nonces of [`KNOWN_STATEMENT`].
const KNOWN_NONCES: [u64; LANES] = [0, u64::MAX];

/// Proves on devices, each in a process of its own. Dropping it ends them.
pub struct CudaEngine {
    program: WorkerProgram,
    slots: Vec<Slot>,
    verifier: Arc<Verifier>,
    reference: ReferenceEngine,
    known: OnceLock<Result<Vec<Attempt>, EngineError>>,
}

impl fmt::Debug for CudaEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CudaEngine").field("devices", &self.status()).finish_non_exhaustive()
    }
}

impl CudaEngine {
    /// [`Engine::name`].
    pub const NAME: &'static str = "cuda";

    /// An engine over these devices; `program` must run [`crate::worker::run`] with the same setup.
    /// Processes start with the first work.
    pub fn new(
        devices: Vec<Device>,
        program: WorkerProgram,
        srs: Arc<Srs>,
        verifier: Arc<Verifier>,
    ) -> Self {
        let slots = devices.into_iter().map(Slot::new).collect();
        Self {
            program,
            slots,
            verifier,
            reference: ReferenceEngine::new(srs),
            known: OnceLock::new(),
        }
    }

    /// What each device did so far.
    pub fn status(&self) -> Vec<DeviceStatus> {
        self.slots.iter().map(|slot| slot.status().clone()).collect()
    }

    /// Whether no device is left that could work.
    pub fn is_exhausted(&self) -> bool {
        self.slots.iter().all(Slot::is_disabled)
    }

    /// Starts and tests all devices at once, and makes `batches` on each of them, one at a time:
    /// how long the stages of a full batch take alone, on average.
    ///
    /// # Errors
    /// The first device's that fails.
    pub fn measure_stages(&self, batches: u32) -> Result<Vec<Stages>, EngineError> {
        // Before the threads: they belong to no rayon pool.
        self.known_answers()?;
        let measure = |slot: &Slot| -> Result<Stages, EngineError> {
            let mut work = slot.work.lock();
            let outcome = self.measure_slot(slot, &mut work, batches);
            outcome.map_err(|fault| failed(slot.take_off(&mut work, &fault)))
        };
        thread::scope(|scope| {
            let threads: Vec<_> =
                self.slots.iter().map(|slot| scope.spawn(move || measure(slot))).collect();
            let results = threads.into_iter().map(|thread| thread.join());
            results
                .map(|result| {
                    result.unwrap_or_else(|_| Err(failed("a thread of the measurement died")))
                })
                .collect()
        })
    }

    fn measure_slot(
        &self,
        slot: &Slot,
        work: &mut SlotWork,
        batches: u32,
    ) -> Result<Stages, Fault> {
        let Some((process, batch, _)) = self.ready(slot, work, &AtomicBool::new(false))? else {
            return Ok(Stages::default());
        };
        let mut sum = [0.0; Stages::COUNT];
        for index in 0..batches {
            let first_nonce = u64::from(index * batch);
            // As in mining, hardly anything is to come back.
            let (block_target, share_target) = (Target::MIN, Target::MIN);
            process.request(&Request {
                statement: KNOWN_STATEMENT,
                first_nonce,
                count: batch,
                block_target,
                share_target,
            })?;
            let times = process.batch()?.stages.to_array();
            sum.iter_mut().zip(times).for_each(|(sum, time)| *sum += time / batches as f32);
        }
        Ok(Stages::from_array(sum))
    }

    /// A free device whose back-off is over, or `None` if there is none now.
    fn claim(&self) -> Option<(&Slot, MutexGuard<'_, SlotWork>)> {
        self.slots.iter().find_map(|slot| {
            let work = slot.work.try_lock()?;
            let is_due = work.due.is_none_or(|due| due <= Instant::now());
            (is_due && !slot.is_disabled()).then_some((slot, work))
        })
    }

    /// The device's process and its batch size, started and tested, and its count of failures.
    /// `None`: cancelled before.
    fn ready<'a>(
        &self,
        slot: &Slot,
        work: &'a mut SlotWork,
        cancel: &AtomicBool,
    ) -> Result<Option<(&'a mut Process, u32, &'a mut u32)>, Fault> {
        let SlotWork { process, is_tested, failures, .. } = work;
        let process = match process {
            Some(process) => process,
            None => {
                *is_tested = false;
                let mut status = slot.status();
                status.state = DeviceState::Starting;
                status.starts += 1;
                process.insert(Process::start(&self.program, &status.device)?)
            }
        };
        let Some(batch) = process.wait_until_ready(|| cancel.load(Ordering::Relaxed))? else {
            return Ok(None);
        };
        if !*is_tested {
            for known in self.known_answers().map_err(Fault::Known)? {
                process.request(&known_request(known.nonce))?;
                let answer = process.batch()?;
                let answer = answer
                    .winners
                    .first()
                    .and_then(|it| it.attempt(&KNOWN_STATEMENT, known.nonce).ok());
                if answer != Some(known) {
                    return Err(Fault::KnownAnswer { nonce: known.nonce });
                }
            }
            *is_tested = true;
            let mut status = slot.status();
            status.state = DeviceState::Ready;
            status.batch = batch;
        }
        Ok(Some((process, batch, failures)))
    }

    /// The reference engine's results, computed once.
    fn known_answers(&self) -> Result<Vec<Attempt>, EngineError> {
        let compute = |nonce| match self.reference.attempt(&KNOWN_STATEMENT, nonce) {
            Ok(attempt) => Ok(attempt),
            Err(AttemptError::Engine(error)) => Err(error),
            Err(AttemptError::Void(void)) => Err(failed(format!("known answer: {void}"))),
        };
        self.known.get_or_init(|| KNOWN_NONCES.into_iter().map(compute).collect()).clone()
    }

    /// Works on a job until its nonces are used up or it is cancelled.
    fn serve(
        &self,
        slot: &Slot,
        work: &mut SlotWork,
        nonces: &mut std::ops::Range<u64>,
        job: &Job,
        cancel: &AtomicBool,
        out: &mut dyn FnMut(Output),
    ) -> Result<(), Fault> {
        let Some((process, most, failures)) = self.ready(slot, work, cancel)? else {
            return Ok(());
        };
        let mut asked: VecDeque<Request> = VecDeque::with_capacity(IN_FLIGHT);
        let mut since = Instant::now();
        loop {
            while asked.len() < IN_FLIGHT && !nonces.is_empty() && !cancel.load(Ordering::Relaxed) {
                let count = u32::try_from(nonces.end - nonces.start).unwrap_or(u32::MAX).min(most);
                let Job { statement, block_target, share_target, .. } = *job;
                let request = Request {
                    statement,
                    first_nonce: nonces.start,
                    count,
                    block_target,
                    share_target,
                };
                process.request(&request)?;
                nonces.start += u64::from(count);
                asked.push_back(request);
            }
            let Some(request) = asked.pop_front() else { return Ok(()) };
            let batch = process.batch()?;
            let now = Instant::now();
            {
                let mut status = slot.status();
                status.attempts += u64::from(request.count);
                status.busy += now - since;
            }
            since = now;
            self.check_batch(&request, &batch, job, out)?;
            *failures = 0;
            out(Output::Attempts(u64::from(request.count)));
        }
    }

    /// Reports the winners of a batch. The first that does not hold ends it.
    fn check_batch(
        &self,
        request: &Request,
        batch: &Batch,
        job: &Job,
        out: &mut dyn FnMut(Output),
    ) -> Result<(), Fault> {
        for attempt in winners(request, batch)? {
            let wrong =
                |reason: &str| Fault::Wrong { nonce: attempt.nonce, reason: reason.to_owned() };
            if !job.is_won_by(&attempt) {
                return Err(wrong("its ticket meets neither target"));
            }
            self.verifier
                .verify(&job.statement, attempt.nonce, &attempt.proof, Claim::None)
                .map_err(|error| wrong(&error.to_string()))?;
            out(Output::Won(attempt));
        }
        Ok(())
    }
}

/// The winners of a batch, by nonce; they come in any order. A void one counts as wrong: no seed is
/// known to make one, and a card that calls its winners void would earn nothing, and look well.
fn winners(request: &Request, batch: &Batch) -> Result<Vec<Attempt>, Fault> {
    if batch.count != request.count {
        return Err(ProcessError::OutOfTurn.into());
    }
    let mut records: Vec<&Record> = batch.winners.iter().collect();
    records.sort_by_key(|record| record.index);
    let mut next = 0;
    let mut winners = Vec::with_capacity(records.len());
    for record in records {
        let nonce = request.first_nonce.wrapping_add(u64::from(record.index));
        let wrong = |reason: String| Fault::Wrong { nonce, reason };
        if !(next..request.count).contains(&record.index) {
            return Err(wrong("it is none of the batch's, or there twice".to_owned()));
        }
        next = record.index + 1;
        winners.push(
            record.attempt(&request.statement, nonce).map_err(|void| wrong(void.to_string()))?,
        );
    }
    Ok(winners)
}

fn failed(reason: impl Into<String>) -> EngineError {
    EngineError { engine: CudaEngine::NAME, reason: reason.into() }
}

/// One attempt that comes back whatever its ticket.
fn known_request(nonce: u64) -> Request {
    attempt_request(KNOWN_STATEMENT, nonce)
}

fn attempt_request(statement: Statement, first_nonce: u64) -> Request {
    Request {
        statement,
        first_nonce,
        count: 1,
        block_target: Target::MAX,
        share_target: Target::MAX,
    }
}

impl Engine for CudaEngine {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    /// Makes one attempt, on the first device that is free, and holds every byte of it to the
    /// reference engine's.
    fn attempt(&self, statement: &Statement, nonce: u64) -> Result<Attempt, AttemptError> {
        let expected = self.reference.attempt(statement, nonce)?;
        let (slot, mut work) = loop {
            if let Some(claim) = self.claim() {
                break claim;
            }
            if self.is_exhausted() {
                return Err(self.exhausted().into());
            }
            thread::sleep(LOOK_INTERVAL);
        };
        let attempt = |work: &mut SlotWork| -> Result<Option<Attempt>, Fault> {
            let Some((process, ..)) = self.ready(slot, work, &AtomicBool::new(false))? else {
                return Ok(None);
            };
            let request = attempt_request(*statement, nonce);
            process.request(&request)?;
            let Some(attempt) = winners(&request, &process.batch()?)?.pop() else {
                return Ok(None);
            };
            if attempt == expected {
                return Ok(Some(attempt));
            }
            Err(Fault::Wrong { nonce, reason: "the reference engine's is another one".to_owned() })
        };
        match attempt(&mut work) {
            Ok(Some(attempt)) => Ok(attempt),
            Ok(None) => Err(failed(format!("{} made no attempt", slot.status().device)).into()),
            Err(fault) => {
                slot.take_off(&mut work, &fault);
                Err(failed(format!("{}: {fault}", slot.status().device)).into())
            }
        }
    }

    fn run(
        &self,
        job: &Job,
        cancel: &AtomicBool,
        out: &mut dyn FnMut(Output),
    ) -> Result<(), EngineError> {
        let mut nonces = job.nonces.clone();
        while !nonces.is_empty() && !cancel.load(Ordering::Relaxed) {
            let Some((slot, mut work)) = self.claim() else {
                if self.is_exhausted() {
                    return Err(self.exhausted());
                }
                thread::sleep(LOOK_INTERVAL);
                continue;
            };
            if let Err(fault) = self.serve(slot, &mut work, &mut nonces, job, cancel, out) {
                let reason = slot.take_off(&mut work, &fault);
                out(match fault {
                    Fault::Wrong { .. } => Output::Invalid { reason },
                    _ => Output::Fault { reason },
                });
            }
        }
        Ok(())
    }
}

impl CudaEngine {
    fn exhausted(&self) -> EngineError {
        let reasons = self.status().into_iter().filter_map(|status| match status.state {
            DeviceState::Disabled { reason } => Some(format!("{}: {reason}", status.device)),
            _ => None,
        });
        failed(format!("no device is left; {}", reasons.collect::<Vec<_>>().join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use lode_puzzle::{LogSize, Proof};

    use super::*;
    use crate::wire::{RECORD_BYTES, Stages};

    fn read(count: u32, records: &[(u32, u32)]) -> Result<Vec<u64>, String> {
        let request =
            Request { count: 4, first_nonce: u64::MAX, ..attempt_request(KNOWN_STATEMENT, 0) };
        let record = |(index, state): &(u32, u32)| {
            let head = [index.to_le_bytes(), state.to_le_bytes()].concat();
            Record::parse(&[&head[..], &[1; RECORD_BYTES - 8]].concat()).unwrap()
        };
        let batch = Batch {
            count,
            stages: Stages::default(),
            winners: records.iter().map(record).collect(),
        };
        let winners = winners(&request, &batch).map_err(|fault| fault.to_string())?;
        Ok(winners.into_iter().map(|attempt| attempt.nonce).collect())
    }

    #[test]
    fn only_what_is_won_and_verified_goes_out() {
        let srs = Arc::new(lode_genesis::srs::load(LogSize::new(2).unwrap()).unwrap());
        let program = WorkerProgram { program: "/none".into(), arguments: Vec::new() };
        let verifier = Arc::new(Verifier::new(&srs));
        let engine = CudaEngine::new(Vec::new(), program, srs, verifier);
        let [good, other] =
            [5, 6].map(|nonce| engine.reference.attempt(&KNOWN_STATEMENT, nonce).unwrap());
        let forged =
            Attempt { proof: Proof { opening: other.proof.opening, ..good.proof }, ..good };
        let check = |attempt: &Attempt, target| {
            let Attempt { proof, point, value, .. } = attempt;
            let record = [&[0; 8], &proof.commitment[..], point, value, &proof.opening].concat();
            let winners = vec![Record::parse(&record).unwrap()];
            let batch = Batch { count: 1, stages: Stages::default(), winners };
            let job = Job {
                statement: KNOWN_STATEMENT,
                nonces: 5..6,
                block_target: Target::MIN,
                share_target: target,
            };
            let mut outputs = Vec::new();
            let request = attempt_request(KNOWN_STATEMENT, 5);
            let outcome =
                engine.check_batch(&request, &batch, &job, &mut |output| outputs.push(output));
            (outcome.map_err(|fault| fault.to_string()), outputs)
        };
        assert_eq!(check(&good, Target::MAX), (Ok(()), vec![Output::Won(good)]));
        for (attempt, target, reason) in [
            (&good, Target::MIN, "its ticket meets neither target"),
            (&forged, Target::MAX, "the pairing equation does not hold"),
        ] {
            let (outcome, outputs) = check(attempt, target);
            assert_eq!(outcome, Err(format!("wrong result, nonce 5: {reason}")));
            assert_eq!(outputs, []);
        }
    }

    #[test]
    fn winners_are_of_the_batch_each_once_and_not_void() {
        assert_eq!(read(4, &[]), Ok(vec![]));
        assert_eq!(
            read(4, &[(3, 0), (0, 0), (1, 0)]),
            Ok(vec![u64::MAX, 0, 2]),
            "in order, and around the end"
        );
        assert!(read(3, &[]).is_err(), "another batch");
        for (records, nonce) in
            [(&[(4, 0)][..], 3), (&[(2, 0), (2, 0)], 1), (&[(0, 0), (1, 1)], 0), (&[(1, 2)], 0)]
        {
            let error = read(4, records).unwrap_err();
            assert!(error.starts_with(&format!("wrong result, nonce {nonce}: ")), "{error}");
        }
    }
}
