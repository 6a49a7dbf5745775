//! `audiosocket decode` with the captures of a real Asterisk.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::{audiosocket, run, text};

fn captures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../audiosocket-proto/captures");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut captures: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|ext| ext == "bin"))
        .collect();
    captures.sort();
    assert!(captures.len() >= 14, "{captures:?}");
    captures
}

fn capture(name: &str) -> PathBuf {
    let wanted = |file: &PathBuf| file.file_stem().is_some_and(|stem| stem == name);
    captures().into_iter().find(wanted).unwrap()
}

fn json_lines(output: &Output) -> Vec<Value> {
    let lines = text(&output.stdout).lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn decode(file: &Path, args: &[&str]) -> Output {
    let file = file.to_str().unwrap();
    run(["decode", file].into_iter().chain(args.iter().copied()))
}

fn spawn_decode_stdin(args: &[&str]) -> Child {
    audiosocket(["decode", "-"].into_iter().chain(args.iter().copied()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn decode_stdin(bytes: &[u8], args: &[&str]) -> Output {
    let mut child = spawn_decode_stdin(args);
    let mut stdin = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writing = std::thread::spawn(move || stdin.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    output
}

#[test]
fn the_lines_cover_every_capture_without_gap_or_overlap() {
    for capture in captures() {
        let output = decode(&capture, &["--json"]);
        assert_eq!(output.status.code(), Some(0), "{capture:?}");
        let mut end = 0;
        for line in json_lines(&output) {
            assert_eq!(line["offset"], end, "{capture:?}");
            end += 3 + line["length"].as_u64().unwrap();
        }
        assert_eq!(end, fs::metadata(&capture).unwrap().len(), "{capture:?}");
    }
}

#[test]
fn each_capture_is_a_uuid_and_then_audio_of_its_format() {
    for capture in captures() {
        let lines = json_lines(&decode(&capture, &["--json"]));
        assert_eq!(
            (&lines[0]["kind"], &lines[0]["length"]),
            (&json!(1), &json!(16))
        );
        let name = capture.file_stem().unwrap().to_str().unwrap();
        let format = match name.strip_prefix("dial-slin") {
            Some(rate) => format!("audio slin{rate}"),
            None => "audio slin".to_owned(),
        };
        for line in lines[1..].iter().filter(|line| line["kind"] != 3) {
            assert_eq!(line["name"], *format, "{name}");
        }
    }
}

#[test]
fn text_and_json_have_the_same_values() {
    for capture in captures() {
        let plain = decode(&capture, &[]);
        let json = json_lines(&decode(&capture, &["--json"]));
        let lines: Vec<_> = text(&plain.stdout).lines().collect();
        assert_eq!(lines.len(), json.len());
        for (line, json) in lines.iter().zip(&json) {
            let words: Vec<_> = line.split_whitespace().collect();
            assert_eq!(words[0], json["offset"].to_string());
            assert_eq!(
                words[1],
                format!("0x{:02x}", json["kind"].as_u64().unwrap())
            );
            assert!(line.contains(json["name"].as_str().unwrap()));
            match json["kind"].as_u64().unwrap() {
                1 => assert!(line.ends_with(json["uuid"].as_str().unwrap())),
                3 => assert!(line.ends_with(json["digit"].as_str().unwrap())),
                _ => assert!(line.contains(&format!(
                    "{} Hz, {} ms",
                    json["rate"],
                    json["ms"].as_f64().unwrap()
                ))),
            }
        }
    }
}

#[test]
fn the_keys_of_a_caller_are_in_order() {
    let lines = json_lines(&decode(&capture("app-dtmf"), &["--json"]));
    let keys = lines.iter().filter_map(|line| line["digit"].as_str());
    assert_eq!(keys.collect::<String>(), "15*D#");
}

#[test]
fn durations_fit_the_sample_rate() {
    let lines = json_lines(&decode(&capture("dial-slin44"), &["--json"]));
    assert_eq!(lines[1]["length"], 1764);
    assert_eq!(
        (&lines[1]["rate"], &lines[1]["ms"]),
        (&json!(44100), &json!(20.0))
    );
}

#[test]
fn a_pipe_and_a_file_have_the_same_output() {
    for capture in captures() {
        let piped = decode_stdin(&fs::read(&capture).unwrap(), &[]);
        assert_eq!(piped.status.code(), Some(0));
        assert_eq!(piped.stdout, decode(&capture, &[]).stdout, "{capture:?}");
    }
}

#[test]
fn a_stream_that_ends_inside_a_frame_is_an_error_with_exit_code_1() {
    let bytes = fs::read(capture("app-slin8")).unwrap();
    let whole = decode_stdin(&bytes, &[]);
    let cut = decode_stdin(&bytes[..bytes.len() - 1], &[]);
    assert_eq!(cut.status.code(), Some(1));
    let stderr = text(&cut.stderr);
    assert!(
        stderr.contains("the stream ends inside a frame: at byte"),
        "{stderr}"
    );
    assert!(
        whole.stdout.starts_with(&cut.stdout),
        "the whole frames are printed"
    );
    let lines = |output: &Output| text(&output.stdout).lines().count();
    assert_eq!(lines(&cut) + 1, lines(&whole));
}

#[test]
fn an_empty_stream_has_no_frames_and_is_no_error() {
    let output = decode_stdin(b"", &["--json"]);
    assert_eq!(
        (output.status.code(), &output.stdout[..], &output.stderr[..]),
        (Some(0), &b""[..], &b""[..])
    );
}

#[test]
fn lines_of_a_live_stream_are_printed_at_once_until_the_reader_closes_the_pipe() {
    let mut child = spawn_decode_stdin(&[]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"\x03\x00\x015").unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0; 10];
    stdout.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"         0");
    drop(stdout);
    // The program ends when it writes into the closed pipe.
    while stdin.write_all(&[0x10, 0, 2, 1, 0].repeat(1000)).is_ok() {}
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_capture_of_packets_is_an_error_that_names_its_programs() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("call.pcapng");
    for magic in [[0x0a, 0x0d, 0x0d, 0x0a], [0xd4, 0xc3, 0xb2, 0xa1]] {
        fs::write(&file, [&magic[..], &[0; 60]].concat()).unwrap();
        let output = decode(&file, &[]);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(text(&output.stdout), "");
        let replay = ["call", "127.0.0.1:1", "--replay", file.to_str().unwrap()];
        for output in [output, run(replay)] {
            let error = text(&output.stderr);
            assert!(
                error.contains("tshark") && error.contains("--capture-as streams"),
                "{error}"
            );
        }
    }
}
