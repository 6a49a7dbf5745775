use std::f64::consts::TAU;
use std::time::Duration;

use crate::SampleRate;

/// A quarter of full scale, about as loud as speech.
pub(crate) const AMPLITUDE: f64 = 8_000.0;

/// Makes a sine tone of `hz` at a quarter of full scale, for beeps and tests. `lasts` is its duration. 0 Hz is silence.
///
/// ```
/// use audiosocket_media::{SampleRate, tone};
/// use std::time::Duration;
///
/// let beep = tone(SampleRate::Hz8000, 440, Duration::from_millis(100));
/// assert_eq!(beep.len(), 800);
/// ```
#[must_use]
pub fn tone(rate: SampleRate, hz: u32, lasts: Duration) -> Vec<i16> {
    let wave = sine(rate, hz);
    let samples = rate.samples_in(lasts);
    (0..samples)
        .map(|at| (wave(at) * AMPLITUDE) as i16)
        .collect()
}

/// Returns a sine of `hz` with the peak 1, as a function of the number of the sample.
pub(crate) fn sine(rate: SampleRate, hz: u32) -> impl Fn(u64) -> f64 {
    let step = TAU * f64::from(hz) / f64::from(rate.hz());
    move |at| (at as f64 * step).sin()
}
