//! What the callers say, and whether it is what was heard.

use std::path::Path;

/// Noise, so that a piece of it fits in one place only; never zero, so that
/// silence is told apart from it. The same `seed` gives the same noise.
#[derive(Debug)]
pub struct Noise(u64);

impl Noise {
    /// Noise of its own for each seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// The next byte, never zero.
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

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }
}

/// The samples of 16-bit little-endian PCM.
///
/// # Panics
/// When half a sample is left over.
#[must_use]
pub fn samples(pcm: &[u8]) -> Vec<i16> {
    let (pairs, rest) = pcm.as_chunks::<2>();
    assert!(
        rest.is_empty(),
        "{} bytes are no whole number of samples",
        pcm.len()
    );
    pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

/// Makes a WAV file of one channel.
///
/// # Panics
/// When it cannot be written.
pub fn write_wav(file: &Path, sample_rate: u32, audio: &[i16]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(file, spec).expect("a file");
    for sample in audio {
        writer.write_sample(*sample).expect("room for the audio");
    }
    writer.finalize().expect("room for the audio");
}

/// Fails unless `heard` is one piece of `said`, at least `shortest` long, with
/// nothing changed, missing or added inside. The ends may be missing, since a
/// call's two sides do not begin and end at once.
///
/// # Panics
/// That is what it is for.
pub fn assert_is_piece<T: PartialEq + std::fmt::Debug>(said: &[T], heard: &[T], shortest: usize) {
    assert!(
        heard.len() >= shortest,
        "only {} of at least {shortest} came through",
        heard.len()
    );
    let (start, length) = (0..said.len())
        .map(|start| (start, matching(&said[start..], heard)))
        .max_by_key(|(_, length)| *length)
        .unwrap_or_default();
    assert!(
        length == heard.len(),
        "what was heard is what was said from {start} on, but only {length} of {} long: then {:?} was said, {:?} heard",
        heard.len(),
        said.get(start + length),
        heard[length],
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
    fn a_piece_is_found_where_it_is() {
        let said = Noise::new(1).bytes(1000);
        assert_is_piece(&said, &said, 1000);
        assert_is_piece(&said, &said[300..900], 600);
    }

    #[test]
    #[should_panic(expected = "from 0 on, but only 500 of 999")]
    fn a_missing_byte_is_seen() {
        let said = Noise::new(2).bytes(1000);
        let heard = [&said[..500], &said[501..]].concat();
        assert_is_piece(&said, &heard, 100);
    }

    #[test]
    #[should_panic(expected = "only 99 of at least 100")]
    fn too_little_is_seen() {
        let said = Noise::new(3).bytes(1000);
        assert_is_piece(&said, &said[..99], 100);
    }

    #[test]
    fn samples_are_little_endian() {
        assert_eq!(samples(&[0x01, 0x80, 0xff, 0x7f]), [-32767, 32767]);
    }
}
