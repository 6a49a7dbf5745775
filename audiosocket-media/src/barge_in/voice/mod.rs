//! A small neural network that gives each block of 10 ms a score: how likely the sound of the last 240 ms is a voice.
//!
//! It has two hidden layers. The example `barge_in_table` trains it, with other voices and noises than those of the table.

mod repetition;
mod spectrum;
mod weights;

pub(super) use spectrum::{Features, Spectrum};
use weights::{FIRST, FIRST_BIAS, SCALE, SECOND, SECOND_BIAS, THIRD, THIRD_BIAS};

/// The numbers that describe a block.
pub(super) const FEATURES: usize = 7 + spectrum::SHAPES;

/// The network takes every second block of the last 240 ms.
const FRAMES: usize = 12;
const STEP: usize = 2;
const KEPT: usize = FRAMES * STEP;

const INPUTS: usize = FEATURES * FRAMES;

/// The network and the features of the last blocks.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    /// The features of the last blocks. The newest is at `newest`, and older ones follow it.
    blocks: [[f32; FEATURES]; KEPT],
    newest: usize,
    /// The pitch of the last block, in octaves.
    pitch: f32,
}

impl Voice {
    pub(super) const fn new() -> Self {
        Self {
            blocks: [[0.0; FEATURES]; KEPT],
            newest: 0,
            pitch: 0.0,
        }
    }

    /// Takes the next block. `noise` is the level of the noise, and `echo` the level of the block relative to the echo that
    /// was subtracted, in dB.
    pub(super) fn push(&mut self, features: &Features, noise: f32, echo: f32) {
        let jump = (features.pitch - self.pitch).abs().min(1.0);
        self.pitch = features.pitch;
        let mut block = [0.0; FEATURES];
        block[..7].copy_from_slice(&[
            ((features.level - noise) / 20.0).clamp(-0.5, 2.0),
            features.voicing,
            features.tonality,
            (features.change / 8.0).min(2.0),
            // The mean pitch of voices is a lag of 50 samples.
            (features.pitch - 5.6) * features.voicing,
            jump,
            (echo / 20.0).clamp(-1.0, 1.0),
        ]);
        for (input, shape) in block[7..].iter_mut().zip(features.shape) {
            *input = (shape / 10.0).clamp(-2.0, 2.0);
        }
        self.newest = (self.newest + KEPT - 1) % KEPT;
        self.blocks[self.newest] = block;
    }

    /// The features of the latest block.
    pub(super) const fn latest(&self) -> &[f32; FEATURES] {
        &self.blocks[self.newest]
    }

    /// Returns the score, from 0 to 1.
    pub(super) fn score(&self) -> f32 {
        let mut inputs = [0.0; INPUTS];
        for (frame, inputs) in inputs.chunks_exact_mut(FEATURES).enumerate() {
            inputs.copy_from_slice(&self.blocks[(self.newest + frame * STEP) % KEPT]);
        }
        let first = layer(&inputs, &FIRST, &FIRST_BIAS).map(|sum| sum.max(0.0));
        let second = layer(&first, &SECOND, &SECOND_BIAS).map(|sum| sum.max(0.0));
        let [sum] = layer(&second, &THIRD, &THIRD_BIAS);
        1.0 / (1.0 + (-sum).exp())
    }
}

fn layer<const FROM: usize, const TO: usize>(
    inputs: &[f32; FROM],
    weights: &[[i8; FROM]; TO],
    bias: &[f32; TO],
) -> [f32; TO] {
    std::array::from_fn(|to| {
        let mut sums = [0.0; 8];
        let (inputs, rest) = inputs.as_chunks::<8>();
        let (weights, _) = weights[to].as_chunks::<8>();
        debug_assert!(rest.is_empty(), "layers have a multiple of 8 inputs");
        for (inputs, weights) in inputs.iter().zip(weights) {
            for lane in 0..8 {
                sums[lane] += inputs[lane] * f32::from(weights[lane]);
            }
        }
        sums.iter().sum::<f32>() * SCALE + bias[to]
    })
}
