//! Where the current work hangs: one thread puts it there, the workers take it, and all threads learn here that it is over.
//!
//! What must not be broken: workers run at the lowest priority, so the lock is held for as long as a pointer takes to copy.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use lode_consensus::Hash;

use crate::work::Work;

#[derive(Debug, Default)]
pub(crate) struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    work: Option<Arc<Work>>,
    /// When the node last said that this is the work to do.
    confirmed: Option<Instant>,
    is_stopping: bool,
}

impl Board {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the work, and has the engines drop the old one.
    pub(crate) fn post(&self, work: Arc<Work>) {
        let mut state = self.state();
        if state.is_stopping {
            return;
        }
        state.confirmed = Some(work.received);
        if let Some(old) = state.work.replace(work) {
            old.cancel();
        }
        drop(state);
        self.changed.notify_all();
    }

    /// The node says that its work has this name: true if that is what is being worked on.
    pub(crate) fn confirm(&self, job_id: &Hash) -> bool {
        let mut state = self.state();
        let is_current = state.work.as_ref().is_some_and(|work| work.content_hash == *job_id);
        if is_current {
            state.confirmed = Some(Instant::now());
        }
        is_current
    }

    /// The current work.
    pub(crate) fn current(&self) -> Option<Arc<Work>> {
        self.state().work.clone()
    }

    /// Waits for work. `None`: it is over.
    pub(crate) fn wait_for_work(&self) -> Option<Arc<Work>> {
        let state = self.state();
        let idle = |state: &mut State| state.work.is_none() && !state.is_stopping;
        let state = self.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        if state.is_stopping { None } else { state.work.clone() }
    }

    /// Takes the work down if the node has not confirmed it for so long. True if it did.
    pub(crate) fn expire(&self, lifetime: Duration) -> bool {
        let mut state = self.state();
        let is_fresh = state.confirmed.is_none_or(|confirmed| confirmed.elapsed() < lifetime);
        if is_fresh {
            return false;
        }
        state.work.take().inspect(|work| work.cancel()).is_some()
    }

    /// It is over: stops the engines, and wakes everybody who waits here.
    pub(crate) fn stop(&self) {
        let mut state = self.state();
        state.is_stopping = true;
        if let Some(work) = state.work.take() {
            work.cancel();
        }
        drop(state);
        self.changed.notify_all();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.state().is_stopping
    }

    /// Sleeps, unless it is over: then false, at once.
    pub(crate) fn sleep(&self, duration: Duration) -> bool {
        let state = self.state();
        let (state, _) = self
            .changed
            .wait_timeout_while(state, duration, |state| !state.is_stopping)
            .unwrap_or_else(PoisonError::into_inner);
        !state.is_stopping
    }
}
