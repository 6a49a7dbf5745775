//! Captures of a real Asterisk 22.10.1: `audiosocket-proto/captures`.

use std::path::Path;

use crate::Runner;
use crate::cases::{THEIRS, call};
use crate::test_server::TestServer;
use crate::transcript::audio_record;

cases! {
    on every runner:
    a_capture_in_one_write_is_echoed
    a_capture_in_pieces_is_echoed
}

/// Each capture: its file, its keys, the rate of its audio, the number of frames, and the bytes in each.
const CAPTURES: [(&str, &str, &str, usize, usize); 14] = [
    ("app-caller-hangs-up", "", "slin", 0, 0),
    ("app-dtmf", "15*D#", "slin", 88, 320),
    ("app-slin8", "", "slin", 51, 320),
    ("dial-alaw", "", "slin", 27, 160),
    ("dial-ulaw", "", "slin", 27, 160),
    ("dial-slin", "", "slin", 27, 320),
    ("dial-slin12", "", "slin12", 27, 480),
    ("dial-slin16", "", "slin16", 27, 640),
    ("dial-slin24", "", "slin24", 27, 960),
    ("dial-slin32", "", "slin32", 27, 1280),
    ("dial-slin44", "", "slin44", 27, 1764),
    ("dial-slin48", "", "slin48", 27, 1920),
    ("dial-slin96", "", "slin96", 27, 3840),
    ("dial-slin192", "", "slin192", 26, 7680),
];

fn a_capture_in_one_write_is_echoed(runner: &Runner) {
    replayed(runner, usize::MAX);
}

fn a_capture_in_pieces_is_echoed(runner: &Runner) {
    replayed(runner, 331);
}

fn replayed(runner: &Runner, piece: usize) {
    let server = TestServer::with(runner, |session| session.max_unsent(1 << 20));
    let folder = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../audiosocket-proto/captures"
    ));
    assert_eq!(folder.read_dir().unwrap().count(), CAPTURES.len());
    for (name, keys, rate, frames, len) in CAPTURES {
        let bytes = std::fs::read(folder.join(name).with_extension("bin")).unwrap();
        // The UUID, the keys, and frames of audio of the same length.
        let (uuid, rest) = bytes[3..].split_at(16);
        let (_keys, audio) = rest.split_at(4 * keys.len());
        assert_eq!(audio.len(), frames * (3 + len), "{name}");

        let mut connection = server.connect();
        for piece in bytes.chunks(piece) {
            connection.send(piece);
        }
        connection.half_close();
        connection.expect(audio);
        connection.expect_end();
        let keys = keys.chars().map(|key| format!("dtmf {key}"));
        let audio = audio
            .chunks(3 + len)
            .map(|frame| audio_record(rate, &frame[3..]));
        let records: Vec<_> = keys.chain(audio).collect();
        connection.transcript(&call(&hyphenated(uuid), &records, THEIRS));
    }
}

fn hyphenated(uuid: &[u8]) -> String {
    let digits: String = uuid.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    parts.join("-")
}
