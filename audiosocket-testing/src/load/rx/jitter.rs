//! The playout times of a telephone, and the jitter of the received audio.

use std::time::{Duration, Instant};

/// A longer pause is a gap that a listener notices: the jitter buffer of a telephone hides about
/// this much.
const MAX_HIDDEN_PAUSE: Duration = Duration::from_millis(60);

/// Frames that follow each other faster are a burst.
const BURST: Duration = Duration::from_millis(5);

/// Shorter frames are parts of a frame that the server has cut, and may come together.
const MIN_WHOLE_FRAME: Duration = Duration::from_millis(10);

/// The playout of a telephone that plays audio as it comes, and queues early audio.
#[derive(Debug, Default)]
pub(super) struct PhonePlayout {
    until: Option<Instant>,
}

/// The playout times of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlayedFrame {
    pub(super) from: Instant,
    pub(super) until: Instant,
    /// The time before the frame without audio to play; 0 before the first frame.
    pub(super) pause: Duration,
}

impl PhonePlayout {
    /// Plays a frame that came at `arrival` and lasts `duration`.
    pub(super) fn play(&mut self, arrival: Instant, duration: Duration) -> PlayedFrame {
        let free = self.until.unwrap_or(arrival);
        let from = arrival.max(free);
        let until = from + duration;
        self.until = Some(until);
        PlayedFrame {
            from,
            until,
            pause: from - free,
        }
    }
}

/// Compares the arrival times of a call's frames with those from a regular sender.
#[derive(Debug, Default)]
pub(super) struct JitterMeter {
    totals: JitterTotals,
    last: Option<Last>,
}

/// The results for a whole call, beside the deviations of single frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::load) struct JitterTotals {
    /// Pauses longer than [`MAX_HIDDEN_PAUSE`].
    pub(in crate::load) gaps: u64,
    pub(in crate::load) longest_gap: Duration,
    /// Pairs of whole frames less than [`BURST`] apart.
    pub(in crate::load) bursts: u64,
    /// The most audio in frames of less than [`BURST`] after each other.
    pub(in crate::load) longest_burst: Duration,
    /// The drift of the last frame in microseconds: positive if it was late, negative if early.
    pub(in crate::load) final_drift: Option<i64>,
}

/// How much a frame deviates from a regular arrival, early or late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::load) struct Deviation {
    /// The time since the frame before against the duration of that frame: the magnitude of the
    /// delay variation between packets (RFC 5481, IPDV; D in RFC 3550).
    pub(in crate::load) jitter: Duration,
    /// The jitter if the frame is late; 0 if it is early, as a frame behind a late one is.
    pub(in crate::load) lateness: Duration,
    /// The time since the first frame against the duration of all audio since then: the magnitude
    /// of the delay variation from the first packet (RFC 5481, PDV).
    pub(in crate::load) drift: Duration,
}

#[derive(Debug)]
struct Last {
    arrival: Instant,
    duration: Duration,
    /// The arrival time of the next frame without drift.
    next_due: Instant,
    /// The audio of this frame and of those right before it.
    burst: Duration,
}

impl JitterMeter {
    /// Adds a frame that came at `arrival` and lasts `duration`, `pause` as in [`PlayedFrame`].
    ///
    /// Returns `None` for the first frame, and for the first frame after a gap: a server may pause.
    /// The gap is counted instead, and drift starts again from that frame.
    pub(super) fn frame(
        &mut self,
        arrival: Instant,
        duration: Duration,
        pause: Duration,
    ) -> Option<Deviation> {
        let totals = &mut self.totals;
        if pause > MAX_HIDDEN_PAUSE {
            totals.gaps += 1;
            totals.longest_gap = totals.longest_gap.max(pause);
            self.last = None;
        }
        let last = self.last.replace(Last {
            arrival,
            duration,
            next_due: arrival + duration,
            burst: duration,
        });
        totals.longest_burst = totals.longest_burst.max(duration);
        let last = last?;
        let interval = arrival - last.arrival;
        if let Some(this) = &mut self.last {
            this.next_due = last.next_due + duration;
            if interval < BURST {
                this.burst += last.burst;
            }
            totals.longest_burst = totals.longest_burst.max(this.burst);
        }
        let whole = duration.min(last.duration) >= MIN_WHOLE_FRAME;
        totals.bursts += u64::from(whole && interval < BURST);
        let (late, early) = (arrival - last.next_due, last.next_due - arrival);
        totals.final_drift = Some(micros(late) - micros(early));
        Some(Deviation {
            jitter: interval.abs_diff(last.duration),
            lateness: interval.saturating_sub(last.duration),
            drift: late.max(early),
        })
    }

    pub(super) fn totals(&self) -> JitterTotals {
        self.totals
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

    /// Jitter and drift, in microseconds, of frames of `PTIME` that come at these microseconds.
    fn deviations(arrivals: &[u64]) -> (Vec<(u128, u128)>, JitterTotals) {
        let start = Instant::now();
        let (mut playout, mut jitter) = (PhonePlayout::default(), JitterMeter::default());
        let deviations = arrivals.iter().filter_map(|at| {
            let arrival = start + micros(*at);
            let played = playout.play(arrival, PTIME);
            let deviation = jitter.frame(arrival, PTIME, played.pause)?;
            Some((deviation.jitter.as_micros(), deviation.drift.as_micros()))
        });
        (deviations.collect(), jitter.totals())
    }

    /// The lateness of each frame.
    fn lateness(arrivals: &[u64]) -> Vec<u128> {
        let (start, mut jitter) = (Instant::now(), JitterMeter::default());
        let late = arrivals.iter().filter_map(|at| {
            let deviation = jitter.frame(start + micros(*at), PTIME, Duration::ZERO)?;
            Some(deviation.lateness.as_micros())
        });
        late.collect()
    }

    #[test]
    fn a_regular_server_has_no_jitter() {
        let arrivals: Vec<_> = (0..1000).map(|frame| 7_000 + 20_000 * frame).collect();
        let (deviations, totals) = deviations(&arrivals);
        assert_eq!(deviations, [(0, 0); 999]);
        let regular = JitterTotals {
            longest_burst: PTIME,
            final_drift: Some(0),
            ..JitterTotals::default()
        };
        assert_eq!(totals, regular);
    }

    #[test]
    fn a_late_frame_has_jitter_twice_and_drift_once() {
        let arrivals = [0, 20_000, 43_000, 60_000, 80_000];
        let (deviations, totals) = deviations(&arrivals);
        assert_eq!(deviations, [(0, 0), (3_000, 3_000), (3_000, 0), (0, 0)]);
        assert_eq!(lateness(&arrivals), [0, 3_000, 0, 0]);
        assert_eq!(totals.final_drift, Some(0));
        assert_eq!((totals.gaps, totals.bursts), (0, 0));
    }

    #[test]
    fn a_server_whose_clock_is_slow_or_fast_drifts_and_has_no_gaps() {
        for (period, drift) in [(20_010, 9_990), (19_990, -9_990)] {
            let arrivals: Vec<_> = (0..1000).map(|frame| period * frame).collect();
            let (deviations, totals) = deviations(&arrivals);
            assert!(deviations.iter().all(|(jitter, _)| *jitter == 10));
            assert_eq!(deviations.last(), Some(&(10, 9_990)));
            assert_eq!(totals.final_drift, Some(drift));
            assert_eq!((totals.gaps, totals.bursts), (0, 0));
        }
    }

    #[test]
    fn frames_of_one_read_are_a_burst() {
        let (deviations, totals) = deviations(&[0, 60_000, 60_000, 60_000, 80_000, 84_999]);
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
        assert_eq!((totals.gaps, totals.bursts), (0, 3));
        assert_eq!(totals.longest_burst, 3 * PTIME);
        assert_eq!(totals.final_drift, Some(-15_001));
    }

    #[test]
    fn small_parts_of_a_frame_are_no_burst() {
        let (mut playout, mut jitter) = (PhonePlayout::default(), JitterMeter::default());
        let start = Instant::now();
        for (at, millis) in [(0, 5), (0, 15), (20, 4), (20, 16), (40, 20)] {
            let (arrival, duration) = (start + micros(at * 1000), micros(millis * 1000));
            let played = playout.play(arrival, duration);
            jitter.frame(arrival, duration, played.pause);
        }
        assert_eq!(jitter.totals().bursts, 0);
    }

    #[test]
    fn a_pause_is_a_gap_after_which_drift_starts_again() {
        // There is nothing to play from 40 to 100.001 ms, which is a gap, and from 120.001 to 180 ms.
        let (deviations, totals) = deviations(&[0, 20_000, 100_001, 180_000, 200_000]);
        assert_eq!(
            deviations,
            [(0, 0), (59_999, 59_999), (0, 59_999)],
            "the frame after the gap has no deviation"
        );
        assert_eq!((totals.gaps, totals.longest_gap), (1, micros(60_001)));
        assert_eq!(totals.final_drift, Some(59_999));
    }

    #[test]
    fn a_server_that_sent_ahead_may_pause() {
        // Ten frames come at once. They last 200 ms.
        let mut arrivals = vec![0; 10];
        arrivals.extend([200_000, 220_000]);
        let (deviations, totals) = deviations(&arrivals);
        assert_eq!((totals.gaps, totals.bursts), (0, 9));
        assert_eq!(deviations[8], (20_000, 180_000));
        assert_eq!(deviations[9..], [(180_000, 0), (0, 0)]);
    }

    #[test]
    fn an_early_frame_is_played_after_the_frame_before() {
        let start = Instant::now();
        let mut playout = PhonePlayout::default();
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
