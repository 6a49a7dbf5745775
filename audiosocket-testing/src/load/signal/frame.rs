//! What all frames of a test signal have in common.

/// Bytes at the start of a frame that may identify it.
pub(in crate::load) const TAG_LEN: usize = 8;

/// Whether all bytes are zero. A server with nothing to send may send such frames at any time.
pub(in crate::load) fn is_silence(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
