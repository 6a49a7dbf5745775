//! When a caller hears what comes, and how steadily it comes.

use std::time::{Duration, Instant};

/// A pause longer than this is one that a caller hears: about what a telephone's jitter buffer
/// makes up for.
pub(super) const LONGEST_UNHEARD: Duration = Duration::from_millis(60);

/// Frames that follow each other faster are a burst.
const BURST: Duration = Duration::from_millis(5);

/// Shorter frames are parts of one that the server has cut, and may come together.
const SHORTEST_FRAME: Duration = Duration::from_millis(10);

/// The playout of a telephone that plays audio as it comes, and queues what comes too early.
#[derive(Debug, Default)]
pub(super) struct Playout {
    until: Option<Instant>,
}

/// When a frame is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Played {
    pub(super) from: Instant,
    pub(super) until: Instant,
    /// Nothing was there to be played for that long before it; 0 before the first frame.
    pub(super) pause: Duration,
}

impl Playout {
    /// A frame came at `arrival` whose audio lasts `duration`.
    pub(super) fn play(&mut self, arrival: Instant, duration: Duration) -> Played {
        let free = self.until.unwrap_or(arrival);
        let from = arrival.max(free);
        let until = from + duration;
        self.until = Some(until);
        Played {
            from,
            until,
            pause: from - free,
        }
    }
}

/// How far the frames of a call are off the times at which a steady server sends them.
#[derive(Debug, Default)]
pub(super) struct Jitter {
    steadiness: Steadiness,
    last: Option<Last>,
}

/// What becomes of a call's jitter, beside the deviations of single frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Steadiness {
    /// Pauses longer than [`LONGEST_UNHEARD`].
    pub(super) gaps: u64,
    pub(super) longest_gap: Duration,
    /// Pairs of whole frames less than [`BURST`] apart.
    pub(super) bursts: u64,
    /// How late the last frame was against the grid, in microseconds; negative if it was early.
    pub(super) drift: Option<i64>,
}

/// How far a frame is off, early or late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deviation {
    /// The time since the frame before, against the time that its audio lasts.
    pub(super) spacing: Duration,
    /// The same if it is late; 0 if it is early, as a frame behind a late one is.
    pub(super) late: Duration,
    /// The time since the first frame, against the time that all audio since then lasts.
    pub(super) grid: Duration,
}

#[derive(Debug)]
struct Last {
    arrival: Instant,
    duration: Duration,
    /// When the grid has the next frame.
    next_due: Instant,
}

impl Jitter {
    /// A frame came at `arrival` whose audio lasts `duration`; `pause` is what [`Playout`] says.
    ///
    /// There is nothing to compare the first frame with. Nor the first one after a gap, which is
    /// counted instead: a server may well be silent for a while. It begins a new grid.
    pub(super) fn frame(
        &mut self,
        arrival: Instant,
        duration: Duration,
        pause: Duration,
    ) -> Option<Deviation> {
        let heard = &mut self.steadiness;
        if pause > LONGEST_UNHEARD {
            heard.gaps += 1;
            heard.longest_gap = heard.longest_gap.max(pause);
            self.last = None;
        }
        let last = self.last.replace(Last {
            arrival,
            duration,
            next_due: arrival + duration,
        })?;
        if let Some(this) = &mut self.last {
            this.next_due = last.next_due + duration;
        }
        let spacing = arrival - last.arrival;
        let whole = duration.min(last.duration) >= SHORTEST_FRAME;
        heard.bursts += u64::from(whole && spacing < BURST);
        let (late, early) = (arrival - last.next_due, last.next_due - arrival);
        heard.drift = Some(micros(late) - micros(early));
        Some(Deviation {
            spacing: spacing.abs_diff(last.duration),
            late: spacing.saturating_sub(last.duration),
            grid: late.max(early),
        })
    }

    pub(super) fn steadiness(&self) -> Steadiness {
        self.steadiness
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PTIME: Duration = Duration::from_millis(20);

    fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    /// The deviations, in microseconds, of frames of `PTIME` that come at these microseconds.
    fn deviations(arrivals: &[u64]) -> (Vec<(u128, u128)>, Steadiness) {
        let start = Instant::now();
        let (mut playout, mut jitter) = (Playout::default(), Jitter::default());
        let deviations = arrivals.iter().filter_map(|at| {
            let arrival = start + micros(*at);
            let played = playout.play(arrival, PTIME);
            let deviation = jitter.frame(arrival, PTIME, played.pause)?;
            Some((deviation.spacing.as_micros(), deviation.grid.as_micros()))
        });
        (deviations.collect(), jitter.steadiness())
    }

    /// How late each is behind the one before.
    fn lateness(arrivals: &[u64]) -> Vec<u128> {
        let (start, mut jitter) = (Instant::now(), Jitter::default());
        let late = arrivals.iter().filter_map(|at| {
            let deviation = jitter.frame(start + micros(*at), PTIME, Duration::ZERO)?;
            Some(deviation.late.as_micros())
        });
        late.collect()
    }

    #[test]
    fn a_steady_server_is_not_off() {
        let arrivals: Vec<_> = (0..1000).map(|frame| 7_000 + 20_000 * frame).collect();
        let (deviations, steadiness) = deviations(&arrivals);
        assert_eq!(deviations, [(0, 0); 999]);
        let steady = Steadiness {
            drift: Some(0),
            ..Steadiness::default()
        };
        assert_eq!(steadiness, steady);
    }

    #[test]
    fn a_late_frame_is_off_twice_between_frames_and_once_on_the_grid() {
        let arrivals = [0, 20_000, 43_000, 60_000, 80_000];
        let (deviations, steadiness) = deviations(&arrivals);
        assert_eq!(deviations, [(0, 0), (3_000, 3_000), (3_000, 0), (0, 0)]);
        assert_eq!(lateness(&arrivals), [0, 3_000, 0, 0]);
        assert_eq!(steadiness.drift, Some(0));
        assert_eq!((steadiness.gaps, steadiness.bursts), (0, 0));
    }

    #[test]
    fn a_server_whose_clock_is_slow_or_fast_drifts_and_has_no_gaps() {
        for (period, drift) in [(20_010, 9_990), (19_990, -9_990)] {
            let arrivals: Vec<_> = (0..1000).map(|frame| period * frame).collect();
            let (deviations, steadiness) = deviations(&arrivals);
            assert!(deviations.iter().all(|(spacing, _)| *spacing == 10));
            assert_eq!(deviations.last(), Some(&(10, 9_990)));
            assert_eq!(steadiness.drift, Some(drift));
            assert_eq!((steadiness.gaps, steadiness.bursts), (0, 0));
        }
    }

    #[test]
    fn frames_of_one_read_are_a_burst() {
        let (deviations, steadiness) = deviations(&[0, 60_000, 60_000, 60_000, 80_000, 84_999]);
        assert_eq!(
            deviations,
            [
                (40_000, 40_000),
                (20_000, 20_000),
                (20_000, 0),
                (0, 0),
                (15_001, 15_001)
            ]
        );
        assert_eq!((steadiness.gaps, steadiness.bursts), (0, 3));
        assert_eq!(steadiness.drift, Some(-15_001));
    }

    #[test]
    fn frames_that_are_cut_small_are_no_burst() {
        let (mut playout, mut jitter) = (Playout::default(), Jitter::default());
        let start = Instant::now();
        for (at, millis) in [(0, 5), (0, 15), (20, 4), (20, 16), (40, 20)] {
            let (arrival, duration) = (start + micros(at * 1000), micros(millis * 1000));
            let played = playout.play(arrival, duration);
            jitter.frame(arrival, duration, played.pause);
        }
        assert_eq!(jitter.steadiness().bursts, 0);
    }

    #[test]
    fn a_pause_is_a_gap_and_begins_a_new_grid() {
        // Nothing to hear from 40 to 100.001 ms, which is a gap, then from 120.001 to 180 ms.
        let (deviations, steadiness) = deviations(&[0, 20_000, 100_001, 180_000, 200_000]);
        assert_eq!(
            deviations,
            [(0, 0), (59_999, 59_999), (0, 59_999)],
            "the frame after the gap is not off"
        );
        assert_eq!(
            (steadiness.gaps, steadiness.longest_gap),
            (1, micros(60_001))
        );
        assert_eq!(steadiness.drift, Some(59_999));
    }

    #[test]
    fn a_server_that_sent_ahead_may_pause() {
        // Ten frames at once, which take 200 ms to play.
        let mut arrivals = vec![0; 10];
        arrivals.extend([200_000, 220_000]);
        let (deviations, steadiness) = deviations(&arrivals);
        assert_eq!((steadiness.gaps, steadiness.bursts), (0, 9));
        assert_eq!(deviations[8], (20_000, 180_000));
        assert_eq!(deviations[9..], [(180_000, 0), (0, 0)]);
    }

    #[test]
    fn what_comes_early_is_played_after_what_came_before() {
        let start = Instant::now();
        let mut playout = Playout::default();
        let mut play = |at| {
            let played = playout.play(start + micros(at), PTIME);
            let [from, until] = [played.from, played.until].map(|time| (time - start).as_micros());
            (from, until, played.pause.as_micros())
        };
        assert_eq!(play(1_000), (1_000, 21_000, 0));
        assert_eq!(play(1_000), (21_000, 41_000, 0));
        assert_eq!(play(50_000), (50_000, 70_000, 9_000));
    }
}
