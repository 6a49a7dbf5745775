//! The meaning of a frame.

use core::fmt;
use core::ops::BitOr;

use uuid::Uuid;

use crate::{Audio, Frame, FrameKind, PeerError, SampleRate};

/// The meaning of a [`Frame`].
///
/// ```
/// use audiosocket_proto::{Frame, Message};
///
/// let mut bytes: &[u8] = &[0x03, 0x00, 0x01, b'#'];
/// let frame = Frame::split_first(&mut bytes).unwrap();
/// let Ok(Message::Dtmf(digit)) = Message::parse(frame) else { panic!() };
/// assert_eq!(digit.as_char(), '#');
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message<'a> {
    /// The sender ends the call. The payload is ignored. Asterisk sends none.
    Hangup,
    /// The UUID of the call.
    Uuid(Uuid),
    /// Legacy silence. It has no effect.
    Silence,
    /// A key press. Asterisk sends it when the key is released.
    Dtmf(DtmfDigit),
    /// Audio. It may be empty.
    Audio(Audio<'a>),
    /// An error that Asterisk reports.
    Error(ErrorFlags),
    /// A frame of an undefined kind. It has no effect.
    Unknown(Frame<'a>),
}

impl<'a> Message<'a> {
    /// Returns the meaning of `frame`.
    ///
    /// # Errors
    ///
    /// [`PeerError::UuidLength`] if the payload of a UUID frame is not 16 bytes long.
    /// [`PeerError::DtmfMalformed`] if a key press is not one of the sixteen keys.
    #[inline]
    pub fn parse(frame: Frame<'a>) -> Result<Self, PeerError> {
        if let Some(rate) = SampleRate::from_kind(frame.kind) {
            return Ok(Self::Audio(Audio::new(rate, frame.payload)));
        }
        Ok(match frame.kind {
            FrameKind::HANGUP => Self::Hangup,
            FrameKind::UUID => {
                Self::Uuid(
                    Uuid::from_slice(frame.payload).map_err(|_| PeerError::UuidLength {
                        len: frame.payload.len(),
                    })?,
                )
            }
            FrameKind::SILENCE => Self::Silence,
            FrameKind::DTMF => match *frame.payload {
                [key] => Self::Dtmf(DtmfDigit::new(key).ok_or(PeerError::DtmfMalformed)?),
                _ => return Err(PeerError::DtmfMalformed),
            },
            FrameKind::ERROR => {
                Self::Error(ErrorFlags(frame.payload.first().copied().unwrap_or(0)))
            }
            _ => Self::Unknown(frame),
        })
    }
}

/// One of the sixteen DTMF keys: `0` to `9`, `*`, `#`, `A` to `D`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DtmfDigit(u8);

impl DtmfDigit {
    /// Returns the key with the ASCII character `key`. Returns `None` for other bytes, also for lower-case letters.
    #[must_use]
    pub const fn new(key: u8) -> Option<Self> {
        match key {
            b'0'..=b'9' | b'*' | b'#' | b'A'..=b'D' => Some(Self(key)),
            _ => None,
        }
    }

    /// Returns the character of the key.
    #[must_use]
    pub const fn as_char(self) -> char {
        self.0 as char
    }

    /// Returns the ASCII byte of the key, as it is on the wire.
    #[must_use]
    pub const fn as_byte(self) -> u8 {
        self.0
    }
}

impl fmt::Display for DtmfDigit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_char(), f)
    }
}

impl fmt::Debug for DtmfDigit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DtmfDigit({:?})", self.as_char())
    }
}

/// The flags of an error frame; several can be set. An empty error frame has none.
///
/// Names as in Asterisk's documentation of AudioSocket.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_structs, reason = "the wire has one byte of flags")]
pub struct ErrorFlags(pub u8);

impl ErrorFlags {
    /// `0x01`: the caller hung up. This is an ordinary end of the call.
    pub const HANGUP: Self = Self(0x01);
    /// `0x02`: Asterisk could not forward a frame.
    pub const FRAME_FORWARDING: Self = Self(0x02);
    /// `0x04`: Asterisk ran out of memory.
    pub const MEMORY: Self = Self(0x04);

    /// Returns whether all flags of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for ErrorFlags {
    type Output = Self;

    fn bitor(self, rhs: Self) -> Self {
        Self(self.0 | rhs.0)
    }
}

impl fmt::Display for ErrorFlags {
    /// Writes the number and the names: `0x06 (frame forwarding, memory)`. Undefined flags have no name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:02x}", self.0)?;
        let names = [
            (Self::HANGUP, "hangup"),
            (Self::FRAME_FORWARDING, "frame forwarding"),
            (Self::MEMORY, "memory"),
        ];
        let mut separator = " (";
        for (_, name) in names.into_iter().filter(|(flag, _)| self.contains(*flag)) {
            write!(f, "{separator}{name}")?;
            separator = ", ";
        }
        if separator == ", " {
            f.write_str(")")
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for ErrorFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorFlags({self})")
    }
}
