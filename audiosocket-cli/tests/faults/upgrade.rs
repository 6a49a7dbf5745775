//! A new process takes over 500 calls of the old one, and so does another one after it. The tests print the gaps, and no test
//! asserts how long they are.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use tempfile::TempDir;

use super::process::{Report, ServeProcess, audiosocket};

const CALLS: usize = 500;
const UPGRADES: usize = 2;

fn serve(socket: &str, args: &[&str]) -> ServeProcess {
    let server = audiosocket(["serve"].iter().chain(args).copied());
    let mut server = server;
    server.args(["--upgrade-socket", socket]);
    ServeProcess::run(server, 1)
}

#[test]
#[ignore = "places 500 calls, and prints the longest gap"]
fn five_hundred_echoed_calls_survive_two_upgrades() {
    upgrades(&["echo"]);
}

#[test]
#[ignore = "places 500 calls, and prints the longest gap"]
fn five_hundred_played_calls_survive_two_upgrades() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("tone.wav");
    let file = file.to_str().unwrap();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(file, spec).unwrap();
    (0..80_000).for_each(|at| wav.write_sample((at % 4_000 + 1) as i16).unwrap());
    wav.finalize().unwrap();
    upgrades(&["play", "--loop", file]);
}

#[test]
#[ignore = "places 500 calls, and prints the longest gap"]
fn five_hundred_recorded_calls_survive_two_upgrades() {
    let directory = TempDir::new().unwrap();
    upgrades(&["echo", "--record", directory.path().to_str().unwrap()]);
    let files = fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(files, CALLS * (UPGRADES + 1));
}

fn upgrades(args: &[&str]) {
    let directory = TempDir::new().unwrap();
    let socket = directory.path().join("upgrade.sock");
    let socket = socket.to_str().unwrap();
    let first = serve(socket, args);
    let addr = first.addr().to_string();
    let calls = CALLS.to_string();
    let mut call = audiosocket(["call", &addr, "--json", "--calls", &calls]);
    // Also on a busy machine, the upgrades end before the calls.
    call.args(["--calls-per-second", "250", "--duration", "15s"]);
    call.arg("--allow-pauses");
    match args[0] {
        "echo" => call.args(["--echo-timeout", "60s"]),
        _ => call.args(["--expect", "any", "--audio", "noise"]),
    };
    call.stdout(Stdio::piped()).stderr(Stdio::piped());
    let call = call.spawn().unwrap();
    first.wait_for_log(CALLS, "call started");
    let mut server = first;
    for _ in 0..UPGRADES {
        thread::sleep(Duration::from_millis(200));
        let new = serve(socket, args);
        let (code, log) = std::mem::replace(&mut server, new).wait();
        assert_eq!(code, 0, "{log}");
        let moved = format!("calls={CALLS} refused=0");
        let moved = log.lines().find(|line| line.contains(&moved));
        println!("{}", moved.unwrap_or_else(|| panic!("{log}")));
    }
    let report = Report::of(&call.wait_with_output().unwrap());
    let figures = &report.figures;
    assert_eq!(report.count("/calls/completed"), CALLS as u64, "{figures}");
    assert_eq!(report.count("/hangups/caller"), CALLS as u64, "{figures}");
    let gap = Duration::from_micros(report.count("/jitter/longest_gap_us"));
    println!("{}: the longest gap is {gap:?}", args.join(" "));
    server.terminate();
}

/// A process of another user cannot take the calls, also if it may connect.
#[test]
#[ignore = "needs root"]
fn a_process_of_another_user_is_refused() {
    let directory = TempDir::new().unwrap();
    let socket = directory.path().join("upgrade.sock");
    let server = serve(socket.to_str().unwrap(), &["echo"]);
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    // The program itself may be in a directory that others cannot read.
    let program = "socket(S, AF_UNIX, SOCK_STREAM, 0); \
        connect(S, sockaddr_un($ARGV[0])) or die; print sysread(S, $_, 1)";
    let mut other = Command::new("setpriv");
    other.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    other.args(["perl", "-MSocket", "-e", program]);
    let output = other.arg(&socket).output().unwrap();
    assert_eq!(output.stdout, b"0", "{output:?}");
    server.wait_for_log(1, "has user 65534, and this one 0");
    server.terminate();
}
