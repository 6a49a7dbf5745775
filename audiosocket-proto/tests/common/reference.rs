//! The simplest possible parser, to compare the decoder with.

/// A frame as `(kind, payload)`.
pub(crate) type RawFrame = (u8, Vec<u8>);

/// Returns all whole frames of `stream`, and the number of bytes after the last one.
pub(crate) fn parse(stream: &[u8]) -> (Vec<RawFrame>, usize) {
    let mut frames = Vec::new();
    let mut at = 0;
    while stream.len() - at >= 3 {
        let len = usize::from(stream[at + 1]) * 256 + usize::from(stream[at + 2]);
        let end = at + 3 + len;
        if end > stream.len() {
            break;
        }
        frames.push((stream[at], stream[at + 3..end].to_vec()));
        at = end;
    }
    (frames, stream.len() - at)
}
