//! The lowest priority that the system grants to a thread without asking: proving must not slow down anything else.
#![allow(
    unsafe_code,
    reason = "the standard library cannot set a thread's priority; libc's calls are unsafe to declare"
)]

/// What a thread runs at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    /// Linux's `SCHED_IDLE`: runs when no other thread wants the core.
    Idle,
    /// Nice 19: gets a small part of a busy core.
    Nice,
    /// The system grants neither.
    Normal,
}

/// Lowers the calling thread to `SCHED_IDLE`, or to nice 19 where that is refused, and says what it became.
///
/// There is no way back without privileges: call it from threads that do nothing else.
#[cfg(target_os = "linux")]
pub(crate) fn lower_current_thread() -> Priority {
    // SAFETY: `sched_param` is plain integers, of which the priority must be zero for SCHED_IDLE, and the others, where a
    // libc has any, are unused. The call reads it and keeps nothing. 0 is the calling thread.
    let idle = unsafe {
        let param: libc::sched_param = std::mem::zeroed();
        libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const param)
    };
    if idle == 0 {
        return Priority::Idle;
    }
    // SAFETY: takes integers only. On Linux, the process 0 is the calling thread.
    let nice = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 19) };
    if nice == 0 { Priority::Nice } else { Priority::Normal }
}

/// Elsewhere a process's threads share one priority, which is not ours to lower.
#[cfg(not(target_os = "linux"))]
pub(crate) fn lower_current_thread() -> Priority {
    Priority::Normal
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_the_calling_thread_is_lowered() {
        // SAFETY: takes an integer only.
        let scheduler = || unsafe { libc::sched_getscheduler(0) };
        let before = scheduler();
        let (priority, inside) = std::thread::spawn(move || (lower_current_thread(), scheduler())).join().unwrap();
        assert_ne!(priority, Priority::Normal, "Linux lets every thread lower itself");
        if priority == Priority::Idle {
            assert_eq!(inside, libc::SCHED_IDLE);
        }
        assert_eq!(scheduler(), before);
    }
}
