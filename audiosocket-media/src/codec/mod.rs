//! What frames of kind `0x10` carry.

mod adpcm;
mod audio_decoder;
mod detector;
mod frame_clock;
mod packets;
mod predictor;

use std::fmt;

use crate::Law;

pub use audio_decoder::{AudioDecoder, AudioWarning, Decoded};
pub use detector::CodecDetector;

/// What frames of kind `0x10` can carry: the slin that the kind names, or the codec of the call,
/// which Asterisk's `Dial` sends without `c(slin)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// Signed 16-bit little-endian samples.
    Slin,
    /// G.711, one byte a sample.
    G711(Law),
    /// G.722, 16 kHz in 64 kbit/s: 160 bytes in 20 ms.
    G722,
    /// G.726 at 32 kbit/s: 80 bytes in 20 ms.
    G726,
    /// GSM 06.10: 33 bytes in 20 ms.
    Gsm,
    /// G.729: 20 bytes in 20 ms.
    G729,
    /// iLBC: 38 bytes in 20 ms or 50 bytes in 30 ms.
    Ilbc,
    /// Speex.
    Speex,
    /// Opus.
    Opus,
    /// Compressed audio of an unknown codec.
    Unknown,
}

impl Codec {
    /// Asterisk's name of the format, such as `slin`, `ulaw`, `alaw`, `gsm`; `unknown` for
    /// [`Codec::Unknown`].
    #[must_use]
    pub const fn format_name(self) -> &'static str {
        match self {
            Self::Slin => "slin",
            Self::G711(law) => law.format_name(),
            Self::G722 => "g722",
            Self::G726 => "g726",
            Self::Gsm => "gsm",
            Self::G729 => "g729",
            Self::Ilbc => "ilbc",
            Self::Speex => "speex",
            Self::Opus => "opus",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Codec {
    /// Writes Asterisk's name of the format, see [`Codec::format_name`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.format_name())
    }
}

/// Whether all bytes are one code of silence: of slin, µ-law or A-law.
fn is_silence(payload: &[u8]) -> bool {
    let [first, rest @ ..] = payload else {
        return true;
    };
    matches!(first, 0x00 | 0xff | 0x7f | 0xd5 | 0x55) && rest.iter().all(|byte| byte == first)
}
