//! Writes frames for Asterisk. You need it only without a [`Session`](crate::Session), which encodes by itself.
//!
//! Asterisk allows hangup (`0x00`) and audio (`0x10` to `0x18`) of at least one byte. Any other frame ends the
//! call (`res/res_audiosocket.c`), so this module cannot write one. Clients and tests write frames of any kind
//! with [`client::encode`](crate::client::encode).

use alloc::vec::Vec;

use crate::wire::frame;
use crate::{Audio, FrameKind, SendError};

/// Appends one frame of audio to `out`, header and payload. Write both at once: Asterisk ends the call if the
/// payload comes late after its header.
///
/// # Errors
///
/// [`SendError::EmptyAudio`] for audio of no bytes, and [`SendError::AudioTooLong`] for more than 65,535
/// bytes. Then `out` is unchanged.
#[inline]
pub fn encode_audio(audio: Audio<'_>, out: &mut Vec<u8>) -> Result<(), SendError> {
    audio.check_len()?;
    frame::put(audio.rate().kind(), audio.payload(), out);
    Ok(())
}

/// Appends a hangup frame to `out`. It ends the call.
#[inline]
pub fn encode_hangup(out: &mut Vec<u8>) {
    frame::put(FrameKind::HANGUP, &[], out);
}
