//! Threads that stay, so that starting them is not measured.

use std::sync::{Mutex, MutexGuard};

/// A rayon pool of so many threads.
pub struct Crew(rayon::ThreadPool);

impl Crew {
    /// Starts the threads.
    ///
    /// # Panics
    /// If the system gives none.
    pub fn new(threads: usize) -> Self {
        Self(
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .expect("the system starts threads"),
        )
    }

    /// How many threads.
    pub fn threads(&self) -> usize {
        self.0.current_num_threads()
    }

    /// Does the work on every thread at once; it is given the thread's index.
    pub fn each(&self, work: impl Fn(usize) + Sync) {
        self.0.broadcast(|context| work(context.index()));
    }

    /// Does the work once; what is parallel in it runs on these threads.
    pub fn together<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.0.install(work)
    }
}

/// A value for each thread of a crew.
pub struct PerThread<T>(Vec<Mutex<T>>);

impl<T> PerThread<T> {
    pub fn new(crew: &Crew, mut value: impl FnMut() -> T) -> Self {
        Self((0..crew.threads()).map(|_| Mutex::new(value())).collect())
    }

    /// The value of thread `index`. Its lock is free whenever that thread asks.
    ///
    /// # Panics
    /// If that thread panicked before.
    pub fn of(&self, index: usize) -> MutexGuard<'_, T> {
        self.0[index].lock().expect("no contender panics")
    }
}
