//! The first and the last frame of a call.

use crate::wire::{UUID, frame};

/// The frame that a server sends to end a call.
pub(crate) const HANGUP: [u8; 3] = [0x00, 0x00, 0x00];

/// The frame that begins a call.
pub(crate) fn uuid_frame() -> Vec<u8> {
    frame(0x01, &UUID.to_be_bytes())
}
