//! `audiosocket serve echo`.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use rustix::process::Signal;

use super::process::{PATIENCE, Serving, run, text};
use super::server::{read_frame, write_frame};

const UUID: &[u8; 16] = b"\x40\x32\x5e\xc2\x5e\xfd\x4b\xd3\x80\x5f\x53\x57\x6e\x58\x1d\x13";
const UUID_TEXT: &str = "40325ec2-5efd-4bd3-805f-53576e581d13";
const HANGUP: (u8, Vec<u8>) = (0x00, Vec::new());

/// Connects, without a word.
fn connect(addr: std::net::SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Begins a call, and waits until the server has taken it.
fn begin_call(addr: std::net::SocketAddr) -> TcpStream {
    let mut stream = connect(addr);
    write_frame(&mut stream, 0x01, UUID).unwrap();
    assert_echoed(&mut stream, 0x10, b"begin!");
    stream
}

#[track_caller]
fn assert_echoed(stream: &mut TcpStream, kind: u8, audio: &[u8]) {
    write_frame(stream, kind, audio).unwrap();
    assert_eq!(read_frame(stream).unwrap(), (kind, audio.to_vec()));
}

/// Ends a call as Asterisk does, and waits until the server has noticed.
fn end_call(mut stream: TcpStream) {
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

/// The log line that contains all of `parts`.
#[track_caller]
fn line<'l>(log: &'l str, parts: &[&str]) -> &'l str {
    let mut lines = log
        .lines()
        .filter(|line| parts.iter().all(|part| line.contains(part)));
    let found = lines
        .next()
        .unwrap_or_else(|| panic!("no {parts:?} in {log}"));
    assert_eq!(lines.next(), None, "more than one {parts:?}");
    found
}

/// Runs each test on every runtime that the program has.
macro_rules! on_every_runtime {
    ($($test:ident),* $(,)?) => {
        on_every_runtime!(@ tokio $($test)*);
        on_every_runtime!(@ smol $($test)*);
        on_every_runtime!(@ blocking $($test)*);
    };
    (@ $runtime:ident $($test:ident)*) => {
        mod $runtime { $(#[test] fn $test() { super::$test(stringify!($runtime)); })* }
    };
}

on_every_runtime! {
    every_socket_that_was_asked_for_echoes,
    a_call_is_logged_when_it_starts_and_when_it_ends,
    a_peer_that_makes_mistakes_without_end_does_not_fill_the_log,
    connections_that_are_not_calls_are_warned_of_within_bounds,
    a_second_uuid_is_warned_of_and_ends_the_call,
    the_time_limits_are_kept,
    a_signal_lets_calls_go_on_until_they_end,
    a_second_signal_hangs_up_at_once,
    calls_are_hung_up_when_the_drain_is_over,
    an_idle_server_ends_at_once_when_asked_to,
    an_address_that_is_taken_is_an_error_unless_it_is_shared,
}

fn every_socket_that_was_asked_for_echoes(runtime: &str) {
    let server = Serving::start_on(runtime, 2, &[]);
    assert_ne!(server.addrs[0].port(), server.addrs[1].port());
    for addr in server.addrs.clone() {
        assert_ne!(addr.port(), 0);
        let mut stream = begin_call(addr);
        for kind in 0x10..=0x18 {
            assert_echoed(&mut stream, kind, &[kind; 640]);
        }
        assert_echoed(&mut stream, 0x10, &[1]);
        assert_echoed(&mut stream, 0x18, &[7; 65_535]);
        end_call(stream);
    }
    server.terminate();
}

fn a_call_is_logged_when_it_starts_and_when_it_ends(runtime: &str) {
    let server = Serving::start_on(runtime, 1, &[]);
    let mut stream = begin_call(server.addr());
    let peer = format!("peer={}", stream.local_addr().unwrap());
    write_frame(&mut stream, 0x03, b"5").unwrap();
    assert_echoed(&mut stream, 0x12, &[1; 640]);
    end_call(stream);
    let log = server.terminate();
    let uuid = format!("uuid={UUID_TEXT}");
    line(&log, &["INFO", "call started", &uuid, &peer]);
    let ended = line(
        &log,
        &["INFO", "call ended", &uuid, &peer, "end=closed by the peer"],
    );
    assert!(
        ended.contains("frames_in=2 frames_out=2 dropped=0 exceptions=0"),
        "{ended}"
    );
    let seconds = ended
        .split("seconds=")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    assert!((0.0..60.0).contains(&seconds.parse::<f64>().unwrap()));
    assert!(!log.contains("key pressed"), "that is for debugging");
    assert!(!log.contains("WARN"), "{log}");
}

fn a_peer_that_makes_mistakes_without_end_does_not_fill_the_log(runtime: &str) {
    let server = Serving::start_on(runtime, 1, &[]);
    let mut stream = begin_call(server.addr());
    stream.write_all(&b"\x03\x00\x01\x1b".repeat(1000)).unwrap();
    assert_echoed(&mut stream, 0x10, b"still there");
    end_call(stream);
    let log = server.terminate();
    let exceptions = log
        .lines()
        .filter(|line| line.contains("a key press that is not"));
    assert_eq!(exceptions.filter(|line| line.contains("WARN")).count(), 5);
    line(&log, &["call ended", "exceptions=1000"]);
    assert!(!log.contains('\x1b'));
}

fn connections_that_are_not_calls_are_warned_of_within_bounds(runtime: &str) {
    let server = Serving::start_on(runtime, 1, &[]);
    for _ in 0..200 {
        let mut stream = connect(server.addr());
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(read_frame(&mut stream).unwrap(), HANGUP);
    }
    let log = server.terminate();
    let warnings = log
        .lines()
        .filter(|line| line.contains("WARN") && line.contains("not a call"));
    let warnings: Vec<_> = warnings.collect();
    assert!((1..200).contains(&warnings.len()), "{log}");
    assert!(warnings[0].contains("the first frame was of kind 0x47 and not a UUID"));
    assert!(!log.contains("call started"));
}

fn a_second_uuid_is_warned_of_and_ends_the_call(runtime: &str) {
    let server = Serving::start_on(runtime, 1, &[]);
    let mut stream = begin_call(server.addr());
    write_frame(&mut stream, 0x01, UUID).unwrap();
    assert_eq!(read_frame(&mut stream).unwrap(), HANGUP);
    end_call(stream);
    let log = server.terminate();
    line(&log, &["WARN", UUID_TEXT, "a second UUID"]);
    line(&log, &["call ended", "end=failed: a second UUID"]);
}

fn the_time_limits_are_kept(runtime: &str) {
    let server = Serving::start_on(
        runtime,
        1,
        &["--uuid-timeout", "1s", "--idle-timeout", "1s"],
    );
    let mut silent = connect(server.addr());
    assert_eq!(read_frame(&mut silent).unwrap(), HANGUP);
    let mut idle = begin_call(server.addr());
    assert_eq!(read_frame(&mut idle).unwrap(), HANGUP);
    drop((silent, idle));
    let log = server.terminate();
    line(&log, &["WARN", "not a call", "no UUID came in time"]);
    line(&log, &["call ended", "the peer sent nothing for too long"]);
}

fn a_signal_lets_calls_go_on_until_they_end(runtime: &str) {
    let server = Serving::start_on(runtime, 1, &["--drain", "1h"]);
    let mut stream = begin_call(server.addr());
    server.signal(Signal::INT);
    wait_until_refused(server.addr());
    assert_echoed(&mut stream, 0x10, b"still there");
    end_call(stream);
    let (code, log) = server.wait();
    assert_eq!(code, 0);
    line(&log, &["shutting down", "SIGINT", "drain=1h"]);
    line(&log, &["call ended", "end=closed by the peer"]);
}

fn a_second_signal_hangs_up_at_once(runtime: &str) {
    let server = Serving::start_on(runtime, 1, &["--drain", "1h"]);
    let mut stream = begin_call(server.addr());
    server.signal(Signal::TERM);
    wait_until_refused(server.addr());
    server.signal(Signal::INT);
    assert_eq!(read_frame(&mut stream).unwrap(), HANGUP);
    end_call(stream);
    let (code, log) = server.wait();
    assert_eq!(code, 0);
    line(&log, &["call ended", "end=hung up by shutdown"]);
}

fn calls_are_hung_up_when_the_drain_is_over(runtime: &str) {
    let server = Serving::start_on(runtime, 1, &["--drain", "100ms"]);
    let mut stream = begin_call(server.addr());
    server.signal(Signal::TERM);
    assert_eq!(read_frame(&mut stream).unwrap(), HANGUP);
    end_call(stream);
    assert_eq!(server.wait().0, 0);
}

fn an_idle_server_ends_at_once_when_asked_to(runtime: &str) {
    let server = Serving::start_on(runtime, 1, &["--drain", "1h"]);
    let log = server.terminate();
    line(&log, &["shutting down", "SIGTERM"]);
}

fn an_address_that_is_taken_is_an_error_unless_it_is_shared(runtime: &str) {
    let server = Serving::start_on(runtime, 1, &["--reuse-port"]);
    let addr = server.addr().to_string();
    let output = run(["serve", "echo", "--runtime", runtime, "--listen", &addr]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains(&addr) && stderr.contains("in use"),
        "{stderr}"
    );
    assert_eq!(text(&output.stdout), "");

    let mut sharing = super::process::audiosocket([
        "serve",
        "echo",
        "--runtime",
        runtime,
        "--reuse-port",
        "--listen",
        &addr,
    ])
    .stdout(std::process::Stdio::piped())
    .stderr(std::process::Stdio::null())
    .spawn()
    .unwrap();
    let wanted = format!("listening on {addr}\n");
    let mut line = vec![0; wanted.len()];
    sharing
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut line)
        .unwrap();
    assert_eq!(text(&line), wanted);
    super::process::send(&sharing, Signal::TERM);
    assert_eq!(super::process::wait(&mut sharing), 0);
}

/// The server has stopped listening; until it has, it may still take a connection.
fn wait_until_refused(addr: std::net::SocketAddr) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while std::time::Instant::now() < deadline {
        match TcpStream::connect(addr) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return,
            _ => std::thread::sleep(std::time::Duration::from_millis(5)),
        }
    }
    panic!("{addr} is still being listened on");
}
