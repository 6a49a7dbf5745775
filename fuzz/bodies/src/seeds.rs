//! The seed corpus, made from the bytes that a real Asterisk sent.
//!
//! `cargo run -p audiosocket-fuzz-bodies --example seeds` writes it.

use std::path::{Path, PathBuf};

use crate::adapter::codes;
use crate::{differential, file, op, playout, proxy, reference};

/// The folder `captures/` of the core.
const CAPTURES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../audiosocket-proto/captures"
);

/// The maximum number of bytes of a capture in a seed. A fuzzer needs small seeds.
const MOST: usize = 2000;

/// The same, for a capture that has several seeds of one target.
const FEW: usize = 500;

/// Returns the folder of the corpus. It has a folder for each target.
#[must_use]
pub fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../corpus"))
}

/// Returns every seed: its path in the corpus and its bytes.
#[must_use]
pub fn all() -> Vec<(PathBuf, Vec<u8>)> {
    let mut seeds = vec![("decode/seed-long".into(), long())];
    seeds.extend(file::seeds());
    #[cfg(unix)]
    seeds.extend(crate::state::seeds());
    for (i, (name, mut capture)) in captures().into_iter().enumerate() {
        capture.truncate(MOST);
        let cuts = [&[0][..], &[1, 0], &[3, 0x80, 2, 18], &[2, 0x81, 0x82]];
        for (n, cuts) in cuts.into_iter().enumerate() {
            let most = if n == 0 { MOST } else { FEW };
            let stream = &capture[..capture.len().min(most)];
            let path = format!("decode/seed-{name}-{n}");
            seeds.push((path.into(), [cuts, stream].concat()));
        }
        for (n, ending) in ENDINGS.iter().enumerate() {
            let path = format!("session/seed-{name}-{n}");
            let most = if n == 0 { MOST } else { FEW };
            let stream = &capture[..capture.len().min(most)];
            seeds.push((path.into(), script(stream, ending)));
        }
        let stream = &capture[..capture.len().min(FEW)];
        let server = script(stream, ENDINGS[i % ENDINGS.len()]);
        let cuts = [&[0][..], &[3, 0, 1, 2], &[2, 0x63, 0x81]][i % 3];
        for (side, script) in [(0, server), (1, asterisk(i, stream))] {
            let path = format!("differential/seed-{name}-{side}");
            seeds.push((path.into(), [&[side], cuts, &script].concat()));
        }
        let header = proxied(i);
        let path = format!("proxy/seed-{name}");
        let start = &stream[..stream.len().min(60)];
        seeds.push((path.into(), [cuts, &header, start].concat()));
        let path = format!("playout/seed-{name}");
        seeds.push((path.into(), speech(i, &capture)));
        let (answer, ending) = TURNS[i % TURNS.len()];
        let stream = &capture[..capture.len().min(700)];
        let seed = turns(stream, answer, ending);
        seeds.push((format!("adapter/seed-{name}").into(), seed));
    }
    seeds
}

/// Returns a stream of long frames, with cuts. libFuzzer makes no input longer than the longest seed. Without this seed, no
/// stream would have a complete frame above 4 KiB.
fn long() -> Vec<u8> {
    let mut seed = vec![3, 0x9a, 0x80, 2];
    for len in [9_000_u16, 1, 8_190, 320] {
        seed.push(0x10);
        seed.extend(len.to_be_bytes());
        seed.resize(seed.len() + usize::from(len), 0x31);
    }
    seed
}

/// Returns a header of the PROXY protocol, another one for each `i`.
fn proxied(i: usize) -> Vec<u8> {
    let ipv4 = [192, 0, 2, 7, 198, 51, 100, 1, 0x9c, 0x40, 0x23, 0x84];
    let version_2 = |command: u8, family: u8, payload: &[u8]| {
        let lengths = [command, family, 0, payload.len() as u8];
        [proxy::SIGNATURE, &lengths, payload].concat()
    };
    match i % 6 {
        0 => b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 9092\r\n".to_vec(),
        1 => version_2(0x21, 0x11, &ipv4),
        2 => version_2(0x21, 0x11, &[&ipv4[..], &[0x04, 0, 2, 0, 0]].concat()),
        3 => version_2(0x20, 0x00, &[]),
        4 => version_2(0x21, 0x21, &[0x20; 36]),
        _ => b"PROXY TCP6 2001:db8::7 ::1 40000 9092\r\n".to_vec(),
    }
}

/// Returns a call from Asterisk's side: each frame of the capture is sent and comes back. Then the call ends, in another way
/// for each `i`.
fn asterisk(i: usize, capture: &[u8]) -> Vec<u8> {
    use differential::codes;

    let mut steps = capture[3..19].to_vec();
    let (frames, _) = reference::parse(capture);
    steps.push(frames.last().map_or(0, |(kind, _)| kind % 16));
    for (kind, payload) in frames {
        let [high, low] = (payload.len() as u16).to_be_bytes();
        match kind {
            0x03 => steps.extend([codes::KEY, payload[0]]),
            0x10..=0x18 => {
                steps.extend([codes::AUDIO, low, high, codes::TAKE, 0x40, 0x01]);
                steps.extend([codes::BYTES, low.wrapping_add(3), high, kind, high, low]);
                steps.extend(payload);
            }
            _ => steps.extend([codes::ERROR, 0x06]),
        }
    }
    steps.extend([codes::TAKE, 0xff, 0xff]);
    steps.extend(match i % 5 {
        0 => &[codes::FRAME, 0x00, 0, 0][..],
        1 => &[codes::EOF],
        2 => &[codes::FRAME, 0x10, 0, 0],
        3 => &[codes::BYTES, 4, 0, 0x12, 0, 2, 1, codes::EOF],
        _ => &[codes::HANGUP],
    });
    steps
}

/// Returns operations that play a capture: frames of its rate and length, some late, some in pieces, some with a mark. A key
/// interrupts the playout. The configuration and the end depend on `i`.
fn speech(i: usize, capture: &[u8]) -> Vec<u8> {
    let mut ops = vec![i as u8, 50, 30 * (i % 3) as u8, i as u8];
    let (frames, _) = reference::parse(capture);
    for (n, (kind, payload)) in frames.into_iter().enumerate() {
        let [high, low] = (payload.len() as u16).to_be_bytes();
        match kind {
            0x10..=0x18 => ops.extend([playout::codes::PLAY, kind - 0x10, low, high]),
            0x03 => ops.extend([playout::codes::CLEAR, playout::codes::MARKS, 1]),
            _ => ops.extend([playout::codes::RECEIVED, kind]),
        }
        match n % 5 {
            0 => ops.push(playout::codes::MARK),
            1 => ops.extend([playout::codes::DUE, n as u8, playout::codes::MARKS, 1]),
            2 => ops.extend([playout::codes::WAIT, 0, n as u8, playout::codes::POLL, 0]),
            3 if n % 2 == 0 => ops.extend([playout::codes::SENT, 20, 0, playout::codes::POLL, 1]),
            3 => {
                ops.extend([playout::codes::PREBUFFER, 20, playout::codes::DUE, 0]);
                ops.extend([playout::codes::COMPLETE, playout::codes::DUE, 0]);
            }
            _ => {
                ops.extend([playout::codes::PAUSE, playout::codes::DUE, 0]);
                ops.extend([playout::codes::RESUME, playout::codes::DUE, 90]);
            }
        }
    }
    ops.push(
        [
            playout::codes::HANGUP,
            playout::codes::CLEAR,
            playout::codes::CLOSE,
        ][i % 3],
    );
    ops
}

/// Answers of the handler.
const ECHO: u8 = 0x50;
const HANG_UP: u8 = 0xe8;
const PANIC: u8 = 0xf8;

/// For each script of the target `adapter`: the answer to every twelfth callback, and the operations after the capture.
const TURNS: [(u8, &[u8]); 8] = [
    // Speech that is interrupted, then more speech and a hangup after it.
    (
        ECHO,
        &[
            codes::PLAY,
            0,
            0xe8,
            0x03,
            codes::MARK,
            codes::DUE,
            codes::TAKE,
            0xff,
            0xff,
            codes::DUE,
            codes::CLEAR,
            codes::PLAY | codes::TOGETHER,
            2,
            0x00,
            0x03,
            codes::MARK | codes::TOGETHER,
            codes::HANGUP_AFTER_PLAYOUT,
            codes::DUE,
            codes::ALMOST_DUE,
            codes::DUE,
            codes::DUE,
            codes::EOF,
        ],
    ),
    (ECHO, &[codes::EOF]),
    // Floods, short writes, then a peer that does not read.
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
    // The stream holds bytes until a flush, the flush stalls, then the call hangs up.
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

/// Returns a script in which `stream` arrives in pieces. Each piece gets another answer.
fn turns(stream: &[u8], answer: u8, ending: &[u8]) -> Vec<u8> {
    // The configuration, the UUID of the stream, and the answers: echoes, nothing, some frames at once, audio of another
    // rate, audio that is too long.
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

/// The operations after a capture has arrived.
const ENDINGS: [&[u8]; 6] = [
    &[op::EOF],
    &[op::HANGUP, op::WRITE, 0xff, 0xff, op::HALF_CLOSED, op::DUE],
    &[op::RESET],
    &[op::WRITE_CLOSED, op::FRAME, 0x10, 64, 0, op::LOST],
    &[op::WAIT, 0xff, 0x7f, op::DUE, op::DUE],
    // A key, an error, an unknown kind, the hangup of the peer.
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

/// Returns a script in which `stream` arrives in pieces and each piece gets an answer. `ending` is the end.
fn script(stream: &[u8], ending: &[u8]) -> Vec<u8> {
    // At most 2,047 unsent bytes, no idle timeout, 1 s of linger, 30 s of write timeout. The stream has the UUID.
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

/// Returns the name and the bytes of each capture.
fn captures() -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(CAPTURES).expect("the folder of captures is readable");
    let mut captures: Vec<_> = files
        .map(|entry| entry.expect("the entry is readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "bin"))
        .map(|path| {
            let name = path
                .file_stem()
                .expect("the file has a name")
                .to_string_lossy();
            (
                name.into_owned(),
                std::fs::read(&path).expect("the capture is readable"),
            )
        })
        .collect();
    captures.sort();
    captures
}
