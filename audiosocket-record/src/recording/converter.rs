use audiosocket_media::{Resampler, SampleRate};

/// Converts audio of any rate to the rate of a file.
#[derive(Debug)]
pub(super) struct RateConverter {
    to: SampleRate,
    /// The resampler of the audio that arrives now, if that audio has another rate.
    resampler: Option<(SampleRate, Resampler)>,
}

impl RateConverter {
    pub(super) const fn new(to: SampleRate) -> Self {
        Self {
            to,
            resampler: None,
        }
    }

    /// Returns the rate of the file.
    pub(super) const fn to(&self) -> SampleRate {
        self.to
    }

    /// Appends converted samples to `output`. The resampler delays some of them: they come with the next samples, or
    /// from [`finish`](Self::finish).
    pub(super) fn convert(&mut self, rate: SampleRate, samples: &[i16], output: &mut Vec<i16>) {
        let same = |(from, _): &(SampleRate, Resampler)| *from == rate;
        if !self.resampler.as_ref().is_some_and(same) {
            self.finish(output);
        }
        if rate == self.to {
            output.extend_from_slice(samples);
        } else {
            let new = || (rate, Resampler::new(rate, self.to));
            let (_, resampler) = self.resampler.get_or_insert_with(new);
            resampler.push(samples, output);
        }
    }

    /// Appends the samples that the resampler still has.
    pub(super) fn finish(&mut self, output: &mut Vec<i16>) {
        if let Some((_, mut resampler)) = self.resampler.take() {
            resampler.finish(output);
        }
    }
}
