use std::time::{Duration, Instant};

/// How many log lines a cause may make per second.
const LINES: u32 = 10;
const PERIOD: Duration = Duration::from_secs(1);

/// Keeps a peer that makes mistakes without end from filling the log.
#[derive(Debug)]
pub(super) struct LineBudget {
    period_began: Instant,
    left: u32,
    suppressed: u64,
}

impl LineBudget {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            period_began: now,
            left: LINES,
            suppressed: 0,
        }
    }

    /// Whether there may be another line; if so, how many there were not since the last one.
    pub(super) fn take(&mut self, now: Instant) -> Option<u64> {
        if now.saturating_duration_since(self.period_began) >= PERIOD {
            self.period_began = now;
            self.left = LINES;
        }
        let Some(left) = self.left.checked_sub(1) else {
            self.suppressed += 1;
            return None;
        };
        self.left = left;
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_suppressed_is_told_with_the_next_line() {
        let start = Instant::now();
        let mut budget = LineBudget::new(start);
        let lines = (0..1000).filter_map(|_| budget.take(start)).count();
        assert_eq!(lines, LINES as usize);
        assert_eq!(budget.take(start + PERIOD), Some(990));
        assert_eq!(budget.take(start + PERIOD), Some(0));
    }
}
