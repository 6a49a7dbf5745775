//! Counts how often the codec of a call is found, for a directory of files that
//! `tests/codecs/make` made: `cargo run --release -p audiosocket-media --example codec_table -- DIR`.
//!
//! A detector starts at 60 places of each file, and takes 100 frames at most.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs};

use audiosocket_media::{Codec, CodecDetector};
use audiosocket_proto::{Frame, Message};

/// Results of one codec, source and level.
#[derive(Debug, Default)]
struct Row {
    right: u32,
    /// Known to be compressed, with another name.
    misnamed: u32,
    /// Linear audio or G.711 taken for anything else, or the reverse.
    wrong: u32,
    undecided: u32,
    longest: Duration,
}

fn main() {
    let directory = env::args().nth(1).expect("a directory");
    let mut rows = BTreeMap::<(String, String, String), Row>::new();
    for entry in fs::read_dir(directory).expect("the directory") {
        let path = entry.expect("a file").path();
        let name = path.file_stem().expect("a name").to_string_lossy();
        let parts: Vec<&str> = name.split('.').collect();
        let [codec, source, level, ms] = parts[..] else {
            panic!("{name} is not CODEC.SOURCE.LEVEL.MS");
        };
        let row = rows.entry((codec.into(), source.into(), level.into()));
        let ptime = Duration::from_millis(ms.parse().expect("milliseconds"));
        count(codec, &path, ptime, row.or_default());
    }
    println!("| codec | source | level | right | misnamed | wrong | undecided | longest |");
    println!("|---|---|---|---|---|---|---|---|");
    for ((codec, source, level), row) in &rows {
        println!(
            "| {codec} | {source} | {level} dB | {} | {} | {} | {} | {} ms |",
            row.right,
            row.misnamed,
            row.wrong,
            row.undecided,
            row.longest.as_millis()
        );
    }
    let wrong: u32 = rows.values().map(|row| row.wrong).sum();
    let all = |row: &Row| row.right + row.misnamed + row.wrong + row.undecided;
    println!("{wrong} of {} wrong", rows.values().map(all).sum::<u32>());
}

fn count(codec: &str, path: &Path, ptime: Duration, row: &mut Row) {
    let file = fs::read(path).expect("the file");
    let mut rest = &file[..];
    let mut payloads = Vec::new();
    while let Some(frame) = Frame::split_first(&mut rest) {
        if let Ok(Message::Audio(audio)) = Message::parse(frame) {
            payloads.push(audio.payload().to_vec());
        }
    }
    for start in (0..payloads.len()).step_by((payloads.len() / 60).max(1)) {
        let (mut detector, mut at) = (CodecDetector::default(), Instant::now());
        let begin = at;
        for payload in payloads[start..].iter().take(100) {
            at += ptime;
            if detector.push(payload, at).is_some() {
                break;
            }
        }
        let Some(found) = detector.codec() else {
            row.undecided += 1;
            continue;
        };
        row.longest = row.longest.max(at - begin);
        let found_linear = matches!(found, Codec::Slin | Codec::G711(_));
        let is_linear = ["slin", "alaw", "ulaw"]
            .iter()
            .any(|name| codec.starts_with(name));
        if codec.starts_with(found.format_name()) {
            row.right += 1;
        } else if found_linear || is_linear {
            row.wrong += 1;
        } else {
            row.misnamed += 1;
        }
    }
}
