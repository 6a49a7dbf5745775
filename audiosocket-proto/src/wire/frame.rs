//! A frame on the wire: `kind: u8 | length: u16 big endian | payload`.

use alloc::vec::Vec;
use core::fmt;

/// The length of a header in bytes.
pub const HEADER_LEN: usize = 3;

/// The length of the longest payload in bytes.
pub const MAX_PAYLOAD_LEN: usize = u16::MAX as usize;

/// The kind of a frame. Any byte is a kind, and most of them have no meaning.
///
/// The constants are the defined kinds, from Asterisk's `include/asterisk/res_audiosocket.h`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(
    clippy::exhaustive_structs,
    reason = "every byte is a kind, and only a byte is"
)]
pub struct FrameKind(pub u8);

impl FrameKind {
    /// `0x00`: hangup. The server ends the call with it. Asterisk ends a call by closing the connection.
    pub const HANGUP: Self = Self(0x00);
    /// `0x01`: the UUID of the call, 16 bytes in network order. It is Asterisk's first frame, sent once.
    pub const UUID: Self = Self(0x01);
    /// `0x02`: silence, from the first specification. Asterisk never sends it, and ends a call when it
    /// receives it.
    pub const SILENCE: Self = Self(0x02);
    /// `0x03`: one key press, as an ASCII byte. Only Asterisk sends it.
    pub const DTMF: Self = Self(0x03);
    /// `0x10`: audio at 8 kHz.
    pub const AUDIO_8K: Self = Self(0x10);
    /// `0x11`: audio at 12 kHz.
    pub const AUDIO_12K: Self = Self(0x11);
    /// `0x12`: audio at 16 kHz.
    pub const AUDIO_16K: Self = Self(0x12);
    /// `0x13`: audio at 24 kHz.
    pub const AUDIO_24K: Self = Self(0x13);
    /// `0x14`: audio at 32 kHz.
    pub const AUDIO_32K: Self = Self(0x14);
    /// `0x15`: audio at 44.1 kHz.
    pub const AUDIO_44K: Self = Self(0x15);
    /// `0x16`: audio at 48 kHz.
    pub const AUDIO_48K: Self = Self(0x16);
    /// `0x17`: audio at 96 kHz.
    pub const AUDIO_96K: Self = Self(0x17);
    /// `0x18`: audio at 192 kHz.
    pub const AUDIO_192K: Self = Self(0x18);
    /// `0xff`: an error on Asterisk's side, with up to one byte of [`ErrorFlags`](crate::ErrorFlags).
    pub const ERROR: Self = Self(0xff);

    /// Returns the name of the kind, such as `dtmf`. Returns `None` if the kind is not defined.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::HANGUP => "hangup",
            Self::UUID => "uuid",
            Self::SILENCE => "silence",
            Self::DTMF => "dtmf",
            Self::AUDIO_8K => "audio slin",
            Self::AUDIO_12K => "audio slin12",
            Self::AUDIO_16K => "audio slin16",
            Self::AUDIO_24K => "audio slin24",
            Self::AUDIO_32K => "audio slin32",
            Self::AUDIO_44K => "audio slin44",
            Self::AUDIO_48K => "audio slin48",
            Self::AUDIO_96K => "audio slin96",
            Self::AUDIO_192K => "audio slin192",
            Self::ERROR => "error",
            _ => return None,
        })
    }
}

impl fmt::Display for FrameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "0x{:02x} ({name})", self.0),
            None => write!(f, "0x{:02x}", self.0),
        }
    }
}

impl fmt::Debug for FrameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameKind({self})")
    }
}

/// The header of a frame: its kind, and the length of its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "these three bytes are the whole header"
)]
pub struct Header {
    /// The kind of the frame.
    pub kind: FrameKind,
    /// The length of the payload in bytes.
    pub len: u16,
}

impl Header {
    /// Parses a header. Any three bytes are a header, so this cannot fail.
    #[must_use]
    #[inline]
    pub const fn parse([kind, high, low]: [u8; HEADER_LEN]) -> Self {
        let len = u16::from_be_bytes([high, low]);
        Self {
            kind: FrameKind(kind),
            len,
        }
    }

    /// Returns the bytes of the header.
    #[must_use]
    #[inline]
    pub const fn to_bytes(self) -> [u8; HEADER_LEN] {
        let [high, low] = self.len.to_be_bytes();
        [self.kind.0, high, low]
    }

    /// Returns the length of the whole frame in bytes, header included.
    #[must_use]
    #[inline]
    pub const fn frame_len(self) -> usize {
        HEADER_LEN + self.len as usize
    }
}

/// One whole frame, with a borrowed payload. [`Message::parse`](crate::Message::parse) returns its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Frame<'a> {
    /// The kind of the frame.
    pub kind: FrameKind,
    /// The payload, 0 to 65,535 bytes.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Takes a whole frame off the front of `input`. Returns `None`, and leaves `input` unchanged, if the frame is
    /// incomplete.
    #[inline]
    pub fn split_first(input: &mut &'a [u8]) -> Option<Self> {
        let header = Header::parse(*input.first_chunk()?);
        let (frame, rest) = input.split_at_checked(header.frame_len())?;
        *input = rest;
        Some(Self {
            kind: header.kind,
            payload: &frame[HEADER_LEN..],
        })
    }
}

/// Appends a frame to `out`. The caller checks that `payload` is not longer than [`MAX_PAYLOAD_LEN`].
#[inline]
pub(crate) fn put(kind: FrameKind, payload: &[u8], out: &mut Vec<u8>) {
    debug_assert!(payload.len() <= MAX_PAYLOAD_LEN);
    let header = Header {
        kind,
        len: payload.len() as u16,
    };
    out.reserve(header.frame_len());
    out.extend_from_slice(&header.to_bytes());
    out.extend_from_slice(payload);
}
