use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The maximum number of log lines about one cause per second.
const LINES: u32 = 10;
const PERIOD: Duration = Duration::from_secs(1);

/// Limits the log lines about one cause, to ten per second by default, so that a peer cannot fill the disk. The next line has the
/// number of lines that were left out.
#[derive(Debug)]
pub struct LogRateLimit {
    lines: u32,
    period: Duration,
    spent: Mutex<Option<Spent>>,
}

#[derive(Debug)]
struct Spent {
    period_began: Instant,
    left: u32,
    suppressed: u64,
}

impl Default for LogRateLimit {
    fn default() -> Self {
        Self::new()
    }
}

impl LogRateLimit {
    /// Returns a limit with no line written.
    #[must_use]
    pub const fn new() -> Self {
        Self::of(LINES, PERIOD)
    }

    /// Returns a limit of `lines` in each `period`, with no line written.
    #[must_use]
    pub const fn of(lines: u32, period: Duration) -> Self {
        Self {
            lines,
            period,
            spent: Mutex::new(None),
        }
    }

    /// Returns how many lines were left out since the last line. Returns `None` if no line may be written at `now`.
    pub fn take(&self, now: Instant) -> Option<u64> {
        // A panic under the lock leaves the state valid, so a poisoned lock is usable.
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = spent.get_or_insert(Spent {
            period_began: now,
            left: self.lines,
            suppressed: 0,
        });
        if now.saturating_duration_since(spent.period_began) >= self.period {
            spent.period_began = now;
            spent.left = self.lines;
        }
        let Some(left) = spent.left.checked_sub(1) else {
            spent.suppressed += 1;
            return None;
        };
        spent.left = left;
        Some(std::mem::take(&mut spent.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_line_has_the_number_of_suppressed_lines() {
        let start = Instant::now();
        let limit = LogRateLimit::new();
        let lines = (0..1000).filter_map(|_| limit.take(start)).count();
        assert_eq!(lines, LINES as usize);
        assert_eq!(limit.take(start + PERIOD), Some(990));
        assert_eq!(limit.take(start + PERIOD), Some(0));
    }
}
