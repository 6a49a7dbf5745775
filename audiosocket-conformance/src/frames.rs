//! The bytes that a case sends and expects. No encoder of this workspace makes them.

/// The frame that ends a call.
pub(crate) const HANGUP: [u8; 3] = [0x00, 0, 0];

/// Returns a frame of any kind.
pub(crate) fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind];
    frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    frame.extend(payload);
    frame
}

/// Returns the UUID frame of the call with this name: the sixteen bytes are `name` as ASCII text.
pub(crate) fn uuid(name: &str) -> Vec<u8> {
    frame(0x01, format!("{name:16}").as_bytes())
}

/// Returns a frame of 8 kHz audio.
pub(crate) fn audio(payload: &[u8]) -> Vec<u8> {
    frame(0x10, payload)
}

/// Returns a frame of a key press.
pub(crate) fn dtmf(key: u8) -> Vec<u8> {
    frame(0x03, &[key])
}

/// Returns `len` bytes of audio that is echoed. No two parts are the same.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    (0..len)
        .map(|index| (index * 7 + index / 251) as u8)
        .collect()
}

/// Returns `len` bytes of audio to play. No byte is zero, so padding and silence differ from it. No two parts are the
/// same.
pub(crate) fn speech(len: usize) -> Vec<u8> {
    (0..len)
        .map(|index| ((index * 7 + index / 251) % 255 + 1) as u8)
        .collect()
}

/// Asterisk's name of each sample rate, from kind 0x10 on, and the bytes in 20 ms.
pub(crate) const RATES: [(&str, usize); 9] = [
    ("slin", 320),
    ("slin12", 480),
    ("slin16", 640),
    ("slin24", 960),
    ("slin32", 1280),
    ("slin44", 1764),
    ("slin48", 1920),
    ("slin96", 3840),
    ("slin192", 7680),
];

/// The most bytes of audio in a played frame: it fits one TCP segment.
const LONGEST_PLAYED: usize = 1296;

/// Frames of 20 ms in a minute. No case waits for more.
pub(crate) const MINUTE: usize = 3000;

/// Returns the frames that leave when `audio` is played at the rate of `kind`: 20 ms each, in equal
/// frames that fit a TCP segment, the last ones padded.
pub(crate) fn played(kind: u8, audio: &[u8]) -> Vec<u8> {
    let (_, len) = RATES[usize::from(kind - 0x10)];
    let frames = audio.chunks(len).flat_map(|piece| {
        let mut padded = piece.to_vec();
        padded.resize(len, 0);
        let parts = len.div_ceil(LONGEST_PLAYED);
        let part = len.div_ceil(parts).next_multiple_of(2);
        let parts = padded.chunks(part).flat_map(|part| frame(kind, part));
        parts.collect::<Vec<_>>()
    });
    frames.collect()
}

/// Returns a frame of silence at 8 kHz.
pub(crate) fn silence() -> Vec<u8> {
    audio(&[0; 320])
}
