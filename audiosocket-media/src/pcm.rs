//! Convert samples: to and from bytes, to and from floating point, between mono and more channels.
//!
//! You need this module to read the payload of a frame as samples, and to pass audio to a speech model that takes
//! floating point.
//!
//! Every function appends to a buffer of the caller, so one buffer can serve a whole call. No function keeps state or adds
//! latency. [The table](crate#what-it-costs) has their costs.

/// Appends the samples of `slin`, the payload of an audio frame: signed 16-bit little-endian. An odd last byte is
/// ignored.
///
/// ```
/// let mut samples = Vec::new();
/// audiosocket_media::pcm::from_slin(&[0x01, 0x00, 0xff, 0xff], &mut samples);
/// assert_eq!(samples, [1, -1]);
/// ```
pub fn from_slin(slin: &[u8], samples: &mut Vec<i16>) {
    let (pairs, _odd) = slin.as_chunks::<2>();
    samples.extend(pairs.iter().map(|pair| i16::from_le_bytes(*pair)));
}

/// Appends `samples` as slin, the payload of an audio frame: two bytes for each sample, little-endian.
///
/// ```
/// let mut slin = Vec::new();
/// audiosocket_media::pcm::to_slin(&[1, -1], &mut slin);
/// assert_eq!(slin, [0x01, 0x00, 0xff, 0xff]);
/// ```
pub fn to_slin(samples: &[i16], slin: &mut Vec<u8>) {
    let start = slin.len();
    slin.resize(start + 2 * samples.len(), 0);
    let (pairs, _) = slin[start..].as_chunks_mut::<2>();
    for (pair, sample) in pairs.iter_mut().zip(samples) {
        *pair = sample.to_le_bytes();
    }
}

/// Appends `samples` as floating point, from -1 (included) to 1 (excluded). Speech models take this format.
///
/// A sample of 32,768 would be 1. No value is rounded: [`from_f32`] returns the same samples.
pub fn to_f32(samples: &[i16], floats: &mut Vec<f32>) {
    floats.extend(samples.iter().map(|sample| f32::from(*sample) / 32_768.0));
}

/// Appends `floats` as samples. ±1 is full scale.
///
/// Each value is rounded to the nearest sample. A value in the middle of two samples is rounded to the even one. Values
/// outside the range are clipped: 1 becomes 32,767. NaN becomes 0, so that one bad value of a model makes no loud click.
///
/// ```
/// let mut samples = Vec::new();
/// audiosocket_media::pcm::from_f32(&[0.5, -1.0, 1.0, 7.0, f32::NAN], &mut samples);
/// assert_eq!(samples, [16_384, -32_768, 32_767, 32_767, 0]);
/// ```
pub fn from_f32(floats: &[f32], samples: &mut Vec<i16>) {
    samples.extend(floats.iter().map(|float| to_sample(float * 32_768.0)));
}

/// Appends the mean of each group of `channels` interleaved samples: for example stereo to mono.
///
/// The mean never clips. It is exact if the channels are equal. A half is rounded up. An incomplete group at the end is
/// ignored.
///
/// # Panics
///
/// If `channels` is 0.
pub fn downmix(interleaved: &[i16], channels: usize, mono: &mut Vec<i16>) {
    assert_ne!(channels, 0, "channels must be at least 1");
    match channels {
        1 => mono.extend_from_slice(interleaved),
        2 => {
            let (pairs, _) = interleaved.as_chunks::<2>();
            mono.extend(pairs.iter().map(|[left, right]| {
                // The shift rounds down. With one added before, it rounds to the nearest.
                ((i32::from(*left) + i32::from(*right) + 1) >> 1) as i16
            }));
        }
        _ => mono.extend(interleaved.chunks_exact(channels).map(|frame| {
            let sum: i64 = frame.iter().copied().map(i64::from).sum();
            let channels = channels as i64;
            (2 * sum + channels).div_euclid(2 * channels) as i16
        })),
    }
}

/// Appends each sample of `mono` `channels` times, interleaved: for example mono to stereo.
///
/// # Panics
///
/// If `channels` is 0.
pub fn upmix(mono: &[i16], channels: usize, interleaved: &mut Vec<i16>) {
    assert_ne!(channels, 0, "channels must be at least 1");
    interleaved.reserve(mono.len() * channels);
    for sample in mono {
        interleaved.extend(std::iter::repeat_n(*sample, channels));
    }
}

/// Returns the sample that is nearest to `value`. The unit of `value` is one sample step.
#[inline]
pub(crate) fn to_sample(value: f32) -> i16 {
    // A float of this size has no bits for a fraction, so adding it rounds, to even. `round` would be a function call for
    // each sample on a processor without SSE 4.1.
    const NO_FRACTION: f32 = (3 << 22) as f32;
    let clipped = value.clamp(-32_768.0, 32_767.0);
    // A cast converts NaN to 0.
    ((clipped + NO_FRACTION) - NO_FRACTION) as i16
}
