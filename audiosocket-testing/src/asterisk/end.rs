//! Why Asterisk ends a call because of the server.

use std::fmt;

use audiosocket_proto::FrameKind;

use super::{AsteriskRelease, KindAction};

/// Why Asterisk ends a call because of the server. The text has the line of Asterisk's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AsteriskEnd {
    /// The server sent a frame of a kind that the release does not accept.
    Kind(FrameKind),
    /// The server sent a frame of audio without audio.
    Empty(FrameKind),
    /// A payload paused for more than 5 ms.
    PayloadPaused,
    /// A payload came in parts, and the release does not wait for the rest.
    PayloadInParts,
    /// A header came in parts, and the release reads another frame then.
    HeaderInParts,
    /// Neither side sent anything for 2 s.
    Inactivity,
    /// The server does not read, and the connection is full.
    WriteBlocked,
}

impl AsteriskEnd {
    /// The end after a frame that `release` rejects: its kind is unknown, or it has no audio. `None` is a current release.
    pub(crate) fn rejected(release: Option<AsteriskRelease>, kind: FrameKind) -> Self {
        let audio = FrameKind::AUDIO_8K..=FrameKind::AUDIO_192K;
        let accepted = release.is_none_or(|release| release.action(kind) == KindAction::Accept);
        if audio.contains(&kind) && accepted {
            Self::Empty(kind)
        } else {
            Self::Kind(kind)
        }
    }
}

impl fmt::Display for AsteriskEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty(kind) => write!(
                f,
                "an empty frame of kind {kind} (log: Invalid message length received from AudioSocket server)"
            ),
            Self::Kind(kind) => write!(
                f,
                "kind {kind} (log: Received AudioSocket message other than hangup or audio)"
            ),
            Self::PayloadPaused => f.write_str(
                "a payload paused for more than 5 ms (log: Poll timed out while waiting for data)",
            ),
            Self::PayloadInParts => f.write_str(
                "a payload came later than its header (log: Failed to read payload from AudioSocket)",
            ),
            Self::HeaderInParts => {
                f.write_str("a header came in parts, which corrupts the frame")
            }
            Self::Inactivity => {
                f.write_str("nothing was sent (log: Reached timeout after 2000 ms of no activity)")
            }
            Self::WriteBlocked => f.write_str(
                "the server does not read, and the connection is full (log: Failed to write data to AudioSocket)",
            ),
        }
    }
}
