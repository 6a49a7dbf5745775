use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;
use core::time::Duration;

use bytes::Bytes;

use crate::{MAX_PAYLOAD_LEN, SampleRate, SendError};

/// Borrowed audio: the payload of an audio frame, and its sample rate.
///
/// The bytes are unchanged. They are signed 16-bit little-endian mono PCM. There is one exception:
/// `Dial(AudioSocket/host:port/uuid)` without `c(slin)` sends the codec of the call under the kind of 8 kHz
/// slin, such as A-law with one byte per sample (seen on Asterisk 22.10.1).
///
/// It dereferences to the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audio<'a> {
    rate: SampleRate,
    payload: &'a [u8],
}

impl<'a> Audio<'a> {
    /// Creates audio at `rate` from `payload`, with two bytes per sample.
    #[must_use]
    #[inline]
    pub const fn new(rate: SampleRate, payload: &'a [u8]) -> Self {
        Self { rate, payload }
    }

    /// Returns the sample rate.
    #[must_use]
    #[inline]
    pub const fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Returns the bytes. They live as long as the buffer that they borrow from.
    #[must_use]
    #[inline]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Returns the samples of slin bytes. It skips an odd byte at the end.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = i16> + use<'a> {
        let (pairs, _odd) = self.payload.as_chunks::<2>();
        pairs.iter().map(|pair| i16::from_le_bytes(*pair))
    }

    /// Returns the duration of the samples, rounded down to a nanosecond.
    #[must_use]
    #[inline]
    pub const fn duration(&self) -> Duration {
        self.rate.duration_of(self.payload.len() as u64 / 2)
    }

    /// Checks that the audio fits one frame.
    #[inline]
    pub(crate) const fn check_len(&self) -> Result<(), SendError> {
        match self.payload.len() {
            0 => Err(SendError::EmptyAudio),
            1..=MAX_PAYLOAD_LEN => Ok(()),
            len => Err(SendError::AudioTooLong { len }),
        }
    }
}

impl Deref for Audio<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.payload
    }
}

impl AsRef<[u8]> for Audio<'_> {
    fn as_ref(&self) -> &[u8] {
        self.payload
    }
}

/// Owned audio: bytes of slin (signed 16-bit little-endian mono PCM) and their sample rate.
///
/// A clone shares the bytes. A prompt that a thousand calls play is in memory once.
///
/// ```
/// # use audiosocket_proto::{AudioBuf, SampleRate};
/// use std::time::Duration;
///
/// let tone = AudioBuf::from_samples(SampleRate::Hz8000, &[0, 1000, 0, -1000]);
/// assert_eq!(tone.duration(), Duration::from_micros(500));
/// assert_eq!(tone.samples().max(), Some(1000));
///
/// // Bytes that are slin already.
/// let prompt = AudioBuf::new(SampleRate::Hz16000, vec![0; 640]);
/// let same: AudioBuf = (SampleRate::Hz16000, vec![0; 640]).into();
/// assert_eq!(prompt, same);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AudioBuf {
    pub(crate) rate: SampleRate,
    pub(crate) bytes: Bytes,
}

impl AudioBuf {
    /// Creates audio at `rate` from bytes of slin, with two bytes per sample. A `Vec` is not copied.
    #[must_use]
    pub fn new(rate: SampleRate, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { rate, bytes }
    }

    /// Creates audio at `rate` from a copy of `samples`.
    #[must_use]
    pub fn from_samples(rate: SampleRate, samples: &[i16]) -> Self {
        let bytes = samples.iter().flat_map(|sample| sample.to_le_bytes());
        Self::new(rate, bytes.collect::<Vec<_>>())
    }

    /// Creates audio at `rate` from samples between -1.0 and 1.0. It clamps values outside, and NaN becomes 0.
    #[must_use]
    pub fn from_f32(rate: SampleRate, samples: &[f32]) -> Self {
        let bytes = samples.iter().flat_map(|sample| {
            let scaled = sample.clamp(-1.0, 1.0) * f32::from(i16::MAX);
            // Rounds to the nearest integer. `as` alone rounds towards zero.
            let rounded = (scaled + 0.5_f32.copysign(scaled)) as i16;
            rounded.to_le_bytes()
        });
        Self::new(rate, bytes.collect::<Vec<_>>())
    }

    /// Returns the sample rate.
    #[must_use]
    #[inline]
    pub const fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Returns the bytes.
    #[must_use]
    #[inline]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the bytes without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Returns the samples. It skips an odd byte at the end.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = i16> + use<'_> {
        self.as_audio().samples()
    }

    /// Returns the duration of the samples, rounded down to a nanosecond.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.as_audio().duration()
    }

    /// Returns whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Borrows the audio.
    #[must_use]
    #[inline]
    pub fn as_audio(&self) -> Audio<'_> {
        Audio::new(self.rate, &self.bytes)
    }

    /// Splits off the first `len` bytes and returns them, without a copy.
    ///
    /// # Panics
    ///
    /// If `len` is more than the number of bytes.
    #[must_use]
    pub fn split_to(&mut self, len: usize) -> Self {
        Self {
            rate: self.rate,
            bytes: self.bytes.split_to(len),
        }
    }
}

/// Shows the number of bytes, not the bytes.
impl fmt::Debug for AudioBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioBuf")
            .field("rate", &self.rate)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

/// Creates audio from a sample rate and bytes of slin, without a copy of a `Vec`.
impl<B: Into<Bytes>> From<(SampleRate, B)> for AudioBuf {
    fn from((rate, bytes): (SampleRate, B)) -> Self {
        Self::new(rate, bytes)
    }
}

/// Creates audio from a copy of the bytes.
impl From<Audio<'_>> for AudioBuf {
    fn from(audio: Audio<'_>) -> Self {
        Self::new(audio.rate, Bytes::copy_from_slice(audio.payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_returned_unchanged() {
        let samples = [0, 1, -1, i16::MAX, i16::MIN];
        let audio = AudioBuf::from_samples(SampleRate::Hz16000, &samples);
        assert_eq!(audio.bytes()[..4], [0, 0, 1, 0]);
        assert!(audio.samples().eq(samples));
        assert_eq!(AudioBuf::from(audio.as_audio()), audio);
    }

    #[test]
    fn floats_are_scaled_rounded_and_clamped() {
        let floats = [0.0, 1.0, -1.0, 0.5, -0.5, 7.0, f32::NEG_INFINITY, f32::NAN];
        let audio = AudioBuf::from_f32(SampleRate::Hz8000, &floats);
        let expected = [0, 32767, -32767, 16384, -16384, 32767, -32767, 0];
        assert!(audio.samples().eq(expected));
    }

    #[test]
    fn an_odd_byte_at_the_end_is_no_sample_and_adds_no_duration() {
        let audio = AudioBuf::new(SampleRate::Hz8000, vec![1; 17]);
        assert_eq!(audio.samples().len(), 8);
        assert_eq!(audio.duration(), Duration::from_millis(1));
    }
}
