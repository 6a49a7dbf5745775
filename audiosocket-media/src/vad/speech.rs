use std::fmt;

use earshot::Detector;

use crate::vad::{Hysteresis, SpeechDetector, Timing, VadEvent};
use crate::{Resampler, SampleRate};

/// The network takes windows of 16 ms at 16 kHz.
const RATE: SampleRate = SampleRate::Hz16000;
const WINDOW: usize = 256;

/// Detects speech with the neural network of the crate `earshot`. It ignores most noise, tones and music, also when they
/// are loud.
///
/// It has the same functions as [`EnergyVad`](super::EnergyVad). The positions of events are samples at the rate of the
/// pushed audio.
///
/// # Accuracy
///
/// Measured with Asterisk's English sound files (1.6.1), with a second of silence before and after each file:
///
/// | files | number | files in which it reported speech |
/// |---|---|---|
/// | speech | 553 | 550; it missed 3 short words |
/// | beeps | 5 | 0 |
/// | silence | 10 | 0 |
///
/// `EnergyVad` reported speech in all speech and all beeps. In the median, `SpeechVad` found the start 0.14 s later than
/// `EnergyVad`.
///
/// # Latency and cost
///
/// The latency is the [`Timing`] plus at most 31 ms, because the audio is resampled to 16 kHz and cut into windows of
/// 16 ms. For the cost, see the [table](crate#what-it-costs). A detector takes 8 kB, plus the memory of a [`Resampler`] if
/// the rate is not 16 kHz.
pub struct SpeechVad {
    detector: Box<Detector>,
    options: SpeechOptions,
    hysteresis: Hysteresis,
    rate: SampleRate,
    resampler: Resampler,
    /// Audio at 16 kHz. Between two pushes, it is shorter than a window.
    waiting: Vec<i16>,
    /// The score of the last window.
    score: f32,
}

impl SpeechVad {
    /// Makes a detector for the audio of one call, at `rate`.
    #[must_use]
    pub fn new(rate: SampleRate, options: SpeechOptions) -> Self {
        Self {
            detector: Detector::default_boxed(),
            hysteresis: Hysteresis::new(options.timing, RATE, WINDOW as u64),
            options,
            rate,
            resampler: Resampler::new(rate, RATE),
            waiting: Vec::new(),
            score: 0.0,
        }
    }

    /// Pushes any number of samples, and appends the events in them to `events`.
    pub fn push(&mut self, samples: &[i16], events: &mut Vec<VadEvent>) {
        self.resampler.push(samples, &mut self.waiting);
        let (windows, rest) = self.waiting.as_chunks::<WINDOW>();
        for window in windows {
            let score = self.detector.predict_i16(window);
            self.score = score;
            let threshold = if self.hysteresis.speaking {
                self.options.end_score
            } else {
                self.options.start_score
            };
            if let Some(change) = self.hysteresis.next(score >= threshold) {
                let (from, to) = (u64::from(RATE.hz()), u64::from(self.rate.hz()));
                events.push(change.at(|window| window * WINDOW as u64 * to / from));
            }
        }
        let done = self.waiting.len() - rest.len();
        self.waiting.drain(..done);
    }

    /// Returns true between a [`VadEvent::SpeechStarted`] and its [`VadEvent::SpeechEnded`].
    #[must_use]
    pub const fn is_speaking(&self) -> bool {
        self.hysteresis.speaking
    }
}

/// The score is that of the network, for the last window of 16 ms.
impl SpeechDetector for SpeechVad {
    fn score(&mut self, samples: &[i16]) -> f32 {
        self.push(samples, &mut Vec::new());
        self.score
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

/// Options of [`SpeechVad`]: the scores of the network for speech, and how long they must last.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct SpeechOptions {
    /// Speech starts at this score, from 0 to 1. The default is 0.8. `earshot` recommends 0.5, but in telephone audio, loud
    /// white noise and dial tones reach 0.75. The mean score of speech is 0.9.
    pub start_score: f32,
    /// Speech continues while the score is at least this value. The default is 0.7.
    pub end_score: f32,
    /// How long speech and silence must last.
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
    /// Sets [`start_score`](Self::start_score) and [`end_score`](Self::end_score). The second should be smaller.
    #[must_use]
    pub const fn scores(mut self, start: f32, end: f32) -> Self {
        self.start_score = start;
        self.end_score = end;
        self
    }

    /// Sets [`timing`](Self::timing).
    #[must_use]
    pub const fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }
}
