use std::time::Duration;

use audiosocket_proto::Timestamp;

/// The time between two timeouts. Several times as long as it takes to close a connection and to accept
/// the next one in its place.
const MIN_GAP: Duration = Duration::from_micros(500);

/// Spreads the UUID timeouts of connections that came at the same time. Otherwise thousands of silent
/// connections would all be closed before the next frame of a call is served, and would come back at
/// the same time.
#[derive(Debug, Default)]
pub(crate) struct TimeoutSpread {
    last: Timestamp,
}

impl TimeoutSpread {
    /// The timeout for a connection that comes `now`: at least `timeout`, and at most half as long
    /// again.
    pub(crate) fn timeout(&mut self, now: Timestamp, timeout: Duration) -> Duration {
        let due = now + timeout;
        let next = due.max(self.last + MIN_GAP);
        // When the window is full, start again at its beginning, between the others.
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
    fn a_connection_alone_gets_the_timeout() {
        let mut spread = TimeoutSpread::default();
        for millis in [0, 1, 3, 1000] {
            let now = Timestamp::ZERO + Duration::from_millis(millis);
            assert_eq!(spread.timeout(now, TIMEOUT), TIMEOUT);
        }
    }

    #[test]
    fn connections_at_the_same_time_time_out_one_after_the_other() {
        let mut spread = TimeoutSpread::default();
        let waits: Vec<_> = (0..5000)
            .map(|_| spread.timeout(Timestamp::ZERO, TIMEOUT) - TIMEOUT)
            .collect();
        assert!(waits.windows(2).all(|pair| pair[1] - pair[0] == MIN_GAP));
        // Later connections are not affected.
        let later = Timestamp::ZERO + Duration::from_secs(3);
        assert_eq!(spread.timeout(later, TIMEOUT), TIMEOUT);
    }

    /// As many as may be open without a UUID.
    #[test]
    fn when_the_window_is_full_timeouts_go_between_the_others() {
        let mut spread = TimeoutSpread::default();
        let mut waits: Vec<_> = (0..8192)
            .map(|_| spread.timeout(Timestamp::ZERO, TIMEOUT))
            .collect();
        waits.sort_unstable();
        assert!(waits.windows(3).all(|three| three[2] - three[0] >= MIN_GAP));
    }

    #[test]
    fn no_timeout_is_longer_than_half_as_long_again() {
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
