use std::time::Duration;

use audiosocket_proto::Timestamp;

/// The time between two timeouts. Several times the time to close a connection and to take the next one.
const MIN_GAP: Duration = Duration::from_micros(500);

/// Spreads the UUID timeouts of connections that arrive at the same time. Otherwise the server would close thousands of
/// silent connections at once, and frames of calls would wait. The peers would then connect again at the same time.
#[derive(Debug, Default)]
pub(crate) struct TimeoutSpread {
    last: Timestamp,
}

impl TimeoutSpread {
    /// Returns the timeout for a connection that arrives `now`: at least `timeout`, and at most 1.5 times `timeout`.
    pub(crate) fn timeout(&mut self, now: Timestamp, timeout: Duration) -> Duration {
        let due = now + timeout;
        let next = due.max(self.last + MIN_GAP);
        // If the window is full, start again at its beginning. The new timeouts lie between the earlier ones.
        let is_full = next > due + timeout / 2;
        self.last = if is_full { due } else { next };
        timeout + self.last.saturating_since(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    #[test]
    fn a_single_connection_gets_the_timeout() {
        let mut spread = TimeoutSpread::default();
        for millis in [0, 1, 3, 1000] {
            let now = Timestamp::ZERO + Duration::from_millis(millis);
            assert_eq!(spread.timeout(now, TIMEOUT), TIMEOUT);
        }
    }

    #[test]
    fn connections_of_the_same_time_have_timeouts_one_after_the_other() {
        let mut spread = TimeoutSpread::default();
        let waits: Vec<_> = (0..5000)
            .map(|_| spread.timeout(Timestamp::ZERO, TIMEOUT) - TIMEOUT)
            .collect();
        assert!(waits.windows(2).all(|pair| pair[1] - pair[0] == MIN_GAP));
        // Later connections are not affected.
        let later = Timestamp::ZERO + Duration::from_secs(3);
        assert_eq!(spread.timeout(later, TIMEOUT), TIMEOUT);
    }

    /// The number of connections is the default of `max_pending`.
    #[test]
    fn timeouts_start_again_between_the_others_when_the_window_is_full() {
        let mut spread = TimeoutSpread::default();
        let mut waits: Vec<_> = (0..8192)
            .map(|_| spread.timeout(Timestamp::ZERO, TIMEOUT))
            .collect();
        waits.sort_unstable();
        assert!(waits.windows(3).all(|three| three[2] - three[0] >= MIN_GAP));
    }

    #[test]
    fn no_timeout_is_longer_than_one_and_a_half_times_the_setting() {
        let mut spread = TimeoutSpread::default();
        let longest = (0..100_000)
            .map(|_| spread.timeout(Timestamp::ZERO, TIMEOUT))
            .max();
        assert_eq!(longest, Some(TIMEOUT * 3 / 2));
        assert_eq!(
            spread.timeout(Timestamp::ZERO, Duration::MAX),
            Duration::MAX
        );
    }
}
