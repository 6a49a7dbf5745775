//! Bytes that a real Asterisk 22.10.1 sent, and the frames in them.

use std::path::Path;

/// One file of `captures/`.
pub(crate) struct Capture {
    pub(crate) name: &'static str,
    /// The frames in order: `(kind, payload length, how many in a row)`.
    pub(crate) frames: &'static [(u8, usize, usize)],
    /// The keys that were pressed, in order.
    pub(crate) dtmf: &'static str,
}

impl Capture {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let path = folder().join(self.name);
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

/// The folder of the captures.
pub(crate) fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/captures"))
}

/// All captures. The server echoed each call and then hung up. Each capture begins with the UUID.
pub(crate) const CAPTURES: [Capture; 14] = [
    // The application `AudioSocket()`. It sends 8 kHz slin for every codec. In the first call the caller
    // sent no audio. In the second one, the keys came before the first audio frame.
    capture("app-caller-hangs-up.bin", "", &[(0x01, 16, 1)]),
    capture(
        "app-dtmf.bin",
        "15*D#",
        &[(0x01, 16, 1), (0x03, 1, 5), (0x10, 320, 88)],
    ),
    capture("app-slin8.bin", "", &[(0x01, 16, 1), (0x10, 320, 51)]),
    // `Dial` without `c(slin)`: the codec of the call, one byte per sample, under the kind of 8 kHz slin.
    capture("dial-alaw.bin", "", &[(0x01, 16, 1), (0x10, 160, 27)]),
    capture("dial-ulaw.bin", "", &[(0x01, 16, 1), (0x10, 160, 27)]),
    // `Dial` with `c(slin…)`: 20 ms of 16-bit samples at each of the nine rates.
    capture("dial-slin.bin", "", &[(0x01, 16, 1), (0x10, 320, 27)]),
    capture("dial-slin12.bin", "", &[(0x01, 16, 1), (0x11, 480, 27)]),
    capture("dial-slin16.bin", "", &[(0x01, 16, 1), (0x12, 640, 27)]),
    capture("dial-slin24.bin", "", &[(0x01, 16, 1), (0x13, 960, 27)]),
    capture("dial-slin32.bin", "", &[(0x01, 16, 1), (0x14, 1280, 27)]),
    capture("dial-slin44.bin", "", &[(0x01, 16, 1), (0x15, 1764, 27)]),
    capture("dial-slin48.bin", "", &[(0x01, 16, 1), (0x16, 1920, 27)]),
    capture("dial-slin96.bin", "", &[(0x01, 16, 1), (0x17, 3840, 27)]),
    capture("dial-slin192.bin", "", &[(0x01, 16, 1), (0x18, 7680, 26)]),
];

const fn capture(
    name: &'static str,
    dtmf: &'static str,
    frames: &'static [(u8, usize, usize)],
) -> Capture {
    Capture { name, frames, dtmf }
}
