use alloc::vec::Vec;

/// What an empty buffer may keep allocated, in bytes: enough for 20 ms at 192 kHz (7,683 bytes), so
/// that no ordinary call allocates again and again.
const RETAINED: usize = 8 * 1024;

/// Empties a connection's buffer, and gives back what a flood made of it.
#[inline]
pub(crate) fn empty(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.shrink_to(RETAINED);
}
