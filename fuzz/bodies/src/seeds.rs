//! The seed corpus, made of what a real Asterisk sent. `cargo run -p audiosocket-fuzz-bodies
//! --example seeds` writes it anew.

use std::path::{Path, PathBuf};

use crate::adapter::codes;
use crate::op;

/// Where `captures/` of the core lies.
const CAPTURES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../audiosocket-proto/captures"
);

/// Bytes of a capture that a seed takes; a fuzzer wants its seeds small.
const MOST: usize = 3000;

/// Where the corpus lies, with a folder for each target.
#[must_use]
pub fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus"))
}

/// Every seed: its path in the corpus, and its bytes.
#[must_use]
pub fn all() -> Vec<(PathBuf, Vec<u8>)> {
    let mut seeds = Vec::new();
    for (i, (name, mut capture)) in captures().into_iter().enumerate() {
        capture.truncate(MOST);
        let cuts = [&[0][..], &[1, 0], &[3, 0x80, 2, 18], &[2, 0x81, 0x82]];
        for (n, cuts) in cuts.into_iter().enumerate() {
            // Byte by byte, a short stream says as much as a long one.
            let most = if n == 1 { 400 } else { MOST };
            let stream = &capture[..capture.len().min(most)];
            let path = format!("decode/seed-{name}-{n}");
            seeds.push((path.into(), [cuts, stream].concat()));
        }
        for (n, ending) in ENDINGS.iter().enumerate() {
            let path = format!("session/seed-{name}-{n}");
            let most = if n == 0 { MOST } else { 700 };
            let stream = &capture[..capture.len().min(most)];
            seeds.push((path.into(), script(stream, ending)));
        }
        let (answer, ending) = TURNS[i % TURNS.len()];
        let stream = &capture[..capture.len().min(700)];
        let seed = turns(stream, answer, ending);
        seeds.push((format!("adapter/seed-{name}").into(), seed));
    }
    seeds
}

/// Answers of its handler.
const ECHO: u8 = 0x50;
const HANG_UP: u8 = 0xe8;
const PANIC: u8 = 0xf8;

/// For each script of an adapter the answer to every twelfth callback, and what happens after the
/// capture has come.
const TURNS: [(u8, &[u8]); 7] = [
    (ECHO, &[codes::EOF]),
    // Floods, short writes, then a peer that takes nothing.
    (
        ECHO,
        &[
            codes::FRAMES,
            60,
            0x10,
            64,
            1,
            codes::SHORT,
            200,
            1,
            codes::TAKE,
            0xff,
            0x07,
            codes::ALMOST_DUE,
            codes::DUE,
        ],
    ),
    // Held back until it is flushed, which has to wait; then hung up.
    (
        ECHO,
        &[
            codes::HOLD,
            1,
            codes::STALL,
            1,
            codes::FRAMES,
            1,
            0x11,
            100,
            0,
            codes::HANGUP,
            codes::STALL,
            0,
            codes::WAIT,
            20,
            0,
            codes::EOF,
        ],
    ),
    (
        ECHO,
        &[
            codes::READ_ERROR,
            0,
            codes::WRITE_ERROR,
            0,
            codes::READ_ERROR,
            1,
        ],
    ),
    (
        PANIC,
        &[
            codes::WRITE_ERROR,
            3,
            codes::FRAMES,
            2,
            0x10,
            8,
            0,
            codes::READ_ERROR,
            6,
        ],
    ),
    (
        HANG_UP,
        &[codes::SHUT_DOWN, codes::ALMOST_DUE, codes::WAIT, 1, 0],
    ),
    (ECHO, &[codes::HANGUP | codes::TOGETHER, codes::ABANDON]),
];

/// A connection on which `stream` comes in pieces, each of which is answered in another way.
fn turns(stream: &[u8], answer: u8, ending: &[u8]) -> Vec<u8> {
    // The configuration, the stream's own UUID, and answers: echoes, nothing, some frames at once,
    // audio of another rate, too long.
    let mut turns = vec![0xff, 0x07, 0x00, 10, 30, 0x01];
    turns.extend([12, ECHO, ECHO, 0x00, 0x93, ECHO, 0xc2, 0xd8]);
    turns.extend([ECHO, ECHO, ECHO, ECHO, answer]);
    for piece in stream.chunks(150) {
        turns.push(codes::BYTES);
        turns.extend((piece.len() as u16).to_le_bytes());
        turns.extend_from_slice(piece);
        turns.extend([codes::TAKE, 0xf0, 0x00, codes::WAIT, 20, 0]);
    }
    turns.extend_from_slice(ending);
    turns
}

/// What happens after a capture has come.
const ENDINGS: [&[u8]; 6] = [
    &[op::EOF],
    &[op::HANGUP, op::WRITE, 0xff, 0xff, op::HALF_CLOSED, op::DUE],
    &[op::RESET],
    &[op::WRITE_CLOSED, op::FRAME, 0x10, 64, 0, op::LOST],
    &[op::WAIT, 0xff, 0x7f, op::DUE, op::DUE],
    // A key, an error, an unknown kind, the peer's hangup.
    &[
        op::FRAME,
        0x03,
        1,
        0,
        op::FRAME,
        0xff,
        1,
        0,
        op::FRAME,
        0x42,
        0,
        0,
        op::FRAME,
        0,
        0,
        0,
    ],
];

/// A session that receives `stream` in pieces, answers each, and ends by `ending`.
fn script(stream: &[u8], ending: &[u8]) -> Vec<u8> {
    // Room for 2047 bytes unsent, no idle timeout, linger of 1 s, write timeout of 30 s, and no
    // UUID but the stream's own.
    let mut script = vec![0xff, 0x07, 0x00, 10, 30, 0x01];
    for piece in stream.chunks(500) {
        script.push(op::BYTES);
        script.extend((piece.len() as u16).to_le_bytes());
        script.extend_from_slice(piece);
        script.extend([op::SEND, 0, 0x40, 0x01, op::SEND, 2, 0x80, 0x00]);
        script.extend([op::WRITE, 0xf0, 0x00, op::WAIT, 20, 0]);
    }
    script.extend_from_slice(ending);
    script
}

/// Name and bytes of each capture.
fn captures() -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(CAPTURES).expect("the captures");
    let mut captures: Vec<_> = files
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "bin"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy();
            (name.into_owned(), std::fs::read(&path).expect("a capture"))
        })
        .collect();
    captures.sort();
    captures
}
