//! Samples in other shapes: bytes, floating point, channels.
//!
//! Every function appends to the buffer that it is given, so that one buffer serves a whole call
//! without being allocated anew. None has a latency or a state; what they cost is in the
//! [table](crate#what-it-costs).

/// Appends the samples of `slin`, signed 16-bit little-endian, which is what a frame carries. A
/// last odd byte is left out.
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

/// Appends `samples` as the bytes of a frame, two to a sample.
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

/// Appends `samples` as floating point, from -1 up to, but without, 1: what speech models take.
///
/// One is 32,768, so that nothing is rounded and [`from_f32`] gives the same samples back.
pub fn to_f32(samples: &[i16], floats: &mut Vec<f32>) {
    floats.extend(samples.iter().map(|sample| f32::from(*sample) / 32_768.0));
}

/// Appends `floats`, where ±1 is full scale, as samples.
///
/// Each is rounded to the nearest sample (to the even one of two), and clipped: 1 becomes 32,767.
/// What is not a number becomes 0, since one bad value from a model should not be a click at full
/// scale.
///
/// ```
/// let mut samples = Vec::new();
/// audiosocket_media::pcm::from_f32(&[0.5, -1.0, 1.0, 7.0, f32::NAN], &mut samples);
/// assert_eq!(samples, [16_384, -32_768, 32_767, 32_767, 0]);
/// ```
pub fn from_f32(floats: &[f32], samples: &mut Vec<i16>) {
    samples.extend(floats.iter().map(|float| to_sample(float * 32_768.0)));
}

/// Appends the mean of each frame of `channels` interleaved samples: stereo to mono.
///
/// The mean cannot clip, and is exact for channels that are equal; a half is rounded up. What is
/// left at the end of a frame that is not whole is left out.
///
/// # Panics
///
/// If `channels` is 0.
pub fn downmix(interleaved: &[i16], channels: usize, mono: &mut Vec<i16>) {
    assert_ne!(channels, 0, "a frame has at least one channel");
    match channels {
        1 => mono.extend_from_slice(interleaved),
        2 => {
            let (pairs, _) = interleaved.as_chunks::<2>();
            mono.extend(pairs.iter().map(|[left, right]| {
                // The shift rounds down, so that with one more it rounds to the nearest.
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

/// Appends each sample of `mono` once for each of `channels`, interleaved: mono to stereo.
///
/// # Panics
///
/// If `channels` is 0.
pub fn upmix(mono: &[i16], channels: usize, interleaved: &mut Vec<i16>) {
    assert_ne!(channels, 0, "a frame has at least one channel");
    interleaved.reserve(mono.len() * channels);
    for sample in mono {
        interleaved.extend(std::iter::repeat_n(*sample, channels));
    }
}

/// The sample nearest to `value`, which is in units of a sample.
#[inline]
pub(crate) fn to_sample(value: f32) -> i16 {
    // A float this large has no room for a fraction, so that adding it rounds, to even as the
    // hardware does; `round` would be a call for each sample on a processor without SSE 4.1.
    const NO_FRACTION: f32 = (3 << 22) as f32;
    let clipped = value.clamp(-32_768.0, 32_767.0);
    // A cast takes what is not a number to 0.
    ((clipped + NO_FRACTION) - NO_FRACTION) as i16
}
