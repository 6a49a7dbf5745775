//! Plain arithmetic on bytes of slin.

use std::time::Duration;

use audiosocket_proto::SampleRate;

/// The bytes of 5 ms.
pub(super) fn fade_len(rate: SampleRate) -> usize {
    rate.hz() as usize / 200 * 2
}

/// Multiplies each sample by a fraction, which depends on its place and the number of samples.
pub(super) fn scale(bytes: &mut [u8], gain: impl Fn(f64, f64) -> (f64, f64)) {
    let len = bytes.len() as f64 / 2.0;
    for (at, sample) in bytes.chunks_exact_mut(2).enumerate() {
        let (part, whole) = gain(at as f64, len);
        let scaled = f64::from(i16::from_le_bytes([sample[0], sample[1]])) * part / whole;
        sample.copy_from_slice(&(scaled as i16).to_le_bytes());
    }
}

pub(super) fn add(bytes: &mut [u8], other: &[u8]) {
    for (sample, other) in bytes.chunks_exact_mut(2).zip(other.chunks_exact(2)) {
        let [one, other] = [&*sample, other].map(|bytes| i16::from_le_bytes([bytes[0], bytes[1]]));
        sample.copy_from_slice(&one.saturating_add(other).to_le_bytes());
    }
}

/// Returns the duration of the bytes, rounded down to a nanosecond. A byte is half a sample.
pub(super) fn duration(bytes: impl Iterator<Item = SampleRate>) -> Duration {
    // Half a sample of each rate is a whole number of these parts of a second.
    const PARTS: u64 = 2 * 28_224_000;
    let mut counts = [0; SampleRate::ALL.len()];
    for rate in bytes {
        counts[usize::from(rate.kind().0 - 0x10)] += 1;
    }
    let parts = SampleRate::ALL.iter().zip(counts);
    let parts: u64 = parts
        .map(|(rate, count)| count * (PARTS / 2 / u64::from(rate.hz())))
        .sum();
    Duration::from_nanos((u128::from(parts) * 1_000_000_000 / u128::from(PARTS)) as u64)
}
