use std::sync::OnceLock;

use realfft::num_complex::Complex;

use super::repetition::Repetition;
use crate::barge_in::BLOCK;
use crate::barge_in::transform::Transform;

/// The window, in samples at 8 kHz: 32 ms.
const WINDOW: usize = 256;

/// The window is padded to this length, so that the autocorrelation is not circular.
const LEN: usize = 512;
const BINS: usize = LEN / 2 + 1;

/// The width of a bin, in Hz.
const BIN_HZ: f32 = 8_000.0 / LEN as f32;

/// The pitch of voices, as lags of the autocorrelation: 400 Hz to 65 Hz.
const PITCH: std::ops::Range<usize> = 20..124;

/// The edges of the bands, in bins: 200 Hz to 3.8 kHz. Each band is about a sixth wider than the one before.
const EDGES: [usize; 15] = [
    13, 18, 23, 29, 36, 44, 53, 64, 77, 92, 110, 131, 156, 186, 243,
];
const BANDS: usize = EDGES.len() - 1;

/// The numbers that describe the shape of the spectrum.
pub(super) const SHAPES: usize = 7;

/// Bands that are quieter than the strongest one by more than this count as this quiet, in dB.
const DYNAMICS: f32 = 40.0;

/// Levels are compared with those of this number of blocks before: 60 ms.
const PAST: usize = 6;

/// What the spectrum of the last 32 ms says about a block.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::barge_in) struct Features {
    /// The level of the block without hum, in dB of full scale.
    pub(in crate::barge_in) level: f32,
    /// The highest autocorrelation at the pitch of voices, from 0 to 1.
    pub(super) voicing: f32,
    /// The lag of this autocorrelation, in octaves of a sample.
    pub(super) pitch: f32,
    /// The part of the power that is in the two strongest tones, from 0 to 1.
    pub(in crate::barge_in) tonality: f32,
    /// The mean change of the spectrum within 60 ms, in dB.
    pub(in crate::barge_in) change: f32,
    /// The correlation with the audio 100 ms before, from 0 to 1.
    pub(in crate::barge_in) repetition: f32,
    /// The shape of the spectrum: the cosine transform of the levels of the bands, without the mean.
    pub(super) shape: [f32; SHAPES],
}

/// Computes [`Features`] of the caller's audio, block by block.
#[derive(Clone, Debug)]
pub(in crate::barge_in) struct Spectrum {
    transform: Transform,
    shape: [f32; WINDOW],
    /// The autocorrelation of the shape of the window.
    shape_correlation: Vec<f32>,
    last: [f32; WINDOW],
    padded: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    /// The levels of the bands, smoothed, in dB, for each of the last blocks.
    past: [[f32; BANDS]; PAST],
    smooth: [f32; BANDS],
    next: usize,
    cosines: [[f32; BANDS]; SHAPES],
    repetition: Repetition,
}

impl Spectrum {
    pub(in crate::barge_in) fn new() -> Self {
        static SHARED: OnceLock<Transform> = OnceLock::new();
        let transform = Transform::shared(&SHARED, LEN);
        let step = std::f32::consts::TAU / WINDOW as f32;
        let shape = std::array::from_fn(|at| 0.5 - 0.5 * ((at as f32 + 0.5) * step).cos());
        let mut spectrum = Self {
            shape,
            shape_correlation: Vec::new(),
            last: [1.0; WINDOW],
            padded: vec![0.0; LEN],
            spectrum: transform.spectrum(),
            scratch: transform.scratch(),
            past: [[-96.0; BANDS]; PAST],
            smooth: [0.0; BANDS],
            next: 0,
            cosines: std::array::from_fn(|shape| {
                let step = std::f32::consts::PI * (shape + 1) as f32 / BANDS as f32;
                std::array::from_fn(|band| (step * (band as f32 + 0.5)).cos())
            }),
            repetition: Repetition::new(),
            transform,
        };
        spectrum.transform();
        spectrum.correlate(0..BINS);
        spectrum.shape_correlation = spectrum.padded[..PITCH.end].to_vec();
        spectrum.last = [0.0; WINDOW];
        spectrum
    }

    pub(in crate::barge_in) fn push(&mut self, block: &[f32; BLOCK]) -> Features {
        self.last.copy_within(BLOCK.., 0);
        self.last[WINDOW - BLOCK..].copy_from_slice(block);
        self.transform();
        let (level, tonality) = (self.level(), self.tonality());
        let (change, shape) = self.change();
        self.correlate(EDGES[0]..EDGES[BANDS]);
        let (voicing, pitch) = self.voicing();
        Features {
            level,
            voicing,
            pitch,
            tonality,
            change,
            repetition: self.repetition.push(block),
            shape,
        }
    }

    fn transform(&mut self) {
        for at in 0..WINDOW {
            self.padded[at] = self.last[at] * self.shape[at];
        }
        self.padded[WINDOW..].fill(0.0);
        self.transform
            .forward(&mut self.padded, &mut self.spectrum, &mut self.scratch);
    }

    /// Computes the autocorrelation of these bins into `padded`.
    fn correlate(&mut self, bins: std::ops::Range<usize>) {
        for bin in &mut self.spectrum[bins.clone()] {
            *bin = Complex::new(bin.norm_sqr(), 0.0);
        }
        let (samples, scratch) = (&mut self.padded, &mut self.scratch);
        self.transform
            .inverse(&mut self.spectrum, bins, samples, scratch);
    }

    fn power(&self, bins: std::ops::Range<usize>) -> f32 {
        self.spectrum[bins].iter().map(Complex::norm_sqr).sum()
    }

    /// A sine at full scale has -3 dB.
    fn level(&self) -> f32 {
        // The sum of one side of the spectrum is LEN / 2 times the power of the window.
        let shape = 0.375 * WINDOW as f32;
        let power = self.power(EDGES[0]..BINS) / (LEN as f32 / 2.0) / shape;
        10.0 * (power + 1e-10).log10()
    }

    /// A tone takes five bins and the leakage beside them.
    fn tonality(&self) -> f32 {
        let first = (150.0 / BIN_HZ) as usize;
        let all = self.power(first..BINS);
        if all <= 1e-9 {
            return 0.0;
        }
        let mut powers: [f32; BINS] = [0.0; BINS];
        for (at, power) in powers.iter_mut().enumerate().skip(first) {
            *power = self.spectrum[at].norm_sqr();
        }
        let mut tones = 0.0;
        for _ in 0..2 {
            let strongest =
                (first..BINS).max_by(|one, other| powers[*one].total_cmp(&powers[*other]));
            let Some(at) = strongest else { break };
            let near = &mut powers[at.saturating_sub(4)..(at + 5).min(BINS)];
            tones += near.iter().sum::<f32>();
            near.fill(0.0);
        }
        tones / all
    }

    /// Compares the bands with those of the past 60 ms. Only bands near the strongest one count. Returns the change and the
    /// shape of the spectrum.
    fn change(&mut self) -> (f32, [f32; SHAPES]) {
        let mut levels = [0.0; BANDS];
        for (band, level) in levels.iter_mut().enumerate() {
            let power = self.power(EDGES[band]..EDGES[band + 1]);
            self.smooth[band] += 0.4 * (power - self.smooth[band]);
            *level = 10.0 * (self.smooth[band] + 1e-6).log10();
        }
        let before = self.past[self.next];
        self.past[self.next] = levels;
        self.next = (self.next + 1) % PAST;
        let strongest = levels.iter().fold(f32::MIN, |most, level| most.max(*level));
        let (mut sum, mut count) = (0.0, 0.0);
        for (level, before) in levels.iter().zip(before) {
            if *level > strongest - 20.0 {
                sum += (level - before).abs();
                count += 1.0;
            }
        }
        let levels = levels.map(|level| level.max(strongest - DYNAMICS));
        let shape = self.cosines.each_ref().map(|cosines| {
            let products = levels.iter().zip(cosines);
            products.map(|(level, cosine)| level * cosine).sum::<f32>() / BANDS as f32
        });
        (sum / f32::max(count, 1.0), shape)
    }

    /// The correlation is divided by that of the shape of the window, because it falls with the lag.
    fn voicing(&self) -> (f32, f32) {
        let (all, shape) = (self.padded[0], self.shape_correlation[0]);
        let (mut most, mut at) = (0.0, PITCH.start);
        if all > 1e-9 {
            for lag in PITCH {
                let value = self.padded[lag] / all * shape / self.shape_correlation[lag];
                if value > most {
                    (most, at) = (value, lag);
                }
            }
        }
        (most.min(1.0), (at as f32).log2())
    }
}
