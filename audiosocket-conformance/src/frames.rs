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

/// `len` bytes to be played: none is zero, so that padding and silence show, and every place looks
/// different.
pub(crate) fn speech(len: usize) -> Vec<u8> {
    (0..len)
        .map(|place| ((place * 7 + place / 251) % 255 + 1) as u8)
        .collect()
}

/// Bytes in 20 ms of each rate, from kind 0x10 on.
pub(crate) const FRAME_LENS: [usize; 9] = [320, 480, 640, 960, 1280, 1764, 1920, 3840, 7680];

/// Frames of 20 ms in a minute: more than any case waits for.
pub(crate) const MINUTE: usize = 3000;

/// What is sent when this is played at the rate of `kind`: frames of 20 ms, the last one padded.
pub(crate) fn played(kind: u8, audio: &[u8]) -> Vec<u8> {
    let len = FRAME_LENS[usize::from(kind - 0x10)];
    let frames = audio.chunks(len).flat_map(|piece| {
        let mut padded = piece.to_vec();
        padded.resize(len, 0);
        frame(kind, &padded)
    });
    frames.collect()
}

/// A frame of silence, of 8 kHz.
pub(crate) fn silence() -> Vec<u8> {
    audio(&[0; 320])
}
