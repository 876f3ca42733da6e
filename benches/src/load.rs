//! What processors spent on this program, and on others: what makes a measurement doubtful.

use std::{fs, time::Duration};

/// Processor time since the start, in ticks: of all programs, and of this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    total: u64,
    busy: u64,
    own: u64,
}

impl Load {
    /// Now. All zero where there is no /proc.
    pub(crate) fn now() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self::parse(&read("/proc/stat"), &read("/proc/self/stat"))
    }

    /// proc(5): the line "cpu" holds user, nice, system, idle, iowait, irq, softirq and steal;
    /// fields 14 and 15 of a process's line, the 12th and 13th after its name in parentheses, hold
    /// user and system time.
    fn parse(stat: &str, own: &str) -> Self {
        let cpu = stat.lines().find_map(|line| line.strip_prefix("cpu ")).unwrap_or_default();
        let times: Vec<u64> =
            cpu.split_whitespace().take(8).filter_map(|time| time.parse().ok()).collect();
        let total = times.iter().sum();
        let idle = times.iter().skip(3).take(2).sum::<u64>();
        let fields = own.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
        let own = fields.skip(11).take(2).filter_map(|time| time.parse::<u64>().ok()).sum();
        Self { total, busy: total - idle, own }
    }

    /// The share of all processors' time that others have taken since.
    pub(crate) fn others_share_since(&self, start: &Self) -> f64 {
        let others = (self.busy - start.busy).saturating_sub(self.own - start.own);
        others as f64 / (self.total - start.total).max(1) as f64
    }
}

/// Processor time of all threads of this program, to the nanosecond.
pub(crate) fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    #[allow(unsafe_code, reason = "the standard library has no such clock")]
    // SAFETY: the pointer is to a `timespec` that lives until the call returns.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(status, 0, "every Unix has a clock of a program's processor time");
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_others_is_what_is_busy_and_not_our_own() {
        let own = |user| format!("7 (a (b) c) R {} {user} 10 0 0", ["1"; 10].join(" "));
        let start = Load::parse("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1\n", &own(20));
        let end = Load::parse("cpu  160 10 60 880 70 5 5 10 0 0\ncpu0 1\n", &own(70));
        assert_eq!(start, Load { total: 1000, busy: 150, own: 30 });
        assert_eq!(end, Load { total: 1200, busy: 250, own: 80 });
        assert_eq!(end.others_share_since(&start), 0.25);
        assert_eq!(Load::parse("", ""), Load::default());
    }
}
