//! Keys with exact levels, frequencies and durations, on a line with noise and other tones.

use std::f64::consts::TAU;
use std::ops::Range;

use audiosocket_media::Law;
use audiosocket_media::dtmf::{DtmfDetector, DtmfEvent};
use audiosocket_proto::SampleRate;

/// The peak of a sine at 0 dBm0, 3.14 dB below full scale.
const ZERO_DBM0: f64 = 22_827.0;

const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const KEYS: &[u8; 16] = b"123A456B789C*0#D";

/// Presses of all sixteen keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeySignal {
    pub(crate) rate: SampleRate,
    /// How often each key is pressed.
    pub(crate) rounds: usize,
    pub(crate) tone_ms: f64,
    pub(crate) pause_ms: f64,
    /// The levels of the tones, in dBm0.
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// How far the frequencies are from the nominal ones, in percent.
    pub(crate) low_deviation: f64,
    pub(crate) high_deviation: f64,
    /// An interruption in the middle of each tone.
    pub(crate) interruption_ms: f64,
    /// The level of white noise, in dB below the quieter tone.
    pub(crate) noise_below: Option<f64>,
    /// The frequencies of a dial tone, and the level of each, in dBm0.
    pub(crate) dial_tone: Option<(&'static [f64], f64)>,
    /// Encodes and decodes the audio.
    pub(crate) law: Option<Law>,
}

impl Default for KeySignal {
    fn default() -> Self {
        Self {
            rate: SampleRate::Hz8000,
            rounds: 5,
            tone_ms: 40.0,
            pause_ms: 40.0,
            low: -12.0,
            high: -12.0,
            low_deviation: 0.0,
            high_deviation: 0.0,
            interruption_ms: 0.0,
            noise_below: None,
            dial_tone: None,
            law: None,
        }
    }
}

/// A press in a signal.
#[derive(Clone, Debug)]
pub(crate) struct Press {
    pub(crate) key: u8,
    /// In samples.
    pub(crate) at: Range<usize>,
}

/// What a detector found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Score {
    pub(crate) presses: usize,
    /// Presses that were found exactly once, as the right key.
    pub(crate) right: usize,
    /// Events beyond those.
    pub(crate) extra: usize,
}

impl Score {
    /// Whether each press was found exactly once, and nothing else.
    pub(crate) fn is_perfect(&self) -> bool {
        self.right == self.presses && self.extra == 0
    }

    /// Whether nothing was found.
    pub(crate) fn is_silent(&self) -> bool {
        self.right == 0 && self.extra == 0
    }
}

/// A key that a detector found: the key, its start and its duration, in samples.
pub(crate) type Found = (u8, usize, usize);

impl KeySignal {
    /// Makes the signal. It is the same in every run.
    pub(crate) fn make(&self) -> (Vec<i16>, Vec<Press>) {
        let hz = f64::from(self.rate.hz());
        let samples_in = |ms: f64| (ms / 1_000.0 * hz).round() as usize;
        let mut chance = Chance(0x2545_f491_4f6c_dd1d);
        let (mut signal, mut presses) = (vec![0.0; samples_in(100.0)], Vec::new());
        for number in 0..16 * self.rounds {
            // The second half of the rounds presses each key several times in a row.
            let key = if number < 8 * self.rounds {
                number % 16
            } else {
                number / self.rounds % 16
            };
            let low = LOW[key / 4] * (1.0 + self.low_deviation / 100.0);
            let high = HIGH[key % 4] * (1.0 + self.high_deviation / 100.0);
            let low = sine(low, self.low, hz, chance.next());
            let high = sine(high, self.high, hz, chance.next());
            let len = samples_in(self.tone_ms);
            let hole = samples_in(self.interruption_ms);
            let hole = (len - hole) / 2..(len + hole) / 2;
            let start = signal.len();
            signal.extend((0..len).map(|at| {
                if hole.contains(&at) {
                    0.0
                } else {
                    low(at) + high(at)
                }
            }));
            presses.push(Press {
                key: KEYS[key],
                at: start..signal.len(),
            });
            // Up to 5 ms more, so that keys start anywhere in the steps of a detector.
            let pause = samples_in(self.pause_ms + 2.5 + 2.5 * chance.next());
            signal.extend(std::iter::repeat_n(0.0, pause));
        }
        signal.extend(std::iter::repeat_n(0.0, samples_in(100.0)));
        if let Some(below) = self.noise_below {
            // A sine has half the power of its peak, and uniform noise a third.
            let peak = amplitude(self.low.min(self.high) - below) * 1.5_f64.sqrt();
            signal.iter_mut().for_each(|at| *at += peak * chance.next());
        }
        for tone in self.dial_tone.iter().flat_map(|(tones, _)| *tones) {
            let level = self.dial_tone.map_or(0.0, |(_, level)| level);
            let tone = sine(*tone, level, hz, 0.0);
            signal
                .iter_mut()
                .enumerate()
                .for_each(|(at, sum)| *sum += tone(at));
        }
        let mut samples: Vec<i16> = signal.iter().map(|at| at.round() as i16).collect();
        if let Some(law) = self.law {
            for sample in &mut samples {
                *sample = law.decode_sample(law.encode_sample(*sample));
            }
        }
        (samples, presses)
    }

    /// Makes the signal, and compares what the detector finds.
    pub(crate) fn score(&self) -> Score {
        let (samples, presses) = self.make();
        score(&presses, &found(self.rate, &samples), self.rate)
    }
}

/// Returns what the detector finds, in frames of 20 ms.
pub(crate) fn found(rate: SampleRate, samples: &[i16]) -> Vec<Found> {
    let mut detector = DtmfDetector::new(rate);
    let mut events = Vec::new();
    for frame in samples.chunks(rate.hz() as usize / 50) {
        detector.push(frame, &mut events);
    }
    let mut found = Vec::new();
    for event in events {
        match event {
            DtmfEvent::ToneStarted { digit, at, .. } => {
                found.push((digit.as_byte(), at as usize, 0));
            }
            DtmfEvent::ToneEnded { duration, .. } => {
                let last: &mut Found = found.last_mut().expect("an end has a start before it");
                last.2 = rate.samples_in(duration) as usize;
            }
            _ => panic!("{event:?}"),
        }
    }
    found
}

/// Compares what was found with what was pressed. A start may be 10 ms early, and no later than the end of its press.
pub(crate) fn score(presses: &[Press], found: &[Found], rate: SampleRate) -> Score {
    let early = rate.hz() as usize / 100;
    let mut right = 0;
    for press in presses {
        let during = press.at.start.saturating_sub(early)..press.at.end;
        let mut here = found.iter().filter(|(_, at, _)| during.contains(at));
        let is_right =
            here.next().is_some_and(|(key, ..)| *key == press.key) && here.next().is_none();
        right += usize::from(is_right);
    }
    Score {
        presses: presses.len(),
        right,
        extra: found.len() - right,
    }
}

/// The peak of a sine.
fn amplitude(dbm0: f64) -> f64 {
    ZERO_DBM0 * 10_f64.powf(dbm0 / 20.0)
}

fn sine(tone: f64, dbm0: f64, hz: f64, phase: f64) -> impl Fn(usize) -> f64 {
    let peak = amplitude(dbm0);
    move |at| ((at as f64 * tone / hz + phase) * TAU).sin() * peak
}

/// Numbers from -1 to 1, the same in every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}
