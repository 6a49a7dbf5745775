//! Wrong options exit with 2, other errors at the start with 1. Both name the option, the file or the address.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;

use audiosocket_media::SampleRate;
use audiosocket_media::wav::WavWriter;
use tempfile::TempDir;

use super::process::{audiosocket, text};

/// Runs the program, and asserts its exit code and the parts of its error. It prints nothing to standard output.
#[track_caller]
fn assert_error(args: &[&str], code: i32, parts: &[&str]) {
    // Without PATH, espeak-ng is not found.
    let mut command = audiosocket(args.iter().copied());
    let output = command.env("PATH", "/nowhere").output().unwrap();
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{args:?}: {part:?} in {stderr}");
    }
    assert_eq!(text(&output.stdout), "", "{args:?}");
    assert!(!stderr.contains('\x1b'), "{args:?}: {stderr:?}");
}

#[test]
fn wrong_options_of_call_exit_with_2_and_name_the_option() {
    let uuid = "40325ec2-5efd-4bd3-805f-53576e581d13";
    // No process has this id.
    let no_pid = i32::MAX.to_string();
    let own_pid = std::process::id().to_string();
    let barge_in = "--barge-in-after";
    for (options, problem) in [
        (&["--calls", "2", "--uuid", uuid][..], "--uuid"),
        (
            &["--rate", "slin192", "--ptime", "200"],
            "the maximum is 65535 bytes",
        ),
        (&["--duration", "10ms"], "shorter than one frame"),
        (&["--duration", "5"], "5s, 500ms"),
        (&["--duration", "2s-1s"], "write it like 1s-60s"),
        (&["--duration", "10ms-1s"], "shorter than one frame"),
        (&["--dtmf", "12E"], "'E' is not one of the keys"),
        (&["--rate", "alaw"], "not a slin format"),
        (&["--calls-per-second", "0"], "between"),
        (&["--calls", "0"], "1..="),
        (&["--calls", "2", "--record", "x.wav"], "{uuid}"),
        (&["--details", "--json"], "--json"),
        (&[barge_in, "2s", "--duration", "1s"], "--duration is over"),
        (
            &[barge_in, "2s", "--expect", "echo"],
            "cannot barge in on an echo",
        ),
        (&[barge_in, "1s", "--audio", "noise"], "use --audio FILE"),
        (&["--closed-loop", "1", "--no-audio"], "--no-audio"),
        (&["--closed-loop", "1", "--expect", "any"], "--expect echo"),
        (&["--closed-loop", "1", barge_in, "1s"], barge_in),
        (&["--closed-loop", "1", "--record", "x.wav"], "--record"),
        (&["--closed-loop", "0"], "1..="),
        (&["--no-audio", barge_in, "1s"], barge_in),
        (&["--server-pid", "0"], "1.."),
        (&["--asterisk", "17.9"], "from 18.0 on; write it like 20.12"),
        (&["--max-gap", "60"], "5s, 500ms"),
        (&["--codec", "alaw", "--expect", "echo"], "--expect any"),
        (&["--codec", "ulaw", "--rate", "slin16"], "--rate of 8 kHz"),
        (&["--say-at", "1s", "--expect", "echo"], "--expect any"),
        (&["--dtmf-at", "9s:5"], "--duration is over before"),
        (&["--dtmf-at", "5"], "3s:15#"),
        (&["--hold", "2s-1s"], "2s-7s"),
        (&["--replay", "x.bin", "--no-audio"], "--no-audio"),
        #[cfg(target_os = "linux")]
        (
            &["--server-pid", &no_pid, "--duration", "2s"],
            "there is no process with this id",
        ),
        #[cfg(target_os = "linux")]
        (
            &["--server-pid", &own_pid, "--duration", "1s"],
            "--duration",
        ),
    ] {
        assert_error(&[&["call", "127.0.0.1:9"], options].concat(), 2, &[problem]);
    }
    assert_error(&["call", "localhost"], 2, &["localhost", "HOST:PORT"]);
}

#[test]
fn wrong_options_of_serve_exit_with_2_and_name_the_option() {
    let no_threads = "--threads needs --runtime tokio";
    for (options, problem) in [
        (&["--listen", "9092"][..], "expected HOST:PORT"),
        (
            &["--allow", "localhost"],
            "write, for example, 192.0.2.7 or 192.0.2.0/24",
        ),
        (
            &["--allow", "10.0.0.1/8"],
            "write 10.0.0.0/8 for the network, 10.0.0.1 for the address",
        ),
        (&["--runtime", "smol", "--threads", "2"], no_threads),
        (&["--runtime", "blocking", "--threads", "2"], no_threads),
        (
            &["--runtime", "blocking", "--wake-interval", "2ms"],
            "--wake-interval needs --runtime tokio or smol",
        ),
    ] {
        assert_error(&[&["serve", "echo"], options].concat(), 2, &[problem]);
    }
}

#[test]
fn files_that_cannot_be_used_exit_with_1_and_are_named() {
    let dir = TempDir::new().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let missing = path("missing-\x1b[31m");
    let no_wav = path("no.wav");
    std::fs::write(
        &no_wav,
        "RIFF is also a German word, and this is no WAV file",
    )
    .unwrap();
    let cut = path("cut.bin");
    std::fs::File::create(&cut)
        .unwrap()
        .write_all(&[0x10, 0])
        .unwrap();
    let empty = wav_file(dir.path(), "empty.wav", &[]);
    let quiet = wav_file(dir.path(), "quiet.wav", &[5; 8_000]);
    let call = ["call", "127.0.0.1:9", "--audio"];
    for (command, file, code, problem) in [
        (&["serve", "play"][..], &missing, 1, "No such file"),
        (&["serve", "play"], &no_wav, 1, "not a WAV file"),
        (&["serve", "play"], &empty, 1, "has no audio"),
        (
            &["serve", "record"],
            &missing,
            1,
            "create the directory first",
        ),
        (&["serve", "record"], &no_wav, 1, "Not a directory"),
        (&call, &missing, 1, "reading the file failed: No such file"),
        (&call, &no_wav, 1, "not a WAV file"),
        (&call, &empty, 2, "the file has no audio"),
        (&["decode"], &missing, 1, "No such file"),
        (&["decode"], &cut, 1, "ends inside a frame"),
    ] {
        let name = file
            .rsplit('/')
            .next()
            .unwrap()
            .split('\x1b')
            .next()
            .unwrap();
        assert_error(&[command, &[file]].concat(), code, &[name, problem]);
    }
    let barge_in = [&call[..], &[&quiet, "--barge-in-after", "1s"]].concat();
    assert_error(&barge_in, 2, &["loud enough to barge in"]);
}

#[test]
fn a_prebuffer_that_cannot_be_used_is_named() {
    let args = ["serve", "play", "prompt.wav", "--prebuffer", "200ms"];
    assert_error(&args, 1, &["--prebuffer needs standard input"]);
    let args = ["serve", "play", "-", "--prebuffer", "6s"];
    assert_error(&args, 2, &["longer than 5s"]);
}

#[test]
fn options_of_barge_in_that_cannot_be_used_are_named() {
    let play = ["serve", "play", "prompt.wav"];
    for (options, code, problem) in [
        (&["--protect", "1s"][..], 1, "need --barge-in"),
        (&["--no-pause"], 1, "need --barge-in"),
        (&["--barge-in=coughs"], 2, "any, speech, keys or nothing"),
        (&["--barge-in", "--protect", "0s"], 2, "more than zero"),
        (&["--barge-in", "--least-speech", "6s"], 2, "longer than 5s"),
    ] {
        assert_error(&[&play, options].concat(), code, &[problem]);
    }
}

#[test]
fn an_address_that_cannot_be_used_is_named_with_a_remedy() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().to_string();
    for runtime in ["tokio", "smol", "blocking"] {
        for (addr, remedy) in [
            ("nohost.invalid:9092", "check the name in --listen"),
            ("192.0.2.1:9092", "an address of this machine"),
            (&taken, "choose another port with --listen"),
        ] {
            let args = ["serve", "echo", "--runtime", runtime, "--listen", addr];
            assert_error(&args, 1, &["cannot listen on", addr, remedy]);
        }
    }
    let args = ["call", "nohost.invalid:9092"];
    assert_error(&args, 1, &["cannot resolve nohost.invalid:9092"]);
}

#[test]
fn a_wake_interval_that_is_too_long_is_named() {
    let args = [
        "serve",
        "echo",
        "--listen",
        "127.0.0.1:0",
        "--wake-interval",
        "10ms",
    ];
    let problem = "the wake interval 10ms is not between zero and 10ms";
    assert_error(&args, 1, &[problem, "change --wake-interval"]);
}

#[test]
fn without_espeak_ng_the_error_says_how_to_install_it() {
    let args = ["serve", "bot", "--listen", "127.0.0.1:0"];
    assert_error(&args, 1, &["apt install espeak-ng"]);
}

/// Writes a WAV file at 8 kHz and returns its path.
fn wav_file(directory: &Path, name: &str, samples: &[i16]) -> String {
    let path = directory.join(name);
    let mut file = WavWriter::create(&path, SampleRate::Hz8000).unwrap();
    file.write(samples).unwrap();
    file.finish().unwrap();
    path.to_str().unwrap().to_owned()
}
