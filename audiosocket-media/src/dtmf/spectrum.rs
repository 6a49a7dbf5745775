//! The levels and frequencies of the tones in 15 ms of audio, every 5 ms.

use std::f32::consts::{PI, TAU};
use std::sync::LazyLock;

use super::{HIGH, LOW, ZERO_DBM0};
use crate::biquad::Biquad;

/// The sample rate of the analysis, in Hz.
const HZ: f32 = 8_000.0;

/// 5 ms.
pub(super) const HOP: usize = 40;

/// 15 ms: the two tones of a key, 268 Hz apart at least, are at zeros of each other's window.
pub(super) const WINDOW: usize = 3 * HOP;

/// The number of tones: four rows, four columns.
const TONES: usize = 8;

/// Dial tones have 350, 400, 425, 440 or 450 Hz. These stop bands keep them out of the total power.
const NOTCHES: [(f32, f32); 3] = [(350.0, 5.0), (400.0, 5.0), (445.0, 5.0)];

/// Hum and an offset are below this frequency, in Hz.
const HIGH_PASS: f32 = 120.0;

/// One of the tones in a window.
#[derive(Clone, Copy, Debug)]
pub(super) struct MeasuredTone {
    /// The row or column.
    pub(super) index: usize,
    /// The power of the tone, if 1 is 0 dBm0.
    pub(super) power: f32,
    /// How far the frequency is from the nominal one, as a part of it.
    pub(super) deviation: f32,
}

/// What a window contains.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeySpectrum {
    /// The strongest row and the strongest column.
    pub(super) low: MeasuredTone,
    pub(super) high: MeasuredTone,
    /// The power of both tones as a part of the power of the window, without dial tones and hum.
    pub(super) purity: f32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Complex {
    re: f32,
    im: f32,
}

impl Complex {
    fn power(self) -> f32 {
        self.re * self.re + self.im * self.im
    }

    /// Returns `self` times the conjugate of `other`.
    fn times_conjugate(self, other: Self) -> Self {
        Self {
            re: self.re * other.re + self.im * other.im,
            im: self.im * other.re - self.re * other.im,
        }
    }
}

/// A Hann window, alone and times the waves of the tones.
struct Tables {
    window: [f32; WINDOW],
    /// For each sample: the cosines of all tones, then the sines.
    waves: [[f32; 2 * TONES]; WINDOW],
    /// How far each tone turns in a hop.
    turns: [Complex; TONES],
}

static TABLES: LazyLock<Box<Tables>> = LazyLock::new(|| {
    let mut tables = Box::new(Tables {
        window: [0.0; WINDOW],
        waves: [[0.0; 2 * TONES]; WINDOW],
        turns: [Complex::default(); TONES],
    });
    let tones = LOW
        .into_iter()
        .chain(HIGH)
        .map(|hz| f64::from(hz) / f64::from(HZ));
    for (tone, cycles) in tones.enumerate() {
        let angle = |samples: usize| std::f64::consts::TAU * cycles * samples as f64;
        for at in 0..WINDOW {
            let phase = (at as f32 + 0.5) / WINDOW as f32 * TAU;
            let window = (1.0 - phase.cos()) / 2.0;
            tables.window[at] = window;
            tables.waves[at][tone] = window * angle(at).cos() as f32;
            tables.waves[at][TONES + tone] = -window * angle(at).sin() as f32;
        }
        let (im, re) = angle(HOP).sin_cos();
        tables.turns[tone] = Complex {
            re: re as f32,
            im: im as f32,
        };
    }
    tables
});

/// Takes samples at 8 kHz. Makes a [`KeySpectrum`] of each hop.
#[derive(Clone, Debug)]
pub(super) struct Analyzer {
    filters: [Biquad; 1 + NOTCHES.len()],
    /// The last samples, filtered. The oldest is the first.
    recent: [f32; WINDOW],
    /// The number of samples since the last hop.
    fresh: usize,
    /// The tones of the last window.
    last: Option<[Complex; TONES]>,
    /// The least power of a tone, if 1 is 0 dBm0.
    least: f32,
}

impl Analyzer {
    /// `least` is the least power of a tone that counts, if 1 is 0 dBm0.
    pub(super) fn new(least: f32) -> Self {
        let [first, second, third] = NOTCHES.map(|(hz, q)| Biquad::notch(hz, q));
        Self {
            filters: [Biquad::high_pass(HIGH_PASS), first, second, third],
            recent: [0.0; WINDOW],
            fresh: 0,
            last: None,
            least,
        }
    }

    /// Takes a sample. At the end of a hop, returns `Some` with the spectrum of the last window, which is `None` if it is
    /// too quiet.
    pub(super) fn push(&mut self, sample: i16) -> Option<Option<KeySpectrum>> {
        let sample = f32::from(sample) / ZERO_DBM0;
        let filtered = self
            .filters
            .iter_mut()
            .fold(sample, |at, filter| filter.push(at));
        self.recent[WINDOW - HOP + self.fresh] = filtered;
        self.fresh += 1;
        if self.fresh < HOP {
            return None;
        }
        let spectrum = self.spectrum();
        self.fresh = 0;
        self.recent.copy_within(HOP.., 0);
        self.filters.iter_mut().for_each(Biquad::flush);
        Some(spectrum)
    }

    fn spectrum(&mut self) -> Option<KeySpectrum> {
        let tables = &**TABLES;
        let weights = WINDOW as f32 / 2.0;
        let squares = self.recent.iter().zip(&tables.window);
        // The mean square, so that a sine at 0 dBm0 has 1.
        let power = 2.0 / weights * squares.map(|(at, window)| window * at * at).sum::<f32>();
        if power < 2.0 * self.least {
            self.last = None;
            return None;
        }
        let mut sums = [0.0; 2 * TONES];
        for (sample, waves) in self.recent.iter().zip(&tables.waves) {
            for (sum, wave) in sums.iter_mut().zip(waves) {
                *sum += sample * wave;
            }
        }
        let now: [Complex; TONES] = std::array::from_fn(|tone| Complex {
            re: 2.0 / weights * sums[tone],
            im: 2.0 / weights * sums[TONES + tone],
        });
        let before = self.last.replace(now)?;
        let strongest = |tones: std::ops::Range<usize>| {
            let first = tones.start;
            let tone = tones.max_by(|one, other| now[*one].power().total_cmp(&now[*other].power()));
            let tone = tone.unwrap_or(first);
            let turn = now[tone].times_conjugate(before[tone]);
            let turn = turn.times_conjugate(tables.turns[tone]);
            let offset = turn.im.atan2(turn.re) / TAU * HZ / HOP as f32;
            MeasuredTone {
                index: tone - first,
                power: now[tone].power() / response(offset).powi(2),
                deviation: offset / nominal(tone),
            }
        };
        let (low, high) = (strongest(0..LOW.len()), strongest(LOW.len()..TONES));
        Some(KeySpectrum {
            low,
            high,
            purity: (low.power + high.power) / power,
        })
    }
}

fn nominal(tone: usize) -> f32 {
    let row = LOW.get(tone).copied();
    row.unwrap_or_else(|| HIGH[tone - LOW.len()]) as f32
}

/// The response of the window to a tone that is `offset` Hz from the nominal frequency.
fn response(offset: f32) -> f32 {
    let bins = (offset * WINDOW as f32 / HZ).abs();
    if bins < 0.01 {
        return 1.0;
    }
    // Near 1, numerator and denominator are both 0. A tone so far away is no key.
    let bins = bins.min(0.9);
    (PI * bins).sin() / (PI * bins * (1.0 - bins * bins))
}
