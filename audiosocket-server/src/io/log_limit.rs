use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many log lines a cause may make per second.
const LINES: u32 = 10;
const PERIOD: Duration = Duration::from_secs(1);

/// Keeps peers that make trouble without end from filling the log: ten lines a second, and the
/// number of those that were left out with the next one.
#[derive(Debug)]
pub struct LogRateLimit {
    spent: Mutex<Option<Spent>>,
}

#[derive(Debug)]
struct Spent {
    period_began: Instant,
    left: u32,
    suppressed: u64,
}

impl LogRateLimit {
    /// A budget of which nothing is spent.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            spent: Mutex::new(None),
        }
    }

    /// Whether there may be another line at `now`; if so, how many there were not since the last one.
    pub fn take(&self, now: Instant) -> Option<u64> {
        // Nothing that can panic runs under the lock, so a poisoned one is as good as any.
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = spent.get_or_insert(Spent {
            period_began: now,
            left: LINES,
            suppressed: 0,
        });
        if now.saturating_duration_since(spent.period_began) >= PERIOD {
            spent.period_began = now;
            spent.left = LINES;
        }
        let Some(left) = spent.left.checked_sub(1) else {
            spent.suppressed += 1;
            return None;
        };
        spent.left = left;
        Some(std::mem::take(&mut spent.suppressed))
    }
}

impl Default for LogRateLimit {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_suppressed_is_told_with_the_next_line() {
        let start = Instant::now();
        let budget = LogRateLimit::new();
        let lines = (0..1000).filter_map(|_| budget.take(start)).count();
        assert_eq!(lines, LINES as usize);
        assert_eq!(budget.take(start + PERIOD), Some(990));
        assert_eq!(budget.take(start + PERIOD), Some(0));
    }
}
