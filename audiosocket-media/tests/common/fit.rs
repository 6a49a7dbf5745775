//! Measures how much of a signal is a sine.

use std::f64::consts::TAU;

/// The levels of a sine and of the rest of a signal.
#[derive(Debug)]
pub(crate) struct Fit {
    /// The level of the sine, in dB. A sine at full scale has 0 dB.
    pub(crate) level: f64,
    /// The level of the rest of the signal, in the same unit.
    pub(crate) rest: f64,
}

/// Fits a sine of `hz` to `samples` by least squares.
pub(crate) fn fit(samples: &[i16], hz: f64, rate: u32) -> Fit {
    let step = hz / f64::from(rate) * TAU;
    let mut sums = [0.0; 5];
    let each = || {
        let sample = samples.iter().enumerate();
        sample.map(|(at, sample)| ((at as f64 * step).sin_cos(), f64::from(*sample) / 32_767.0))
    };
    for ((sin, cos), sample) in each() {
        let terms = [sin * sin, sin * cos, cos * cos, sin * sample, cos * sample];
        sums.iter_mut()
            .zip(terms)
            .for_each(|(sum, term)| *sum += term);
    }
    let [ss, sc, cc, xs, xc] = sums;
    let determinant = ss * cc - sc * sc;
    let (of_sin, of_cos) = (
        (xs * cc - xc * sc) / determinant,
        (xc * ss - xs * sc) / determinant,
    );
    let rest: f64 = each()
        .map(|((sin, cos), sample)| (sample - of_sin * sin - of_cos * cos).powi(2))
        .sum();
    Fit {
        level: decibels(of_sin.hypot(of_cos).powi(2)),
        rest: decibels(2.0 * rest / samples.len() as f64),
    }
}

/// Converts a ratio of powers to dB. The minimum is -200 dB.
pub(crate) fn decibels(ratio: f64) -> f64 {
    10.0 * ratio.max(1e-20).log10()
}
