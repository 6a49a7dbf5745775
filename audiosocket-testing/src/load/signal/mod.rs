//! The audio that a caller sends.

mod noise;
mod speech;

use std::sync::Arc;

use noise::Noise;
pub(super) use speech::Speech;
pub use speech::synthesize_speech;

/// The bytes at the start of a frame that can identify it.
pub(super) const TAG_LEN: usize = 8;

/// Returns whether all bytes are zero. A server may send such frames at any time.
pub(super) fn is_silence(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// The audio of one call, in frames of equal length.
///
/// A frame is a function of its number. So sent audio is not kept for the comparison with its echo.
#[derive(Clone, Debug)]
pub(super) enum TestSignal {
    Noise(Noise),
    /// All calls have the same speech.
    Speech(Arc<Speech>),
}

impl TestSignal {
    /// Returns noise that is a function of `key`.
    ///
    /// # Panics
    ///
    /// If `frame_len` is not more than [`TAG_LEN`].
    pub(super) fn noise(key: u64, frame_len: usize) -> Self {
        assert!(frame_len > TAG_LEN);
        Self::Noise(Noise::new(key, frame_len))
    }

    /// The length of a frame in bytes.
    pub(super) fn frame_len(&self) -> usize {
        match self {
            Self::Noise(noise) => noise.frame_len(),
            Self::Speech(speech) => speech.frame_len(),
        }
    }

    /// Replaces `frame` by the frame with this number. Returns whether it is audible: the server
    /// need not echo silence.
    pub(super) fn write_frame(&self, number: u64, frame: &mut Vec<u8>) -> bool {
        match self {
            Self::Noise(noise) => {
                noise.write_frame(number, frame);
                true
            }
            Self::Speech(speech) => speech.write_frame(number, frame),
        }
    }

    /// Replaces `frame` by the echo with this index. Only audible frames have an index.
    pub(super) fn write_echo(&self, index: u64, frame: &mut Vec<u8>) {
        match self {
            Self::Noise(noise) => noise.write_frame(index, frame),
            Self::Speech(speech) => speech.write_echo(index, frame),
        }
    }

    /// Returns the index of the echo that begins with these eight bytes (the first is the most
    /// significant), if it is known. The signal does not know how many frames were sent. The caller of
    /// this function must check that.
    pub(super) fn echo_index(&self, tag: u64) -> Option<u64> {
        match self {
            Self::Noise(noise) => noise.number(tag),
            Self::Speech(speech) => speech.echo_index(tag),
        }
    }
}
