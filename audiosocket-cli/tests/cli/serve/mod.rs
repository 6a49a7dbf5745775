//! `audiosocket serve echo`.

mod bot;
mod codecs;
mod faults;
mod limits;
mod memory;
#[cfg(feature = "jemalloc")]
mod memory_flood;
#[cfg(feature = "jemalloc")]
mod memory_given_back;
mod play;
mod record;
mod wake_interval;

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::process::Command;

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};

use crate::caller::{HANGUP, UUID, UUID_TEXT, connect, end_call, read_frame};
use crate::process::{PATIENCE, ServeProcess, count, line, run, text};
use crate::server::write_frame;

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

on_every_runtime! {
    every_socket_that_was_asked_for_echoes,
    a_call_is_logged_when_it_starts_and_when_it_ends,
    a_peer_that_makes_mistakes_without_end_does_not_fill_the_log,
    connections_that_are_not_calls_are_warned_of_within_bounds,
    a_second_uuid_is_warned_of_and_ends_the_call,
    strangers_are_hung_up_before_they_say_anything,
    the_time_limits_are_kept,
    a_signal_lets_calls_go_on_until_they_end,
    a_second_signal_hangs_up_at_once,
    calls_are_hung_up_when_the_drain_is_over,
    an_idle_server_ends_at_once_when_asked_to,
    an_address_that_is_taken_is_an_error_unless_it_is_shared,
}

fn every_socket_that_was_asked_for_echoes(runtime: &str) {
    let server = ServeProcess::start_on(runtime, 2, &[]);
    assert_ne!(server.addrs()[0].port(), server.addrs()[1].port());
    for addr in server.addrs() {
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
    let server = ServeProcess::start_on(runtime, 1, &["--no-silence"]);
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
    assert!(ended.contains("frames_in=2 "), "{ended}");
    assert!(ended.contains("dropped=0 exceptions=0"), "{ended}");
    let out = count(ended, "frames_out") - count(ended, "silence");
    assert_eq!(out, 2, "{ended}");
    assert!(!ended.contains("late="), "nothing was played: {ended}");
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
    let server = ServeProcess::start_on(runtime, 1, &[]);
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
    let server = ServeProcess::start_on(runtime, 1, &[]);
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
    let server = ServeProcess::start_on(runtime, 1, &[]);
    let mut stream = begin_call(server.addr());
    write_frame(&mut stream, 0x01, UUID).unwrap();
    assert_eq!(read_frame(&mut stream).unwrap(), HANGUP);
    end_call(stream);
    let log = server.terminate();
    line(&log, &["WARN", UUID_TEXT, "a second UUID"]);
    line(&log, &["call ended", "end=failed: a second UUID"]);
}

fn strangers_are_hung_up_before_they_say_anything(runtime: &str) {
    let args = [
        "--uuid-timeout",
        "1h",
        "--allow",
        "127.0.0.2,::1",
        "--allow",
        "10.0.0.0/8",
    ];
    let server = ServeProcess::start_on(runtime, 1, &args);
    let mut stranger = connect(server.addr());
    assert_eq!(read_frame(&mut stranger).unwrap(), HANGUP);
    let peer = format!("peer={}", stranger.local_addr().unwrap());
    drop(stranger);

    let friend = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let from: std::net::SocketAddr = "127.0.0.2:0".parse().unwrap();
    friend.bind(&from.into()).unwrap();
    friend.connect(&server.addr().into()).unwrap();
    let mut friend = TcpStream::from(friend);
    friend.set_read_timeout(Some(PATIENCE)).unwrap();
    write_frame(&mut friend, 0x01, UUID).unwrap();
    assert_echoed(&mut friend, 0x10, b"let in");
    end_call(friend);

    let log = server.terminate();
    let reason = "reason=its address is not on the allow list";
    line(&log, &["call refused", &peer, reason]);
    line(&log, &["call ended", "peer=127.0.0.2:"]);
}

fn the_time_limits_are_kept(runtime: &str) {
    let server = ServeProcess::start_on(
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
    let server = ServeProcess::start_on(runtime, 1, &["--drain", "1h"]);
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
    let server = ServeProcess::start_on(runtime, 1, &["--drain", "1h"]);
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
    let server = ServeProcess::start_on(runtime, 1, &["--drain", "100ms"]);
    let mut stream = begin_call(server.addr());
    server.signal(Signal::TERM);
    assert_eq!(read_frame(&mut stream).unwrap(), HANGUP);
    end_call(stream);
    assert_eq!(server.wait().0, 0);
}

fn an_idle_server_ends_at_once_when_asked_to(runtime: &str) {
    let server = ServeProcess::start_on(runtime, 1, &["--drain", "1h"]);
    let log = server.terminate();
    line(&log, &["shutting down", "SIGTERM"]);
}

fn an_address_that_is_taken_is_an_error_unless_it_is_shared(runtime: &str) {
    let server = ServeProcess::start_on(runtime, 1, &["--reuse-port"]);
    let addr = server.addr().to_string();
    let output = run(["serve", "echo", "--runtime", runtime, "--listen", &addr]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains(&addr) && stderr.contains("in use"),
        "{stderr}"
    );
    assert_eq!(text(&output.stdout), "");

    let sharing = crate::process::audiosocket([
        "serve",
        "echo",
        "--runtime",
        runtime,
        "--reuse-port",
        "--listen",
        &addr,
    ]);
    let sharing = ServeProcess::run_as_is(sharing, 1);
    assert_eq!(sharing.addr().to_string(), addr);
    sharing.terminate();
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

#[test]
fn what_is_no_network_is_an_error() {
    for (network, told) in [
        ("localhost", "not a network, such as 192.0.2.0/24"),
        (
            "10.0.0.1/8",
            "write 10.0.0.0/8 for the network, 10.0.0.1 for the address",
        ),
    ] {
        let output = run(["serve", "echo", "--allow", network]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(told), "{output:?}");
    }
}

/// A disk that is full is no reason to end calls.
#[test]
fn a_log_that_cannot_be_written_ends_nothing() {
    for runtime in ["tokio", "smol", "blocking"] {
        let program = env!("CARGO_BIN_EXE_audiosocket");
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$@\" 2>/dev/full", program]);
        command.args(["serve", "echo", "--runtime", runtime]);
        let server = ServeProcess::run(command, 1);
        // One that is no call, and is told of, and two that are.
        let mut stranger = connect(server.addr());
        write_frame(&mut stranger, 0x10, b"no UUID").unwrap();
        let mut first = begin_call(server.addr());
        let second = begin_call(server.addr());
        end_call(second);
        assert_echoed(&mut first, 0x10, b"still here");
        end_call(first);
        drop(stranger);
        server.terminate();
    }
}
