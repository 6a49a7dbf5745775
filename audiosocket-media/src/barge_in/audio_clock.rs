use std::time::Instant;

/// Frames come earlier and later than they should. A smaller difference is jitter, in samples at 8 kHz: 60 ms.
const JITTER: i64 = 480;

/// A longer gap in the caller's audio is a gap: 120 ms. Some phones send nothing in a pause.
const GAP: i64 = 960;

/// Converts times to positions in samples at 8 kHz. The clock is the caller's audio, because frames have jitter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AudioClock {
    /// A time and its position.
    anchor: Option<(Instant, i64)>,
}

impl AudioClock {
    fn position(&mut self, at: Instant) -> i64 {
        let (since, position) = *self.anchor.get_or_insert((at, 0));
        let samples = |duration: std::time::Duration| (duration.as_nanos() / 125_000) as i64;
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
        let late = self.position(at) - (end + len);
        let start = if late > GAP { end + late } else { end };
        // Packets that came late count less, since each packet has a time before which it cannot come.
        let ahead = start + len - self.position(at);
        if let Some((_, position)) = &mut self.anchor {
            *position += if ahead > 0 { ahead } else { ahead / 64 };
        }
        start
    }
}
