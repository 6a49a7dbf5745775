//! The audio of callers, and checks of received audio.

use std::path::Path;

/// Noise. A piece of it fits in one place only. It has no zero, so silence differs from it.
#[derive(Debug)]
pub struct Noise(u64);

impl Noise {
    /// Returns the noise of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// Returns the next byte, which is not zero.
    pub fn byte(&mut self) -> u8 {
        loop {
            // xorshift64
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            let byte = self.0.to_le_bytes()[3];
            if byte != 0 {
                return byte;
            }
        }
    }

    /// Returns the next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }
}

/// Returns the samples of 16-bit little-endian PCM.
///
/// # Panics
/// If the number of bytes is odd.
#[must_use]
pub fn samples(pcm: &[u8]) -> Vec<i16> {
    let (pairs, rest) = pcm.as_chunks::<2>();
    assert!(
        rest.is_empty(),
        "{} bytes are not a whole number of samples",
        pcm.len()
    );
    pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

/// Writes a WAV file with one channel.
///
/// # Panics
/// If the file cannot be written.
pub fn write_wav(file: &Path, sample_rate: u32, audio: &[i16]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(file, spec).expect("the WAV file is created");
    for sample in audio {
        writer.write_sample(*sample).expect("the audio is written");
    }
    writer.finalize().expect("the audio is written");
}

/// Checks that `received` is one piece of `sent`, at least `shortest` long, without a change inside. The
/// ends may be missing, because the two sides of a call do not start and end at the same time.
///
/// # Panics
/// If that is not so.
pub fn assert_is_piece<T: PartialEq + std::fmt::Debug>(
    sent: &[T],
    received: &[T],
    shortest: usize,
) {
    assert!(
        received.len() >= shortest,
        "only {} of at least {shortest} were received",
        received.len()
    );
    let (start, length) = (0..sent.len())
        .map(|start| (start, matching(&sent[start..], received)))
        .max_by_key(|(_, length)| *length)
        .unwrap_or_default();
    assert!(
        length == received.len(),
        "the received audio is a piece from {start} on, but only for {length} of {}: then {:?} was sent and {:?} received",
        received.len(),
        sent.get(start + length),
        received[length],
    );
}

fn matching<T: PartialEq>(one: &[T], other: &[T]) -> usize {
    one.iter()
        .zip(other)
        .take_while(|(one, other)| one == other)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_found_at_its_place() {
        let said = Noise::new(1).bytes(1000);
        assert_is_piece(&said, &said, 1000);
        assert_is_piece(&said, &said[300..900], 600);
    }

    #[test]
    #[should_panic(expected = "from 0 on, but only for 500 of 999")]
    fn a_missing_byte_is_found() {
        let said = Noise::new(2).bytes(1000);
        let heard = [&said[..500], &said[501..]].concat();
        assert_is_piece(&said, &heard, 100);
    }

    #[test]
    #[should_panic(expected = "only 99 of at least 100")]
    fn a_short_piece_is_found() {
        let said = Noise::new(3).bytes(1000);
        assert_is_piece(&said, &said[..99], 100);
    }

    #[test]
    fn samples_are_little_endian() {
        assert_eq!(samples(&[0x01, 0x80, 0xff, 0x7f]), [-32767, 32767]);
    }
}
