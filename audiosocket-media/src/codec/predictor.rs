//! How well bytes fit an encoding: the bits that each sample takes, given the samples before it.

/// The distance between two neighbouring codes. `ratio` is the magnitude divided by the end of the first segment. Each
/// segment has twice the step of the segment before it.
pub(super) fn step(first: f64, ratio: f64) -> f64 {
    first * (1_u32 << (ratio.max(1.0) as u32).ilog2()) as f64
}

/// Computes how many bits each sample of a signal needs, given the samples before it.
///
/// Several experts predict a distribution, for noise, for speech and for tones. The weight of an expert grows when its
/// predictions are good; that takes a few samples.
#[derive(Clone, Debug)]
pub(super) struct Predictor {
    /// The last samples, the newest first.
    last: [f64; 4],
    /// The coefficients of the adaptive linear prediction (normalised least mean squares).
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
    /// Processes a sample that stands for all values within `step / 2` of it.
    pub(super) fn take(&mut self, sample: f64, step: f64) {
        let pairs = self.last.iter().zip(&self.coefficients);
        let adaptive: f64 = pairs.map(|(last, coefficient)| last * coefficient).sum();
        let [one, two, ..] = self.last;
        // Silence; a slow signal; a resonance; the adaptive prediction.
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
            // A minimum, so that an expert can recover.
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

/// One prediction and its mean error.
#[derive(Clone, Copy, Debug)]
struct Expert {
    shape: Shape,
    /// The mean error.
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

    /// Returns the probability of a sample at the distance `off` from the prediction, plus or minus `step / 2`.
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
                // The factor converts a mean magnitude to a standard deviation. The polynomial is the usual
                // approximation of the error function by a logistic function.
                let deviation = deviation * std::f64::consts::FRAC_PI_2.sqrt();
                let below = |off: f64| {
                    let z = (off / deviation).clamp(-8.0, 8.0);
                    1.0 / (1.0 + (-1.5976 * z - 0.070_566 * z * z * z).exp())
                };
                (below(to) - below(from), 128.0)
            }
        };
        self.deviation += (off - self.deviation) / memory;
        // Every sample has a minimum probability, so that one sample never decides alone.
        0.98 * within + 0.02 * step / 65_536.0
    }
}
