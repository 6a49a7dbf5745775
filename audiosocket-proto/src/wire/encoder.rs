//! Writes towards Asterisk, and only what Asterisk accepts.
//!
//! Asterisk takes hangup (`0x00`) and audio (`0x10` to `0x18`) of at least one byte; anything else
//! ends the call (`res/res_audiosocket.c`). So there is no function here for anything else. The
//! other direction, for clients and tests, is in [`client`](crate::client).

use alloc::vec::Vec;

use crate::wire::frame;
use crate::{Audio, FrameKind, MAX_PAYLOAD_LEN, SendError};

/// Appends one frame of audio to `out`: header and payload together, since Asterisk gives up when
/// the payload follows its header late.
///
/// # Errors
///
/// [`SendError::EmptyAudio`] and [`SendError::AudioTooLong`] (more than 65,535 bytes); `out` is
/// then as it was.
#[inline]
pub fn encode_audio(audio: Audio<'_>, out: &mut Vec<u8>) -> Result<(), SendError> {
    check(audio)?;
    frame::put(audio.rate().kind(), audio.payload(), out);
    Ok(())
}

/// Whether `audio` can be one frame.
#[inline]
pub(crate) const fn check(audio: Audio<'_>) -> Result<(), SendError> {
    match audio.payload().len() {
        0 => Err(SendError::EmptyAudio),
        1..=MAX_PAYLOAD_LEN => Ok(()),
        len => Err(SendError::AudioTooLong { len }),
    }
}

/// Appends the frame that ends the call.
#[inline]
pub fn encode_hangup(out: &mut Vec<u8>) {
    frame::put(FrameKind::HANGUP, &[], out);
}
