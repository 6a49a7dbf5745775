//! Arithmetic on bytes of slin.

use core::time::Duration;

use crate::SampleRate;

/// The gain that changes nothing.
pub(super) const UNITY: i64 = 1 << 15;

/// The duration of a fade. A shorter one is a click, a longer one is more old speech.
const FADE: Duration = Duration::from_millis(5);

/// Multiplies the samples by a gain that moves evenly from `from` to `to`. The first sample has the gain `from`. Gains
/// are between 0 and [`UNITY`].
pub(super) fn ramp(bytes: &mut [u8], from: i64, to: i64) {
    if (from, to) == (UNITY, UNITY) {
        return;
    }
    let (samples, _odd) = bytes.as_chunks_mut::<2>();
    let len = samples.len() as i64;
    for (at, sample) in (0..).zip(samples) {
        let gain = from * len + (to - from) * at;
        let scaled = i64::from(i16::from_le_bytes(*sample)) * gain / (len * UNITY);
        *sample = (scaled as i16).to_le_bytes();
    }
}

/// Adds the samples of `other`. Sums outside of 16 bits are clamped.
pub(super) fn add(bytes: &mut [u8], other: &[u8]) {
    let (samples, _odd) = bytes.as_chunks_mut::<2>();
    let (others, _odd) = other.as_chunks::<2>();
    for (sample, other) in samples.iter_mut().zip(others) {
        let sum = i16::from_le_bytes(*sample).saturating_add(i16::from_le_bytes(*other));
        *sample = sum.to_le_bytes();
    }
}

/// Returns the bytes of a fade at `rate`.
pub(super) fn fade_len(rate: SampleRate) -> usize {
    rate.samples_in(FADE) as usize * 2
}
