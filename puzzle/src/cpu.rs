//! The `cpu` engine: [`Prover`]s over shared [`Tables`].

use crate::{Attempt, AttemptError, Engine, EngineError, Job, Output, Prover, Statement, Tables, Unfinished};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// One attempt at a time on each calling thread.
#[derive(Debug)]
pub struct CpuEngine {
    tables: Arc<Tables>,
    /// Provers that no thread is using: at most as many as threads ever ran at once, so that memory stays as it is.
    idle: Mutex<Vec<Prover>>,
}

impl CpuEngine {
    /// [`Engine::name`].
    pub const NAME: &'static str = "cpu";

    /// An engine over tables.
    pub fn new(tables: Arc<Tables>) -> Self {
        Self { tables, idle: Mutex::default() }
    }

    /// What the engine proves with.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Lends a prover to `work`. One that a panic interrupted is not lent again.
    fn with_prover<T>(&self, work: impl FnOnce(&mut Prover) -> T) -> T {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut prover = idle.unwrap_or_else(|| Prover::new(self.tables.clone()));
        let result = work(&mut prover);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(prover);
        result
    }
}

impl Engine for CpuEngine {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn attempt(&self, statement: &Statement, nonce: u64) -> Result<Attempt, AttemptError> {
        let never = AtomicBool::new(false);
        self.with_prover(|prover| prover.attempt(statement, nonce, &never)).map_err(|unfinished| match unfinished {
            Unfinished::Void(void) => void.into(),
            // Nobody else has the flag.
            Unfinished::Stopped(stopped) => EngineError { engine: Self::NAME, reason: stopped.to_string() }.into(),
        })
    }

    fn run(&self, job: &Job, cancel: &AtomicBool, out: &mut dyn FnMut(Output)) -> Result<(), EngineError> {
        self.with_prover(|prover| {
            for nonce in job.nonces.clone() {
                if cancel.load(Ordering::Relaxed) {
                    break;
                }
                match prover.attempt(&job.statement, nonce, cancel) {
                    Ok(attempt) if job.is_won_by(&attempt) => out(Output::Won(attempt)),
                    Ok(_) | Err(Unfinished::Void(_)) => {}
                    Err(Unfinished::Stopped(_)) => break,
                }
                out(Output::Attempts(1));
            }
        });
        Ok(())
    }
}
