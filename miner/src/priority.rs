//! At which priority threads prove: by default, they must not slow down anything else.
#![allow(
    unsafe_code,
    reason = "the standard library cannot set a thread's priority; libc's calls are unsafe to \
              declare"
)]

/// How workers stand against whatever else wants the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Prove only when nothing else wants the core.
    #[default]
    Lowest,
    /// Compete for the core like any program.
    Normal,
}

/// Lowers the calling thread to Linux's `SCHED_IDLE`, or to nice 19 where that is refused. False:
/// the system does neither, and the thread stays as it is.
///
/// There is no way back without privileges: call it from threads that do nothing else.
#[cfg(target_os = "linux")]
pub(crate) fn lower_current_thread() -> bool {
    // SAFETY: `sched_param` is plain integers, of which the priority must be zero for SCHED_IDLE,
    // and the others, where a libc has any, are unused. The call reads it and keeps nothing. 0 is
    // the calling thread.
    let idle = unsafe {
        let param: libc::sched_param = std::mem::zeroed();
        libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const param)
    };
    // SAFETY: takes integers only. On Linux, the process 0 is the calling thread.
    idle == 0 || unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 19) } == 0
}

/// Elsewhere a process's threads share one priority, which is not ours to lower.
#[cfg(not(target_os = "linux"))]
pub(crate) fn lower_current_thread() -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_the_calling_thread_is_lowered() {
        // SAFETY: both take integers only.
        let now =
            || unsafe { (libc::sched_getscheduler(0), libc::getpriority(libc::PRIO_PROCESS, 0)) };
        let before = now();
        let (lowered, inside) =
            std::thread::spawn(move || (lower_current_thread(), now())).join().unwrap();
        assert!(lowered, "Linux lets every thread lower itself");
        assert!(inside.0 == libc::SCHED_IDLE || inside.1 == 19, "{inside:?}");
        assert_eq!(now(), before);
    }
}
