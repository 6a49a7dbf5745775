//! The default signal of a caller: noise in which every frame differs from every other.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::Rng as _;

#[cfg(doc)]
use super::TAG_LEN;

/// Bits of a tag that carry the number: seven of each byte.
const NUMBER: u64 = (1 << 56) - 1;

/// The lowest bit of each byte. It is set in all noise, so no byte is zero, and no piece of it is
/// silence.
const ODD: u64 = 0x0101_0101_0101_0101;

/// The mask of the upper byte of each sample.
const UPPER: u64 = 0xff00_ff00_ff00_ff00;

/// Returns four samples of noise, of at most 2,047. Noise of full scale looks like compressed audio, which a server need not echo.
const fn quiet(random: u64) -> u64 {
    // The sign of a sample is its bit 11. It goes into the upper five bits, too.
    let upper = random & 0x0700_0700_0700_0700;
    let sign = (random & 0x0800_0800_0800_0800) >> 11;
    (random & !UPPER) | upper | (sign * 0xf800) | ODD
}

/// The number is odd, so that multiplication by it is invertible modulo a power of two.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15 & NUMBER;
const GATHER: u64 = inverse(SPREAD);

/// The noise of one call: pseudo-random, and a function of the key and a frame's number.
#[derive(Clone, Copy, Debug)]
pub(in crate::load) struct Noise {
    key: u64,
    frame_len: usize,
}

impl Noise {
    /// Returns the noise of `key`. `frame_len` must be more than [`TAG_LEN`].
    pub(super) fn new(key: u64, frame_len: usize) -> Self {
        Self { key, frame_len }
    }

    pub(super) fn frame_len(self) -> usize {
        self.frame_len
    }

    /// Replaces `frame` by the frame with this number.
    pub(super) fn write_frame(self, number: u64, frame: &mut Vec<u8>) {
        frame.clear();
        frame.extend_from_slice(&self.tag(number).to_be_bytes());
        let mut random = Pcg64Mcg::new(u128::from(self.key) << 64 | u128::from(number << 2));
        while frame.len() < self.frame_len {
            frame.extend_from_slice(&quiet(random.next_u64()).to_le_bytes());
        }
        frame.truncate(self.frame_len);
    }

    /// Returns the number of the frame that begins with these eight bytes (the first is the most
    /// significant), if they are a tag. Any eight odd bytes can be a tag, so the caller of this function
    /// must check whether a frame with that number was sent.
    pub(super) fn number(self, tag: u64) -> Option<u64> {
        if tag & ODD != ODD {
            return None;
        }
        let bits = (0..8).fold(0, |bits, byte| {
            bits | (tag >> (8 * byte + 1) & 0x7f) << (7 * byte)
        });
        Some((bits.wrapping_mul(GATHER) ^ self.key) & NUMBER)
    }

    fn tag(self, number: u64) -> u64 {
        let bits = ((number ^ self.key) & NUMBER).wrapping_mul(SPREAD) & NUMBER;
        (0..8).fold(ODD, |tag, byte| {
            tag | (bits >> (7 * byte) & 0x7f) << (8 * byte + 1)
        })
    }
}

/// Returns the inverse of an odd number modulo 2^64, by Newton's iteration. Each step doubles the number
/// of correct bits. An odd number is its own inverse in the lowest three bits.
const fn inverse(odd: u64) -> u64 {
    let mut inverse = odd;
    let mut bits = 3;
    while bits < 64 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
        bits *= 2;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_tag_gives_the_frame_number() {
        for key in [0, 1, u64::MAX, 0x1234_5678_9abc_def0] {
            let noise = Noise::new(key, 320);
            for number in [0, 1, 2, 49, 255, 256, 65_536, NUMBER - 1] {
                assert_eq!(noise.number(noise.tag(number)), Some(number));
            }
        }
    }

    #[test]
    fn frames_differ_and_have_no_zero_byte() {
        let (mut frames, mut frame) = (HashSet::new(), Vec::new());
        for key in 0..4 {
            let noise = Noise::new(key, 32);
            for number in 0..1000 {
                noise.write_frame(number, &mut frame);
                assert_eq!(frame.len(), 32);
                assert!(!frame.contains(&0));
                frames.insert(frame.clone());
            }
        }
        assert_eq!(frames.len(), 4000);
    }

    #[test]
    fn a_frame_has_the_requested_length() {
        let mut frame = Vec::new();
        for len in [9, 10, 882, 1764, 7680] {
            Noise::new(7, len).write_frame(3, &mut frame);
            assert_eq!(frame.len(), len);
        }
    }
}
