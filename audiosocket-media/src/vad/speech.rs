use std::fmt;

use earshot::Detector;

use crate::vad::{Hysteresis, Timing, VadEvent};
use crate::{Resampler, SampleRate};

/// What the network takes: windows of 16 ms.
const RATE: SampleRate = SampleRate::Hz16000;
const WINDOW: usize = 256;

/// Tells when a caller speaks by what it sounds like, with the neural network of the crate
/// `earshot`: noise, tones and music are mostly no speech to it, however loud.
///
/// Of the 558 recordings with sound in Asterisk's English sound files (1.6.1, with a second of silence
/// around each) it heard speech in 550, in none of the 10 silent ones, and not in the 5 that are
/// beeps; 3 short words it missed. It found the beginning 0.14 s later than `EnergyVad` in the
/// median, which heard all 558, beeps too.
///
/// Used as [`EnergyVad`](super::EnergyVad) is; events have positions at the rate of what is pushed.
///
/// Latency: that of [`Timing`], and up to 31 ms more, since the network takes windows of 16 ms at
/// 16 kHz and audio is resampled to that. Cost: see the [table](crate#what-it-costs). It takes 8 kB,
/// besides what a [`Resampler`] takes if the rate is not 16 kHz.
pub struct SpeechVad {
    detector: Box<Detector>,
    options: SpeechOptions,
    hysteresis: Hysteresis,
    rate: SampleRate,
    resampler: Resampler,
    /// At 16 kHz, less than a window between two pushes.
    waiting: Vec<i16>,
}

impl SpeechVad {
    /// A detector for one call's audio at `rate`.
    #[must_use]
    pub fn new(rate: SampleRate, options: SpeechOptions) -> Self {
        Self {
            detector: Detector::default_boxed(),
            hysteresis: Hysteresis::new(options.timing, RATE, WINDOW as u64),
            options,
            rate,
            resampler: Resampler::new(rate, RATE),
            waiting: Vec::new(),
        }
    }

    /// Takes any number of samples, and appends what happened in them to `events`.
    pub fn push(&mut self, samples: &[i16], events: &mut Vec<VadEvent>) {
        self.resampler.push(samples, &mut self.waiting);
        let (windows, rest) = self.waiting.as_chunks::<WINDOW>();
        for window in windows {
            let score = self.detector.predict_i16(window);
            let threshold = if self.hysteresis.speaking {
                self.options.end_score
            } else {
                self.options.start_score
            };
            if let Some(turn) = self.hysteresis.next(score >= threshold) {
                let (from, to) = (u64::from(RATE.hz()), u64::from(self.rate.hz()));
                events.push(turn.at(|window| window * WINDOW as u64 * to / from));
            }
        }
        let done = self.waiting.len() - rest.len();
        self.waiting.drain(..done);
    }

    /// Whether the caller speaks, as of the last event.
    #[must_use]
    pub const fn is_speaking(&self) -> bool {
        self.hysteresis.speaking
    }
}

impl fmt::Debug for SpeechVad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpeechVad")
            .field("options", &self.options)
            .field("rate", &self.rate)
            .field("is_speaking", &self.is_speaking())
            .finish_non_exhaustive()
    }
}

/// How sure the network has to be, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct SpeechOptions {
    /// From what score on speech begins, from 0 to 1: 0.8 unless set. `earshot` advises 0.5, but on
    /// the telephone's narrow band loud white noise and dial tones score up to 0.75; speech has
    /// 0.9 in the mean.
    pub start_score: f32,
    /// From what score on speech still goes on: 0.7 unless set.
    pub end_score: f32,
    /// How long both must last.
    pub timing: Timing,
}

impl Default for SpeechOptions {
    fn default() -> Self {
        Self {
            start_score: 0.8,
            end_score: 0.7,
            timing: Timing::default(),
        }
    }
}

impl SpeechOptions {
    /// With other [`start_score`](Self::start_score) and [`end_score`](Self::end_score), the second
    /// of which should be the smaller one.
    #[must_use]
    pub const fn scores(mut self, start: f32, end: f32) -> Self {
        self.start_score = start;
        self.end_score = end;
        self
    }

    /// With another [`timing`](Self::timing).
    #[must_use]
    pub const fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }
}
