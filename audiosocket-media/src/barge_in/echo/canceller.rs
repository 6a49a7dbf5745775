use super::history::History;
use super::whitener::{ORDER, Whitener};
use crate::barge_in::BLOCK;
use crate::dot_product::dot;

/// The taps of the echo path: 6 ms.
const TAPS: usize = 48;

/// The taps before the delay that was found.
const BEFORE: i64 = 10;

/// What is left of the sums after a block of 10 ms. The sums cover about 0.4 s of speech.
const FORGET: f32 = 0.975;

/// The steps of the solver for each block.
const STEPS: usize = 4;

/// The blocks in which the path is learned: 1 s. Not all of them have an echo.
const LEARNING: u32 = 100;

/// From this power of its rest on, a block counts less, the louder its rest is: a door or a tone would change the path. The
/// first number is for the blocks in which the path is learned: their rest has much of the echo.
const LOUD_RESTS: [f32; 2] = [1e-4, 1e-5];

/// The length of the reference for a block.
const LEN: usize = BLOCK + TAPS;

/// Subtracts the echo of the reference from the caller's audio, at a known delay. The echo path is the solution of the
/// least squares of the last 0.4 s (recursive least squares, with conjugate gradients as solver). So it needs no time to
/// adapt, and the speech of the caller does not disturb it, because it does not depend on the reference. Both signals pass
/// the [`Whitener`] first, so that hum and tones do not disturb it either.
#[derive(Clone, Debug)]
pub(super) struct EchoCanceller {
    delay: i64,
    /// The sums of products of the reference with itself, and with the caller's audio.
    autocorrelation: Box<[[f32; TAPS]; TAPS]>,
    correlation: [f32; TAPS],
    path: [f32; TAPS],
    /// The blocks with a reference so far, up to [`LEARNING`].
    blocks: u32,
}

/// A block without its echo.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cancelled {
    pub(super) rest: [f32; BLOCK],
    /// The power of the echo.
    pub(super) echo: f32,
    /// The power of the audio after the whitener, with and without its echo. It is 0 if nothing was played.
    pub(super) white: f32,
    pub(super) white_rest: f32,
}

impl Default for Cancelled {
    fn default() -> Self {
        Self {
            rest: [0.0; BLOCK],
            echo: 0.0,
            white: 0.0,
            white_rest: 0.0,
        }
    }
}

impl EchoCanceller {
    pub(super) fn new(delay: i64) -> Self {
        Self {
            delay,
            autocorrelation: Box::new([[0.0; TAPS]; TAPS]),
            correlation: [0.0; TAPS],
            path: [0.0; TAPS],
            blocks: 0,
        }
    }

    /// Returns whether this canceller removes an echo with `delay`.
    pub(super) fn covers(&self, delay: i64) -> bool {
        let first = self.delay - BEFORE;
        (first..first + TAPS as i64).contains(&delay)
    }

    /// Takes the block of `caller` that starts at `start`.
    pub(super) fn cancel(
        &mut self,
        start: i64,
        caller: &History,
        reference: &History,
        whitener: &Whitener,
    ) -> Cancelled {
        let mut block = [0.0; ORDER + BLOCK];
        caller.copy(start - ORDER as i64, &mut block);
        // `played[TAPS - i + n]` is the reference for the tap `i` of the sample `n`.
        let mut played = [0.0; ORDER + LEN];
        let first = start - self.delay + BEFORE - TAPS as i64;
        reference.copy(first - ORDER as i64, &mut played);
        let power = dot(&played[ORDER..], &played[ORDER..]);
        let mut cancelled = Cancelled::default();
        cancelled.rest.copy_from_slice(&block[ORDER..]);
        if power > 1e-9 {
            cancelled.echo = self.subtract(&mut cancelled.rest, &played[ORDER..]);
        }
        if power > 1e-6 {
            let (mut white, mut white_played) = ([0.0; BLOCK], [0.0; LEN]);
            whitener.filter(&block, &mut white);
            whitener.filter(&played, &mut white_played);
            let mut rest = white;
            self.subtract(&mut rest, &white_played);
            cancelled.white = mean_power(&white);
            cancelled.white_rest = mean_power(&rest);
            let loud = LOUD_RESTS[usize::from(self.blocks == LEARNING)];
            let weight = (loud / (cancelled.white_rest + 1e-6)).min(1.0);
            self.blocks = LEARNING.min(self.blocks + 1);
            self.add(&white, &white_played, weight);
            self.solve();
        }
        cancelled
    }

    /// Subtracts the echo of `played`. Returns its power.
    fn subtract(&self, block: &mut [f32; BLOCK], played: &[f32]) -> f32 {
        let mut power = 0.0;
        for (n, sample) in block.iter_mut().enumerate() {
            // The path is stored from the longest delay to the shortest.
            let echo = dot(&self.path, &played[n + 1..n + 1 + TAPS]);
            *sample -= echo;
            power += echo * echo;
        }
        power / BLOCK as f32
    }

    /// Adds the products of a block. A sum of the next row differs from the sum before it by two products.
    fn add(&mut self, block: &[f32; BLOCK], played: &[f32; LEN], weight: f32) {
        let sums = &mut *self.autocorrelation;
        let mut row = [0.0; TAPS];
        for (tap, sum) in row.iter_mut().enumerate() {
            *sum = dot(&played[1..1 + BLOCK], &played[1 + tap..1 + tap + BLOCK]);
        }
        for first in 0..TAPS {
            for (sum, new) in sums[first].iter_mut().zip(row).skip(first) {
                *sum = FORGET * *sum + weight * new;
            }
            for second in (first + 1..TAPS).rev() {
                row[second] = row[second - 1] - played[1 + first] * played[second]
                    + played[1 + first + BLOCK] * played[second + BLOCK];
            }
        }
        for first in 1..TAPS {
            let (above, row) = sums.split_at_mut(first);
            for (sum, above) in row[0].iter_mut().zip(above) {
                *sum = above[first];
            }
        }
        for (tap, sum) in self.correlation.iter_mut().enumerate() {
            *sum = FORGET * *sum + weight * dot(block, &played[1 + tap..1 + tap + BLOCK]);
        }
    }

    fn multiply(&self, vector: &[f32; TAPS], loading: f32) -> [f32; TAPS] {
        let mut product = [0.0; TAPS];
        for (tap, sum) in product.iter_mut().enumerate() {
            *sum = dot(&self.autocorrelation[tap], vector) + loading * vector[tap];
        }
        product
    }

    fn solve(&mut self) {
        let loading = 1e-3 * self.autocorrelation[TAPS / 2][TAPS / 2] + 1e-6;
        let product = self.multiply(&self.path, loading);
        let mut rest = [0.0; TAPS];
        for tap in 0..TAPS {
            rest[tap] = self.correlation[tap] - product[tap];
        }
        let mut direction = rest;
        let mut power = dot(&rest, &rest);
        for _ in 0..STEPS {
            let product = self.multiply(&direction, loading);
            let curvature = dot(&direction, &product);
            if power < 1e-12 || curvature < 1e-12 {
                return;
            }
            let step = power / curvature;
            for tap in 0..TAPS {
                self.path[tap] += step * direction[tap];
                rest[tap] -= step * product[tap];
            }
            let next = dot(&rest, &rest);
            for tap in 0..TAPS {
                direction[tap] = rest[tap] + next / power * direction[tap];
            }
            power = next;
        }
    }
}

fn mean_power(block: &[f32; BLOCK]) -> f32 {
    dot(block, block) / BLOCK as f32
}
