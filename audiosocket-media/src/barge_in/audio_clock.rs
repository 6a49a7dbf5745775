use std::time::{Duration, Instant};

use super::RATE;

/// Frames come earlier and later than they should. A smaller difference is jitter, in samples at 8 kHz: 60 ms.
const JITTER: i64 = 480;

/// A longer gap in the caller's audio is a gap: 120 ms. Some phones send nothing in a pause.
const GAP: i64 = 960;

/// Converts times to positions in samples at 8 kHz. The clock is the caller's audio, because frames have jitter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AudioClock {
    /// A time and its position.
    anchor: Option<(Instant, i64)>,
    /// When the last audio of the caller came.
    last: Option<Instant>,
    /// After a gap and one frame: where that frame ends if there was no gap.
    without_gap: Option<i64>,
}

impl AudioClock {
    fn position(&mut self, at: Instant) -> i64 {
        let (since, position) = *self.anchor.get_or_insert((at, 0));
        let samples = |duration: Duration| RATE.samples_in(duration) as i64;
        if at >= since {
            position + samples(at - since)
        } else {
            position - samples(since - at)
        }
    }

    /// Returns the position of audio of `len` samples that had left at `at`, after audio that ended at `end`.
    pub(super) fn played(&mut self, at: Instant, len: i64, end: i64) -> i64 {
        let position = self.position(at) - len;
        if (position - end).abs() <= JITTER {
            end
        } else {
            position
        }
    }

    /// Returns the position of audio of `len` samples that came at `at`, after audio that ended at `end`.
    pub(super) fn came(&mut self, at: Instant, len: i64, end: i64) -> i64 {
        if self.anchor.is_none() {
            self.anchor = Some((at, end + len));
        }
        // Audio that comes at once after a gap was only late: a busy machine, or a packet that was sent again.
        let is_burst = self.last.replace(at).is_some_and(|last| {
            at.saturating_duration_since(last) < RATE.duration_of(len.unsigned_abs()) / 2
        });
        let late = self.position(at) - (end + len);
        let start = if is_burst {
            self.without_gap.take().unwrap_or(end)
        } else if late > GAP {
            self.without_gap = Some(end + len);
            end + late
        } else {
            self.without_gap = None;
            end
        };
        // Packets that came late count less, since each packet has a time before which it cannot come.
        let ahead = start + len - self.position(at);
        if let Some((_, position)) = &mut self.anchor {
            *position += if ahead > 0 { ahead } else { ahead / 64 };
        }
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: i64 = 160;

    /// Returns the start of each frame that comes at these times, in frames.
    fn starts(millis: &[u64]) -> Vec<i64> {
        let (mut clock, first, mut end) = (AudioClock::default(), Instant::now(), 0);
        let mut starts = Vec::new();
        for at in millis {
            let start = clock.came(first + Duration::from_millis(*at), FRAME, end);
            starts.push(start / FRAME);
            end = start + FRAME;
        }
        starts
    }

    #[test]
    fn jitter_makes_no_gap() {
        assert_eq!(starts(&[0, 20, 75, 75, 85, 100]), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn audio_after_a_gap_starts_later() {
        assert_eq!(starts(&[0, 20, 240, 260, 280]), [0, 1, 12, 13, 14]);
    }

    #[test]
    fn audio_that_was_held_back_has_no_gap() {
        let held_back = [0, 20, 240, 240, 240, 241, 241, 241, 241, 242, 242, 242, 242];
        let mut expected: Vec<i64> = (0..13).collect();
        // The first one can be the end of a gap.
        expected[2] = 12;
        assert_eq!(starts(&held_back), expected);
    }

    #[test]
    fn a_burst_that_is_shorter_than_the_gap_is_followed_by_the_gap() {
        let starts = starts(&[0, 20, 440, 440, 460, 480]);
        assert_eq!(starts[..4], [0, 1, 22, 3]);
        assert!((22..=23).contains(&starts[4]), "{starts:?}");
        assert_eq!(starts[5], starts[4] + 1);
    }
}
