//! Checks bytes by the rules of Asterisk.

use crate::reference;

/// Asserts that Asterisk accepts every frame of `bytes` (`res/res_audiosocket.c`): hangup, and audio of at
/// least one byte. Nothing may follow the hangup. Only the last frame may be cut.
pub(crate) fn assert_asterisk_accepts(bytes: &[u8]) {
    let (frames, _cut) = reference::parse(bytes);
    let mut over = false;
    for (kind, payload) in frames {
        assert!(!over, "a frame of kind {kind:#04x} after the hangup");
        match kind {
            0x00 => over = true,
            0x10..=0x18 => assert!(!payload.is_empty(), "empty audio"),
            _ => panic!("Asterisk rejects kind {kind:#04x}"),
        }
    }
}
