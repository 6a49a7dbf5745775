use std::time::{Duration, Instant};

use crate::decoder::DecodedAudio;

/// Audio that is early for this long is not a burst.
const STEADY: Duration = Duration::from_secs(1);

/// The highest mean square of a frame that can be shortened: a level of -40 dB below full scale.
const QUIET: u64 = 328 * 328;

/// Shortens pauses of a caller whose audio is early for a while, so that later audio has its place again.
///
/// Audio cannot arrive before it was spoken. So the recording has too much of the caller: the clock of a telephone is fast, or
/// a long delay was recorded as a gap.
#[derive(Debug)]
pub(super) struct EarlyAudio {
    tolerance: Duration,
    /// Since when each frame is early. `None` after a frame that is not.
    since: Option<Instant>,
    /// By how much, at least.
    least: Duration,
}

impl EarlyAudio {
    pub(super) fn new(tolerance: Duration) -> Self {
        Self {
            tolerance,
            since: None,
            least: Duration::MAX,
        }
    }

    /// Takes audio that is `early`, and cuts its end if it is quiet and early for a while.
    pub(super) fn shorten(&mut self, audio: &mut DecodedAudio, early: Duration) {
        if early <= self.tolerance {
            *self = Self::new(self.tolerance);
            return;
        }
        self.least = self.least.min(early);
        let since = *self.since.get_or_insert(audio.at);
        if audio.at.saturating_duration_since(since) < STEADY || !is_quiet(&audio.samples) {
            return;
        }
        let surplus = audio.rate.samples_in(self.least);
        let len = audio.samples.len();
        audio
            .samples
            .truncate(len.saturating_sub(usize::try_from(surplus).unwrap_or(len)));
        *self = Self::new(self.tolerance);
    }
}

fn is_quiet(samples: &[i16]) -> bool {
    let squares = samples.iter().map(|sample| {
        let sample = u64::from(sample.unsigned_abs());
        sample * sample
    });
    squares.sum::<u64>() <= QUIET * samples.len() as u64
}
