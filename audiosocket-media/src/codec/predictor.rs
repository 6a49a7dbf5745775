//! How well bytes fit an encoding: the bits that each sample takes, given the samples before it.

/// How far two codes are apart where the magnitude is `ratio` times the end of the first of the
/// segments, which double.
pub(super) fn step(first: f64, ratio: f64) -> f64 {
    first * (1_u32 << (ratio.max(1.0) as u32).ilog2()) as f64
}

/// Counts the bits that each sample of a signal takes, given the samples before it.
///
/// Several experts predict a distribution. Their weights follow from their success, which takes a
/// few samples. There is an expert for each kind of signal: noise, speech, tones.
#[derive(Clone, Debug)]
pub(super) struct Predictor {
    /// The last samples, last first.
    last: [f64; 4],
    /// Of the adaptive linear prediction (normalised least mean squares).
    coefficients: [f64; 4],
    experts: [Expert; 6],
    pub(super) bits: f64,
}

impl Default for Predictor {
    fn default() -> Self {
        use Shape::{Gauss, Laplace};
        Self {
            last: [0.0; 4],
            coefficients: [0.0; 4],
            experts: [Laplace, Laplace, Laplace, Laplace, Gauss, Gauss].map(Expert::new),
            bits: 0.0,
        }
    }
}

impl Predictor {
    /// Takes a sample that stands for all within `step / 2` of it.
    pub(super) fn take(&mut self, sample: f64, step: f64) {
        let pairs = self.last.iter().zip(&self.coefficients);
        let adaptive: f64 = pairs.map(|(last, coefficient)| last * coefficient).sum();
        let [one, two, ..] = self.last;
        // Nothing; a slow signal; a resonance; whatever was learned.
        let predictions = [
            0.0,
            0.9 * one,
            1.8 * one - 0.9 * two,
            adaptive,
            0.0,
            adaptive,
        ];
        let mut probability = 0.0;
        let mut total = 0.0;
        for (expert, prediction) in self.experts.iter_mut().zip(predictions) {
            let here = expert.take((sample - prediction).abs(), step);
            probability += expert.weight * here;
            expert.weight *= here;
            total += expert.weight;
        }
        let mut sum = 0.0;
        for expert in &mut self.experts {
            // Never so little that it could not come back.
            expert.weight = (expert.weight / total).max(0.005);
            sum += expert.weight;
        }
        self.experts
            .iter_mut()
            .for_each(|expert| expert.weight /= sum);
        self.bits -= probability.log2();

        let power: f64 = self.last.iter().map(|last| last * last).sum();
        let rate = 0.05 * (sample - adaptive) / (power + 1_000.0);
        let pairs = self.coefficients.iter_mut().zip(&self.last);
        pairs.for_each(|(coefficient, last)| *coefficient += rate * last);
        self.last.rotate_right(1);
        self.last[0] = sample;
    }
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Laplace,
    Gauss,
}

/// One prediction, and how far it is usually off.
#[derive(Clone, Copy, Debug)]
struct Expert {
    shape: Shape,
    /// The mean of how far it was off.
    deviation: f64,
    weight: f64,
}

impl Expert {
    const fn new(shape: Shape) -> Self {
        Self {
            shape,
            deviation: 100.0,
            weight: 1.0 / 6.0,
        }
    }

    /// The probability of a sample that is `off` the prediction, give or take `step / 2`.
    fn take(&mut self, off: f64, step: f64) -> f64 {
        let deviation = self.deviation.max(1.0);
        let (from, to) = (off - step / 2.0, off + step / 2.0);
        let (within, memory) = match self.shape {
            Shape::Laplace => {
                let below = |off: f64| {
                    let tail = 0.5 * (-off.abs() / deviation).exp();
                    if off < 0.0 { tail } else { 1.0 - tail }
                };
                (below(to) - below(from), 32.0)
            }
            Shape::Gauss => {
                // The mean of the magnitude is that part of a standard deviation; the polynomial is
                // the usual approximation of the error function by a logistic one.
                let deviation = deviation * std::f64::consts::FRAC_PI_2.sqrt();
                let below = |off: f64| {
                    let z = (off / deviation).clamp(-8.0, 8.0);
                    1.0 / (1.0 + (-1.5976 * z - 0.070_566 * z * z * z).exp())
                };
                (below(to) - below(from), 128.0)
            }
        };
        self.deviation += (off - self.deviation) / memory;
        // Whatever comes has some probability, so that no one sample decides.
        0.98 * within + 0.02 * step / 65_536.0
    }
}
