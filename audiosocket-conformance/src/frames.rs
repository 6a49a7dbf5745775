//! What scripts put on the wire: plain bytes, made without any of our encoders.

/// The frame that ends a call.
pub(crate) const HANGUP: [u8; 3] = [0x00, 0, 0];

/// A frame of any kind.
pub(crate) fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind];
    frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    frame.extend(payload);
    frame
}

/// The UUID whose sixteen bytes are the ASCII text `name`, which is also what the handler of that
/// call goes by.
pub(crate) fn uuid(name: &str) -> Vec<u8> {
    frame(0x01, format!("{name:16}").as_bytes())
}

/// 8 kHz audio.
pub(crate) fn audio(payload: &[u8]) -> Vec<u8> {
    frame(0x10, payload)
}

/// A key press.
pub(crate) fn dtmf(key: u8) -> Vec<u8> {
    frame(0x03, &[key])
}

/// `len` bytes in which every place looks different, and no order to the handler.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    (0..len)
        .map(|place| (place * 7 + place / 251) as u8)
        .collect()
}
