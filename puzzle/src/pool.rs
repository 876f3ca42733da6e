//! Working memory that is lent out and taken back.
//!
//! By hand, since crates for it hand out guards and keep pools for each thread, and all that is
//! needed is to pop and to push. The lock is the standard library's, so that the puzzle needs no
//! crate for one; a poisoned lock is taken all the same, as the list under it is always whole.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

/// Objects that are free at the moment: at most as many as were ever in use at once, so that memory
/// stays bounded.
pub(crate) struct Pool<T>(Mutex<Vec<T>>);

impl<T> Pool<T> {
    /// Lends one to `work`, made by `make` if all are in use. One that a panic interrupted is not
    /// lent again.
    pub(crate) fn lend<R>(&self, make: impl FnOnce() -> T, work: impl FnOnce(&mut T) -> R) -> R {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut lent = idle.unwrap_or_else(make);
        let result = work(&mut lent);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(lent);
        result
    }
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}
