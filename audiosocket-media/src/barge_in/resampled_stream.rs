use super::RATE;
use crate::{Resampler, SampleRate};

/// The resampling of audio to 8 kHz.
#[derive(Debug)]
pub(super) struct ResampledStream {
    rate: SampleRate,
    resampler: Resampler,
    /// Audio at 8 kHz that was not taken yet.
    pub(super) waiting: Vec<i16>,
}

impl ResampledStream {
    pub(super) fn new() -> Self {
        Self {
            rate: RATE,
            resampler: Resampler::new(RATE, RATE),
            waiting: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, rate: SampleRate, samples: &[i16]) {
        if rate != self.rate {
            self.rate = rate;
            self.resampler = Resampler::new(rate, RATE);
        }
        self.resampler.push(samples, &mut self.waiting);
    }
}
