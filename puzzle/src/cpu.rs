//! The `cpu` engine: [`Prover`]s over shared [`Tables`].

use crate::{
    Attempt, AttemptError, Engine, EngineError, Job, Output, Prover, Statement, Tables, Unfinished,
    pool::Pool,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// One attempt at a time on each calling thread.
#[derive(Debug)]
pub struct CpuEngine {
    tables: Arc<Tables>,
    provers: Pool<Prover>,
}

impl CpuEngine {
    /// [`Engine::name`].
    pub const NAME: &'static str = "cpu";

    /// An engine over tables.
    pub fn new(tables: Arc<Tables>) -> Self {
        Self { tables, provers: Pool::default() }
    }

    /// What the engine proves with.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    fn with_prover<T>(&self, work: impl FnOnce(&mut Prover) -> T) -> T {
        self.provers.lend(|| Prover::new(self.tables.clone()), work)
    }
}

impl Engine for CpuEngine {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn attempt(&self, statement: &Statement, nonce: u64) -> Result<Attempt, AttemptError> {
        let never = AtomicBool::new(false);
        self.with_prover(|prover| prover.attempt(statement, nonce, &never)).map_err(|unfinished| {
            match unfinished {
                Unfinished::Void(void) => void.into(),
                // Cannot happen: `never` stays false.
                Unfinished::Stopped(stopped) => {
                    EngineError { engine: Self::NAME, reason: stopped.to_string() }.into()
                }
            }
        })
    }

    fn run(
        &self,
        job: &Job,
        cancel: &AtomicBool,
        out: &mut dyn FnMut(Output),
    ) -> Result<(), EngineError> {
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
