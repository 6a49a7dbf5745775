//! The three-byte header and nothing else: `kind: u8 | length: u16 big endian | payload`.

use alloc::vec::Vec;
use core::fmt;

/// Bytes of a frame's header.
pub const HEADER_LEN: usize = 3;

/// The longest payload that a header can announce, in bytes.
pub const MAX_PAYLOAD_LEN: usize = u16::MAX as usize;

/// The kind of a frame: one byte, open to values without a definition.
///
/// The known ones are constants here, as in Asterisk's `include/asterisk/res_audiosocket.h`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(
    clippy::exhaustive_structs,
    reason = "every byte is a kind, and only a byte is"
)]
pub struct FrameKind(pub u8);

impl FrameKind {
    /// `0x00`: the server ends the call. Asterisk itself just closes.
    pub const HANGUP: Self = Self(0x00);
    /// `0x01`: the call's UUID, 16 bytes in network order; Asterisk's first frame, sent once.
    pub const UUID: Self = Self(0x01);
    /// `0x02`: silence, a leftover of the first specification. Asterisk never sends it, and ends a
    /// call on which it receives it.
    pub const SILENCE: Self = Self(0x02);
    /// `0x03`: one key press, an ASCII byte. From Asterisk only.
    pub const DTMF: Self = Self(0x03);
    /// `0x10`: audio at 8 kHz. The kinds up to [`FrameKind::AUDIO_192K`] follow without a gap.
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
    /// `0xff`: an error on Asterisk's side, with at most one byte of flags.
    pub const ERROR: Self = Self(0xff);

    /// The kind's name, or `None` if it has no definition.
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

/// A decoded header: the kind of the payload, and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "these three bytes are the whole header"
)]
pub struct Header {
    /// What the payload means.
    pub kind: FrameKind,
    /// Length of the payload in bytes.
    pub len: u16,
}

impl Header {
    /// Reads a header. Any three bytes are one, so this cannot fail.
    #[must_use]
    #[inline]
    pub const fn parse([kind, high, low]: [u8; HEADER_LEN]) -> Self {
        let len = u16::from_be_bytes([high, low]);
        Self {
            kind: FrameKind(kind),
            len,
        }
    }

    /// The header as it goes over the wire.
    #[must_use]
    #[inline]
    pub const fn to_bytes(self) -> [u8; HEADER_LEN] {
        let [high, low] = self.len.to_be_bytes();
        [self.kind.0, high, low]
    }

    /// Length of the whole frame in bytes, header included.
    #[must_use]
    #[inline]
    pub const fn frame_len(self) -> usize {
        HEADER_LEN + self.len as usize
    }
}

/// One whole frame, its payload borrowed. What it means is [`Message`](crate::Message)'s business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Frame<'a> {
    /// What the payload means.
    pub kind: FrameKind,
    /// The payload as it came, 0 to 65,535 bytes.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Splits a whole frame off the front of `input`, or returns `None`, with `input` as it was,
    /// if its end has not come yet.
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

/// Appends a frame. `payload` must fit its length field, which every caller has checked.
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
