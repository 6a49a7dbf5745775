use std::time::Duration;

use audiosocket_proto::DtmfDigit;

use super::spectrum::{Analyzer, HOP, KeySpectrum, WINDOW};
use super::{key_at, power_of};
use crate::{Resampler, SampleRate};

/// Quieter tones are no key, in dBm0.
const QUIETEST: f32 = -42.0;

/// How much louder the high tone can be than the low tone, in dB, and how much quieter.
const TWIST: (f32, f32) = (6.0, -10.0);

/// The part of the power that the two tones have at least, when a key starts and while it lasts.
const PURITY: f32 = 0.8;
const PURITY_LATER: f32 = 0.5;

/// How far a frequency can be from the nominal one: in one window, and on average.
const DEVIATION: f32 = 0.032;
const MEAN_DEVIATION: f32 = 0.022;

/// The number of windows in a row that make a key.
const WINDOWS: u32 = 6;

/// The number of windows in a row without the key that end it: 25 ms. An interruption of 10 ms spoils three windows.
const GAP: u32 = 5;

/// From the start of the tones to the middle of the first window that counts, on average, in samples.
const AFTER_START: u64 = 36;

/// From the middle of the last window that counts to the end of the tones, on average, in samples.
const BEFORE_END: u64 = 20;

/// An event of a [`DtmfDetector`]. Positions are in samples. The first sample that was pushed has the position 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DtmfEvent {
    /// The tones of a key started. The detector returns the event 35 to 45 ms after the start.
    #[non_exhaustive]
    ToneStarted {
        /// The key.
        digit: DtmfDigit,
        /// The position of the first sample of the tones, to within 5 ms.
        at: u64,
    },
    /// The tones of a key ended. The detector returns the event 30 to 40 ms after the end.
    #[non_exhaustive]
    ToneEnded {
        /// The key.
        digit: DtmfDigit,
        /// The position of the first sample after the tones, to within 5 ms.
        at: u64,
        /// How long the tones lasted.
        duration: Duration,
    },
}

/// Detects the tones of keys in the audio of one call, at any sample rate.
///
/// ```
/// use std::time::Duration;
///
/// use audiosocket_media::SampleRate;
/// use audiosocket_media::dtmf::{DtmfDetector, DtmfEvent, DtmfToneOptions, dtmf_tones};
///
/// let rate = SampleRate::Hz8000;
/// let audio = dtmf_tones("5#", rate, DtmfToneOptions::default()).expect("these are keys");
/// let samples: Vec<i16> = audio.samples().collect();
///
/// let mut detector = DtmfDetector::new(rate);
/// let mut events = Vec::new();
/// detector.push(&samples, &mut events);
/// let keys: String = events
///     .iter()
///     .filter_map(|event| match event {
///         DtmfEvent::ToneStarted { digit, .. } => Some(digit.as_char()),
///         _ => None,
///     })
///     .collect();
/// assert_eq!(keys, "5#");
/// ```
///
/// The events do not depend on how the audio is cut. A push allocates only if an event does not fit the buffer of the
/// caller, and at rates other than 8 kHz until its buffer has reached its size. For the cost, see the
/// [table](crate#what-it-costs). At other rates than 8 kHz the audio passes through a [`Resampler`], which adds its latency.
///
/// A Hann window of 15 ms moves over the audio in steps of 5 ms. In each window, the detector measures the eight tones, and
/// from their phases the frequencies. Six windows in a row with one key report it. [The figures](crate::dtmf#figures) say
/// which tones are keys.
#[derive(Debug)]
pub struct DtmfDetector {
    rate: SampleRate,
    /// `None` at 8 kHz.
    resampler: Option<Resampler>,
    /// Samples at 8 kHz; kept for its memory.
    narrow: Vec<i16>,
    analyzer: Analyzer,
    tracker: Tracker,
}

impl DtmfDetector {
    /// Makes a detector for the audio of one call, at `rate`.
    #[must_use]
    pub fn new(rate: SampleRate) -> Self {
        let narrow = SampleRate::Hz8000;
        Self {
            rate,
            resampler: (rate != narrow).then(|| Resampler::new(rate, narrow)),
            narrow: Vec::new(),
            analyzer: Analyzer::new(power_of(QUIETEST)),
            tracker: Tracker::default(),
        }
    }

    /// Pushes any number of samples, and appends the events in them to `events`.
    pub fn push(&mut self, samples: &[i16], events: &mut Vec<DtmfEvent>) {
        let narrow = match &mut self.resampler {
            None => samples,
            Some(resampler) => {
                self.narrow.clear();
                resampler.push(samples, &mut self.narrow);
                &self.narrow
            }
        };
        let hz = u64::from(self.rate.hz());
        for sample in narrow {
            if let Some(spectrum) = self.analyzer.push(*sample) {
                let position = |narrow: u64| narrow * hz / 8_000;
                self.tracker
                    .push(spectrum, |event| events.push(event.at_rate(position)));
            }
        }
    }

    /// Returns the key whose tones last.
    #[must_use]
    pub fn pressed(&self) -> Option<DtmfDigit> {
        let (row, column) = self.tracker.pressed.as_ref()?.key;
        Some(key_at(row, column))
    }
}

impl DtmfEvent {
    /// Converts positions at 8 kHz.
    fn at_rate(self, position: impl Fn(u64) -> u64) -> Self {
        match self {
            Self::ToneStarted { digit, at } => {
                let at = position(at);
                Self::ToneStarted { digit, at }
            }
            Self::ToneEnded {
                digit,
                at,
                duration,
            } => {
                let at = position(at);
                Self::ToneEnded {
                    digit,
                    at,
                    duration,
                }
            }
        }
    }
}

/// A row and a column.
type Key = (usize, usize);

/// Makes keys of the windows.
#[derive(Clone, Debug, Default)]
struct Tracker {
    /// The number of windows so far.
    windows: u64,
    candidate: Option<Candidate>,
    pressed: Option<Pressed>,
}

/// Windows in a row with one key.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    key: Key,
    windows: u32,
    /// The sums of the deviations of both tones.
    low: f32,
    high: f32,
}

/// A key that was reported.
#[derive(Clone, Copy, Debug)]
struct Pressed {
    key: Key,
    started: u64,
    /// The position after its tones, as far as they were found.
    ends: u64,
    /// The number of windows in a row without it.
    missed: u32,
}

impl Tracker {
    /// Takes the next window.
    fn push(&mut self, spectrum: Option<KeySpectrum>, mut report: impl FnMut(DtmfEvent)) {
        self.windows += 1;
        let middle = (self.windows * HOP as u64).saturating_sub(WINDOW as u64 / 2);
        if let Some(pressed) = &mut self.pressed {
            if spectrum.is_some_and(|spectrum| spectrum.continues(pressed.key)) {
                pressed.missed = 0;
                pressed.ends = middle + BEFORE_END;
            } else {
                pressed.missed += 1;
                if pressed.missed == GAP {
                    report(pressed.ended());
                    self.pressed = None;
                }
            }
        }
        self.candidate = spectrum.and_then(|spectrum| spectrum.candidate(self.candidate));
        let Some(candidate) = self.candidate.filter(Candidate::is_key) else {
            return;
        };
        if self
            .pressed
            .is_some_and(|pressed| pressed.key == candidate.key)
        {
            return;
        }
        if let Some(pressed) = self.pressed.take() {
            report(pressed.ended());
        }
        let first = middle.saturating_sub(u64::from(candidate.windows - 1) * HOP as u64);
        let started = first.saturating_sub(AFTER_START);
        let pressed = Pressed {
            key: candidate.key,
            started,
            ends: middle + BEFORE_END,
            missed: 0,
        };
        self.pressed = Some(pressed);
        let digit = key_at(pressed.key.0, pressed.key.1);
        report(DtmfEvent::ToneStarted { digit, at: started });
    }
}

impl Candidate {
    fn is_key(&self) -> bool {
        let mean = |sum: f32| (sum / self.windows as f32).abs();
        self.windows >= WINDOWS
            && mean(self.low) <= MEAN_DEVIATION
            && mean(self.high) <= MEAN_DEVIATION
    }
}

impl Pressed {
    fn ended(&self) -> DtmfEvent {
        DtmfEvent::ToneEnded {
            digit: key_at(self.key.0, self.key.1),
            at: self.ends,
            duration: SampleRate::Hz8000.duration_of(self.ends - self.started),
        }
    }
}

impl KeySpectrum {
    fn key(&self) -> Key {
        (self.low.index, self.high.index)
    }

    fn has_frequencies(&self) -> bool {
        self.low.deviation.abs() <= DEVIATION && self.high.deviation.abs() <= DEVIATION
    }

    fn is_loud(&self) -> bool {
        self.low.power.min(self.high.power) >= power_of(QUIETEST)
    }

    /// Returns the run of windows with one key that ends with this window.
    fn candidate(&self, before: Option<Candidate>) -> Option<Candidate> {
        let twist = self.high.power / self.low.power;
        let fits = self.purity >= PURITY
            && self.is_loud()
            && (power_of(TWIST.1)..=power_of(TWIST.0)).contains(&twist)
            && self.has_frequencies();
        if !fits {
            return None;
        }
        let before = before.filter(|before| before.key == self.key());
        let (windows, low, high) = before.map_or((0, 0.0, 0.0), |it| (it.windows, it.low, it.high));
        Some(Candidate {
            key: self.key(),
            windows: windows + 1,
            low: low + self.low.deviation,
            high: high + self.high.deviation,
        })
    }

    /// Whether the tones of `key` last.
    fn continues(&self, key: Key) -> bool {
        self.key() == key && self.purity >= PURITY_LATER && self.is_loud() && self.has_frequencies()
    }
}
