use std::time::Duration;

use audiosocket_proto::Timestamp;

/// Several times what it takes to give a connection up and to accept the one that comes in its place.
const APART: Duration = Duration::from_micros(500);

/// Gives connections that came at once up one after the other, so that thousands which never said a word
/// do not all have their turn before the next frame of a call has its own, and do not come back at once
/// either.
#[derive(Debug, Default)]
pub(crate) struct TimeoutSpread {
    last: Timestamp,
}

impl TimeoutSpread {
    /// How long to wait for one that comes `now`, at least `patience` and at most half as long again.
    pub(crate) fn patience(&mut self, now: Timestamp, patience: Duration) -> Duration {
        let due = now + patience;
        let next = due.max(self.last + APART);
        // Those for whom there is no room go between the others, from the first one on.
        let is_full = next > due + patience / 2;
        self.last = if is_full { due } else { next };
        patience + self.last.saturating_since(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    #[test]
    fn who_comes_alone_is_given_up_in_time() {
        let mut stagger = TimeoutSpread::default();
        for millis in [0, 1, 3, 1000] {
            let now = Timestamp::ZERO + Duration::from_millis(millis);
            assert_eq!(stagger.patience(now, PATIENCE), PATIENCE);
        }
    }

    #[test]
    fn who_come_at_once_are_given_up_one_after_the_other() {
        let mut stagger = TimeoutSpread::default();
        let waits: Vec<_> = (0..5000)
            .map(|_| stagger.patience(Timestamp::ZERO, PATIENCE) - PATIENCE)
            .collect();
        assert!(waits.windows(2).all(|pair| pair[1] - pair[0] == APART));
        // And it is forgotten when it is over.
        let later = Timestamp::ZERO + Duration::from_secs(3);
        assert_eq!(stagger.patience(later, PATIENCE), PATIENCE);
    }

    /// As many as may be there without a UUID.
    #[test]
    fn more_than_there_is_time_for_go_between() {
        let mut stagger = TimeoutSpread::default();
        let mut waits: Vec<_> = (0..8192)
            .map(|_| stagger.patience(Timestamp::ZERO, PATIENCE))
            .collect();
        waits.sort_unstable();
        assert!(waits.windows(3).all(|three| three[2] - three[0] >= APART));
    }

    #[test]
    fn nobody_is_waited_for_more_than_half_as_long_again() {
        let mut stagger = TimeoutSpread::default();
        let longest = (0..100_000)
            .map(|_| stagger.patience(Timestamp::ZERO, PATIENCE))
            .max();
        assert_eq!(longest, Some(PATIENCE * 3 / 2));
        assert_eq!(
            stagger.patience(Timestamp::ZERO, Duration::MAX),
            Duration::MAX
        );
    }
}
