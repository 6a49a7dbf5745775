use std::collections::VecDeque;
use std::time::Duration;

use crate::SampleRate;

/// The audio that is kept.
const KEPT: Duration = Duration::from_secs(3);

/// The caller's last audio, at the caller's rate.
#[derive(Clone, Debug, Default)]
pub(super) struct PreRoll {
    rate: SampleRate,
    samples: VecDeque<i16>,
}

impl PreRoll {
    /// Drops the audio of another rate.
    pub(super) fn push(&mut self, rate: SampleRate, samples: &[i16]) {
        if rate != self.rate {
            self.rate = rate;
            self.samples.clear();
        }
        self.samples.extend(samples);
        let kept = rate.samples_in(KEPT) as usize;
        let excess = self.samples.len().saturating_sub(kept);
        self.samples.drain(..excess);
    }

    /// Returns the last audio of this duration.
    pub(super) fn last(&self, duration: Duration) -> Vec<i16> {
        let len = self.rate.samples_in(duration) as usize;
        let skipped = self.samples.len().saturating_sub(len);
        self.samples.range(skipped..).copied().collect()
    }
}
