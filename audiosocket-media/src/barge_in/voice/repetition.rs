use crate::barge_in::BLOCK;
use crate::biquad::Biquad;
use crate::dot_product::dot;

/// 100 ms. Hum of 50 and 60 Hz repeats after this time. The tones of telephone networks do so too: their frequencies are
/// multiples of 10 Hz, or of 5 Hz with the other sign.
const LAG: usize = 800;

/// The mains are not exact, so lags that differ by up to this number of samples count too.
const SPREAD: usize = 2;

/// The compared audio: 40 ms.
const WINDOW: usize = 320;

const LEN: usize = LAG + SPREAD + WINDOW;

/// Hum below the band of telephones does not count: 24 dB per octave.
const HIGH_PASS_HZ: f32 = 250.0;
const STAGES: usize = 2;

/// A quieter window has no repetition, as its energy: -95 dB.
const LEAST: f32 = 1e-7;

/// Compares audio with the audio 100 ms before.
#[derive(Clone, Debug)]
pub(super) struct Repetition {
    filters: [Biquad; STAGES],
    last: [f32; LEN],
}

impl Repetition {
    pub(super) fn new() -> Self {
        Self {
            filters: [Biquad::high_pass(HIGH_PASS_HZ); STAGES],
            last: [0.0; LEN],
        }
    }

    /// Takes the next block. Returns the correlation of the last 40 ms with the audio 100 ms before, from 0 to 1.
    pub(super) fn push(&mut self, block: &[f32; BLOCK]) -> f32 {
        self.last.copy_within(BLOCK.., 0);
        for (target, sample) in self.last[LEN - BLOCK..].iter_mut().zip(block) {
            let stages = self.filters.iter_mut();
            *target = stages.fold(*sample, |sample, filter| filter.push(sample));
        }
        self.filters.iter_mut().for_each(Biquad::flush);
        let now = &self.last[LEN - WINDOW..];
        let energy = dot(now, now);
        let correlation = |start: usize| {
            let before = &self.last[start..start + WINDOW];
            dot(now, before).abs() / (energy * dot(before, before)).sqrt().max(LEAST)
        };
        (0..=2 * SPREAD).map(correlation).fold(0.0, f32::max)
    }
}
