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
    /// When the window of [`STEADY`] began. `None` after a frame that is not early.
    since: Option<Instant>,
    /// By how much each frame of the window is early, at least.
    least: Duration,
    /// The same for the window before it. Zero if there is none.
    least_before: Duration,
}

impl EarlyAudio {
    pub(super) fn new(tolerance: Duration) -> Self {
        Self {
            tolerance,
            since: None,
            least: Duration::MAX,
            least_before: Duration::ZERO,
        }
    }

    /// Takes audio that is `early`, and cuts its end if it is quiet and early for a while.
    pub(super) fn shorten(&mut self, audio: &mut DecodedAudio, early: Duration) {
        if early <= self.tolerance {
            *self = Self::new(self.tolerance);
            return;
        }
        let since = *self.since.get_or_insert(audio.at);
        if audio.at.saturating_duration_since(since) >= STEADY {
            self.since = Some(audio.at);
            self.least_before = std::mem::replace(&mut self.least, Duration::MAX);
        }
        self.least = self.least.min(early);
        let surplus = self.least.min(self.least_before);
        if surplus <= self.tolerance || !is_quiet(&audio.samples) {
            return;
        }
        let surplus = audio.rate.samples_in(surplus);
        let surplus = usize::try_from(surplus).unwrap_or(usize::MAX);
        let len = audio.samples.len();
        audio.samples.truncate(len.saturating_sub(surplus));
        let cut = len - audio.samples.len();
        let cut = audio.rate.duration_of(cut as u64);
        self.least = self.least.saturating_sub(cut);
        self.least_before = self.least_before.saturating_sub(cut);
    }
}

fn is_quiet(samples: &[i16]) -> bool {
    let squares = samples.iter().map(|sample| {
        let sample = u64::from(sample.unsigned_abs());
        sample * sample
    });
    squares.sum::<u64>() <= QUIET * samples.len() as u64
}
