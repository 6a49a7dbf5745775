//! What a caller says.

use std::sync::Arc;

use super::noise::Noise;
use super::speech::Speech;

/// Bytes at the start of each frame that may tell its number.
pub(super) const TAG_LEN: usize = 8;

/// The audio of one call, in frames of equal length. It is a function of a frame's number, so that
/// what was said needs not be kept to be compared with what comes back.
#[derive(Clone, Debug)]
pub(super) enum Voice {
    Noise(Noise),
    /// The same in all calls.
    Speech(Arc<Speech>),
}

impl Voice {
    /// # Panics
    ///
    /// If a frame is too short for its tag.
    pub(super) fn noise(key: u64, frame_len: usize) -> Self {
        assert!(frame_len > TAG_LEN);
        Self::Noise(Noise::new(key, frame_len))
    }

    /// In bytes.
    pub(super) fn frame_len(&self) -> usize {
        match self {
            Self::Noise(noise) => noise.frame_len(),
            Self::Speech(speech) => speech.frame_len(),
        }
    }

    /// Writes the frame with this number over `frame`. Says whether it is audible: silence needs
    /// not come back.
    pub(super) fn say(&self, number: u64, frame: &mut Vec<u8>) -> bool {
        match self {
            Self::Noise(noise) => {
                noise.say(number, frame);
                true
            }
            Self::Speech(speech) => speech.say(number, frame),
        }
    }

    /// Writes the frame that is to come back as number `number` over `frame`: the audible frames
    /// are counted alone.
    pub(super) fn echo(&self, number: u64, frame: &mut Vec<u8>) {
        match self {
            Self::Noise(noise) => noise.say(number, frame),
            Self::Speech(speech) => speech.echo(number, frame),
        }
    }

    /// The number, in the same count, of the frame that begins with these eight bytes (the first
    /// is the highest), if it is known; if there is such a frame at all, is for the caller to say.
    pub(super) fn number(&self, tag: u64) -> Option<u64> {
        match self {
            Self::Noise(noise) => noise.number(tag),
            Self::Speech(speech) => speech.number(tag),
        }
    }
}
