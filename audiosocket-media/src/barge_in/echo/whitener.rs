use crate::barge_in::BLOCK;
use crate::dot_product::dot;

/// The order of the prediction.
pub(super) const ORDER: usize = 16;

/// What is left of the sums after a block of 10 ms. The sums cover about 0.3 s.
const FORGET: f32 = 0.97;

/// The prediction takes the audio as this much noisier, as a part of its power: a tone is reduced by at most 40 dB.
const LOADING: f32 = 1e-4;

/// A filter that makes the spectrum of the caller's audio without its echo flat (linear prediction). The estimate of an echo
/// is best if the noise in it has a flat spectrum. Hum, tones and voices of the caller are this noise.
#[derive(Clone, Debug)]
pub(super) struct Whitener {
    last: [f32; ORDER],
    /// The sums of products of the audio with itself, for each lag.
    sums: [f32; ORDER + 1],
    /// The factors of the last samples, from the oldest to the newest.
    prediction: [f32; ORDER],
}

impl Whitener {
    pub(super) const fn new() -> Self {
        Self {
            last: [0.0; ORDER],
            sums: [0.0; ORDER + 1],
            prediction: [0.0; ORDER],
        }
    }

    /// Takes the next block without its echo.
    pub(super) fn push(&mut self, rest: &[f32; BLOCK]) {
        let mut samples = [0.0; ORDER + BLOCK];
        samples[..ORDER].copy_from_slice(&self.last);
        samples[ORDER..].copy_from_slice(rest);
        self.last.copy_from_slice(&samples[BLOCK..]);
        for (lag, sum) in self.sums.iter_mut().enumerate() {
            let before = &samples[ORDER - lag..ORDER - lag + BLOCK];
            *sum = FORGET * *sum + dot(rest, before);
        }
        self.predict();
    }

    /// Solves the equations of the prediction (Levinson and Durbin).
    fn predict(&mut self) {
        let mut error = self.sums[0] * (1.0 + LOADING) + 1e-9;
        let mut factors = [0.0; ORDER];
        for order in 0..ORDER {
            let known: f32 = (0..order)
                .map(|at| factors[at] * self.sums[order - at])
                .sum();
            let reflection = ((self.sums[order + 1] - known) / error).clamp(-0.9999, 0.9999);
            let before = factors;
            factors[order] = reflection;
            for at in 0..order {
                factors[at] -= reflection * before[order - 1 - at];
            }
            error *= 1.0 - reflection * reflection;
        }
        for (target, factor) in self.prediction.iter_mut().zip(factors.iter().rev()) {
            *target = *factor;
        }
    }

    /// Filters `samples`. The first [`ORDER`] of them are the past of the result.
    pub(super) fn filter(&self, samples: &[f32], filtered: &mut [f32]) {
        let len = filtered.len();
        filtered.copy_from_slice(&samples[ORDER..ORDER + len]);
        for (at, factor) in self.prediction.iter().enumerate() {
            for (filtered, sample) in filtered.iter_mut().zip(&samples[at..at + len]) {
                *filtered -= factor * sample;
            }
        }
    }
}
