//! The frames with which calls begin and end.

use crate::wire::{UUID, frame};

/// What this side sends to end a call.
pub(crate) const HANGUP: [u8; 3] = [0x00, 0x00, 0x00];

/// The frame that begins a call.
pub(crate) fn uuid_frame() -> Vec<u8> {
    frame(0x01, &UUID.to_be_bytes())
}
