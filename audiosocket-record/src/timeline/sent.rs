use std::time::{Duration, Instant};

use audiosocket_media::SampleRate;

use super::Segment;

/// Audio that a handler sends at once follows the pace of the caller's frames, which have jitter. It is one piece if it
/// is at most this late.
const TOLERANCE: Duration = Duration::from_millis(60);

/// The timeline stays this far behind while nothing is sent, since a frame can be late.
const LAG: Duration = Duration::from_millis(200);

/// Places the audio that the server sends in a recording, by the time at which it left.
///
/// A frame of the playout has its exact place, because its time is that of the schedule. The time between two frames is
/// silence.
#[derive(Debug)]
pub(crate) struct SentTimeline {
    /// The end of the recording so far.
    until: Instant,
    /// The latest audio was sent at once.
    at_once: bool,
}

impl SentTimeline {
    /// Returns the timeline of a recording that begins at `from`.
    pub(crate) fn new(from: Instant) -> Self {
        Self {
            until: from,
            at_once: false,
        }
    }

    /// Takes audio that left at `at`, and appends its segments.
    ///
    /// If earlier audio still lasts at `at`, this audio follows it. Silence is then shortened, so that later audio has
    /// its exact place again.
    pub(crate) fn push(
        &mut self,
        at: Instant,
        on_schedule: bool,
        rate: SampleRate,
        mut samples: Vec<i16>,
        segments: &mut Vec<Segment>,
    ) {
        let follows = self.at_once && !on_schedule;
        self.at_once = !on_schedule;
        let tolerance = if follows { TOLERANCE } else { Duration::ZERO };
        let late = at.saturating_duration_since(self.until);
        if late > tolerance {
            self.fill(late, segments);
        }
        let early = self.until.saturating_duration_since(at);
        if on_schedule && !early.is_zero() && samples.iter().all(|sample| *sample == 0) {
            let surplus = rate.samples_in(early).min(samples.len() as u64);
            samples.truncate(samples.len() - surplus as usize);
        }
        if !samples.is_empty() {
            self.until += rate.duration_of(samples.len() as u64);
            segments.push(Segment::Audio(rate, samples));
        }
    }

    /// Appends the segments that do not depend on later audio.
    pub(crate) fn tick(&mut self, now: Instant, segments: &mut Vec<Segment>) {
        let quiet = now.saturating_duration_since(self.until);
        if quiet > LAG {
            self.at_once = false;
            self.fill(quiet - LAG, segments);
        }
    }

    /// Appends the silence at the end of a call that ended at `at`.
    pub(crate) fn finish(&mut self, at: Instant, segments: &mut Vec<Segment>) {
        let quiet = at.saturating_duration_since(self.until);
        self.fill(quiet, segments);
    }

    fn fill(&mut self, quiet: Duration, segments: &mut Vec<Segment>) {
        self.until += quiet;
        segments.push(Segment::Silence(quiet));
    }
}
