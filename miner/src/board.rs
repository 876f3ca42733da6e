//! Where the current work hangs: one thread puts it there, the workers take it, and all threads
//! learn here that it is over.
//!
//! What must not be broken: workers run at the lowest priority, so the lock is held for as long as
//! a pointer takes to copy.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lode_consensus::Hash;
use parking_lot::{Condvar, Mutex, MutexGuard};

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
        self.state.lock()
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

    pub(crate) fn current(&self) -> Option<Arc<Work>> {
        self.state().work.clone()
    }

    /// Waits for work. `None`: it is over.
    pub(crate) fn wait_for_work(&self) -> Option<Arc<Work>> {
        let mut state = self.state();
        self.changed.wait_while(&mut state, |state| state.work.is_none() && !state.is_stopping);
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

    /// Ends the work: stops the engines, and wakes all threads that wait here.
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
        let mut state = self.state();
        self.changed.wait_while_for(&mut state, |state| !state.is_stopping, duration);
        !state.is_stopping
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::work::tests::work;

    fn is_cancelled(work: &Work) -> bool {
        work.cancelled().load(Ordering::Relaxed)
    }

    #[test]
    fn new_work_cancels_the_old() {
        let board = Board::default();
        let (old, new) = (Arc::new(work(0, Hash([1; 32]))), Arc::new(work(0, Hash([2; 32]))));
        board.post(old.clone());
        assert!(board.confirm(&Hash([1; 32])) && !board.confirm(&Hash([2; 32])));
        assert!(!is_cancelled(&old));
        board.post(new.clone());
        assert!(is_cancelled(&old) && !is_cancelled(&new));
        assert!(Arc::ptr_eq(&board.wait_for_work().unwrap(), &new));
    }

    #[test]
    fn unconfirmed_work_expires_once() {
        let board = Board::default();
        assert!(!board.expire(Duration::ZERO), "there is nothing to expire");
        let posted = Arc::new(work(0, Hash::ZERO));
        board.post(posted.clone());
        assert!(!board.expire(Duration::from_secs(60)));
        assert!(!is_cancelled(&posted));
        assert!(board.expire(Duration::ZERO));
        assert!(is_cancelled(&posted) && board.current().is_none());
        assert!(!board.expire(Duration::ZERO));
        // The same job again is work again.
        assert!(!board.confirm(&Hash::ZERO));
    }

    #[test]
    fn stopping_wakes_all_threads_and_is_for_good() {
        let board = Arc::new(Board::default());
        let waiting = board.clone();
        let worker = std::thread::spawn(move || waiting.wait_for_work().is_none());
        let sleeping = board.clone();
        let sleeper = std::thread::spawn(move || sleeping.sleep(Duration::from_secs(600)));
        std::thread::sleep(Duration::from_millis(20));
        board.stop();
        assert!(worker.join().unwrap());
        assert!(!sleeper.join().unwrap());
        board.post(Arc::new(work(0, Hash::ZERO)));
        assert!(board.current().is_none() && board.is_stopping());
    }
}
