//! Louder and quieter audio, and sums of signals.

/// Returns `samples` with a gain in dB.
pub(crate) fn scaled(samples: &[i16], gain: f64) -> Vec<i16> {
    let factor = 10_f64.powf(gain / 20.0);
    let scaled = samples
        .iter()
        .map(|sample| (f64::from(*sample) * factor).round());
    scaled.map(|sample| sample as i16).collect()
}

/// Returns the sum of both signals.
pub(crate) fn mixed(one: &[i16], other: &[i16]) -> Vec<i16> {
    let pairs = one.iter().zip(other);
    pairs
        .map(|(one, other)| one.saturating_add(*other))
        .collect()
}
