/// The last samples of a stream at 8 kHz, by their position on the time line of the call. Samples in gaps and before
/// the start are zeros.
#[derive(Clone, Debug)]
pub(super) struct History {
    samples: Vec<f32>,
    /// The position after the last sample.
    end: i64,
}

impl History {
    /// `len` is a power of two.
    pub(super) fn new(len: usize) -> Self {
        debug_assert!(len.is_power_of_two());
        Self {
            samples: vec![0.0; len],
            end: 0,
        }
    }

    pub(super) const fn end(&self) -> i64 {
        self.end
    }

    fn index(&self, at: i64) -> usize {
        (at & (self.samples.len() as i64 - 1)) as usize
    }

    pub(super) fn push(&mut self, samples: impl IntoIterator<Item = f32>) {
        for sample in samples {
            let at = self.index(self.end);
            self.samples[at] = sample;
            self.end += 1;
        }
    }

    /// Continues at `end`. Positions between the old end and a later one are zeros.
    pub(super) fn jump(&mut self, end: i64) {
        let zeros = (end - self.end).clamp(0, self.samples.len() as i64);
        self.end = end - zeros;
        self.push(std::iter::repeat_n(0.0, zeros as usize));
    }

    /// Copies the samples from `start` on. Samples that are not there are zeros.
    pub(super) fn copy(&self, start: i64, target: &mut [f32]) {
        let oldest = self.end - self.samples.len() as i64;
        for (at, sample) in (start..).zip(target) {
            *sample = if (oldest..self.end).contains(&at) {
                self.samples[self.index(at)]
            } else {
                0.0
            };
        }
    }
}
