//! Sine waves.

use std::f64::consts::TAU;

/// Returns `len` samples of a sine. An `amplitude` of 1 is full scale.
pub(crate) fn sine(hz: f64, rate: u32, amplitude: f64, len: usize) -> Vec<i16> {
    let step = hz / f64::from(rate) * TAU;
    (0..len)
        .map(|at| ((at as f64 * step).sin() * amplitude * 32_767.0).round() as i16)
        .collect()
}
