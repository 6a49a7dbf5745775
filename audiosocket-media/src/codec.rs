use std::fmt;

use crate::Law;

/// The encoding of the payload of a frame of kind `0x10`. The protocol defines slin; `Dial` without `c(slin)` can also
/// send G.711.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// Signed 16-bit little-endian samples.
    Slin,
    /// G.711, one byte for each sample.
    G711(Law),
}

impl Encoding {
    /// Decodes `payload` and appends its samples to `samples`.
    pub fn decode(self, payload: &[u8], samples: &mut Vec<i16>) {
        match self {
            Self::Slin => crate::pcm::from_slin(payload, samples),
            Self::G711(law) => law.decode(payload, samples),
        }
    }
}

impl fmt::Display for Encoding {
    /// Writes Asterisk's name of the format: `slin`, `ulaw`, `alaw`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slin => f.pad("slin"),
            Self::G711(law) => law.fmt(f),
        }
    }
}

/// The most probable encoding of a stream of bytes, see [`CodecDetector::guess`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Guess {
    /// The most probable encoding. It is slin, with a confidence of 0, until there is evidence.
    pub encoding: Encoding,
    /// The confidence, from 0 (no evidence) to 1. No test found a wrong guess with 0.99 or more.
    pub confidence: f64,
}

impl Guess {
    /// Returns true if the confidence is 0.99 or more. No test found a wrong guess with that confidence.
    #[must_use]
    pub fn is_sure(&self) -> bool {
        self.confidence >= 0.99
    }
}

/// Detects slin, µ-law or A-law from the bytes of the audio. The header of a frame does not distinguish them.
///
/// ```
/// use audiosocket_media::{CodecDetector, Encoding, Law};
///
/// let mut detector = CodecDetector::default();
/// detector.push(&[0xd5; 160]); // silence is no evidence
/// assert_eq!(detector.guess().confidence, 0.0);
///
/// let tone = (0..480).map(|at| (8_000.0 * (at as f32 / 5.0).sin()) as i16);
/// let payload: Vec<u8> = tone.map(|sample| Law::A.encode_sample(sample)).collect();
/// detector.push(&payload);
/// let guess = detector.guess();
/// assert_eq!(guess.encoding, Encoding::G711(Law::A));
/// assert!(guess.confidence > 0.99);
/// ```
///
/// # Method
///
/// The detector decodes the bytes with each encoding and predicts each sample from the samples before it. The right
/// encoding gives audio, and audio is predictable. The detector computes how many bits each encoding needs for the bytes.
/// The encoding with the fewest bits is the most probable. The confidence grows with the distance to the second best.
///
/// The confidence stays low for other encodings, such as GSM, and for white noise at full scale. A byte that repeats is no
/// evidence. The noise of an open line is enough evidence.
///
/// # Accuracy
///
/// Measured with 4,436 pieces of speech of 0.5 s, from all of Asterisk's English sound files (1.6.1), in each of the three
/// encodings, after each 10 ms:
///
/// - The highest confidence in a wrong encoding was 0.57.
/// - All pieces reached 0.99 in the right encoding: 90 % after 20 ms, 99 % after 30 ms.
///
/// # Cost
///
/// A guess has no latency. Each push costs more than any other function of this crate, see the
/// [table](crate#what-it-costs): stop when [`Guess::is_sure`] returns true. A detector takes less than 1 kB and never
/// allocates.
#[derive(Clone, Debug, Default)]
pub struct CodecDetector {
    slin: Predictor,
    mu: Predictor,
    a: Predictor,
    /// The first byte of a pair, until the second byte arrives.
    odd: Option<u8>,
    last: Option<u8>,
    /// The number of bytes that are evidence.
    counted: u64,
}

impl CodecDetector {
    /// Pushes the payload of the next frame, or any part of it.
    pub fn push(&mut self, payload: &[u8]) {
        for byte in payload {
            match self.odd.take() {
                None => self.odd = Some(*byte),
                Some(first) => self.take(first, *byte),
            }
        }
    }

    /// Returns the most probable encoding of the bytes so far.
    #[must_use]
    pub fn guess(&self) -> Guess {
        let mut bits = [
            (Encoding::Slin, self.slin.bits),
            (Encoding::G711(Law::Mu), self.mu.bits),
            (Encoding::G711(Law::A), self.a.bits),
        ];
        bits.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        let [(encoding, best), (_, second), _] = bits;
        let as_they_are = 8.0 * self.counted as f64;
        let saved = (second.min(as_they_are) - best).max(0.0);
        Guess {
            encoding,
            // The samples are not independent, and the model does not cover all dependencies. One of 16 saved bits
            // counts as evidence.
            confidence: 1.0 - (-saved / 16.0).exp2(),
        }
    }

    /// Processes two bytes: one sample of slin, or two of G.711.
    fn take(&mut self, first: u8, second: u8) {
        let last = self.last.replace(second).unwrap_or(first);
        if first == second && first == last {
            return;
        }
        self.counted += 2;
        let sample = i16::from_le_bytes([first, second]);
        self.slin.take(f64::from(sample), 1.0);
        for code in [first, second] {
            let sample = f64::from(Law::Mu.decode_sample(code));
            self.mu
                .take(sample, step(8.0, (sample.abs() + 132.0) / 128.0));
            let sample = f64::from(Law::A.decode_sample(code));
            self.a.take(sample, step(16.0, sample.abs() / 256.0));
        }
    }
}

/// The distance between two neighbouring codes. `ratio` is the magnitude divided by the end of the first segment. Each
/// segment has twice the step of the segment before it.
fn step(first: f64, ratio: f64) -> f64 {
    first * (1_u32 << (ratio.max(1.0) as u32).ilog2()) as f64
}

/// Computes how many bits each sample of a signal needs, given the samples before it.
///
/// Several experts predict a distribution, for noise, for speech and for tones. The weight of an expert grows when its
/// predictions are good; that takes a few samples.
#[derive(Clone, Debug)]
struct Predictor {
    /// The last samples, the newest first.
    last: [f64; 4],
    /// The coefficients of the adaptive linear prediction (normalised least mean squares).
    coefficients: [f64; 4],
    experts: [Expert; 6],
    bits: f64,
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
    fn take(&mut self, sample: f64, step: f64) {
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
