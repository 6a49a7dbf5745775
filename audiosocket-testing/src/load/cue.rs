//! Things that a caller does at a certain time of the call.

use std::time::Duration;

use audiosocket_proto::{DtmfDigit, ErrorFlags, FrameKind};

/// The duration of the tone of a key, and of the silence after it.
pub(super) const KEY_TONE: Duration = Duration::from_millis(100);

/// Something that a caller does at a certain time, in [`LoadTest::cue`](super::LoadTest::cue).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cue {
    /// Presses a key. The caller sends a frame of kind 0x03.
    Key(DtmfDigit),
    /// Presses a key whose tones are in the audio, for 100 ms and with a pause of 100 ms, as on trunks with in-band keys.
    KeyTone(DtmfDigit),
    /// Says these samples, instead of the audio of the caller. They follow the samples of the cue before.
    Say(Vec<i16>),
    /// Sends no audio for this time, as a call on hold. The audio then continues.
    Hold(Duration),
    /// Sends an error frame (0xff).
    Error(ErrorFlags),
    /// Sends a second UUID, which differs from that of the call. Asterisk never does that.
    SecondUuid,
    /// Sends this frame as it is, such as one of a captured stream.
    Frame {
        /// The kind of the frame.
        kind: FrameKind,
        /// The payload, at most 65,535 bytes.
        payload: Vec<u8>,
    },
}

impl Cue {
    /// Returns whether the cue changes the audio, so that it has no echo to check.
    pub(super) fn is_audio(&self) -> bool {
        matches!(self, Self::KeyTone(_) | Self::Say(_) | Self::Frame { .. })
    }
}
