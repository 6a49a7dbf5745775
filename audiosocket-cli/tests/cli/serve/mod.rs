//! `audiosocket serve echo`.

mod balancer;
mod bot;
mod codecs;
mod faults;
mod interruption;
mod limits;
mod memory;
pub(crate) mod operate;
pub(crate) mod play;
mod play_stdin;
mod rates;
mod record;
mod record_both;
mod threads;
#[cfg(feature = "tls")]
mod tls;

use std::io::{self, Write as _};
use std::net::TcpStream;

use rustix::process::Signal;

use crate::caller::{
    HANGUP, UUID, UUID_TEXT, assert_echoed, assert_refused, begin_echo, begin_echo_on, connect,
    connect_from, end_call, peer, read_frame,
};
use crate::process::{
    PATIENCE, ServeProcess, args, audiosocket, count, line, redirected, run, text,
};
use crate::server::write_frame;

on_every_runtime! {
    every_listener_echoes_every_kind_of_audio,
    a_call_is_logged_when_it_starts_and_when_it_ends,
    a_peer_with_a_thousand_mistakes_does_not_fill_the_log,
    connections_that_are_not_calls_have_a_limited_number_of_warnings,
    a_second_uuid_is_a_warning_and_ends_the_call,
    peers_outside_the_allow_list_are_refused_at_once,
    a_timeout_ends_a_connection_and_a_call,
    a_signal_waits_for_calls_to_end,
    a_second_signal_hangs_up_at_once,
    calls_are_hung_up_at_the_end_of_the_drain,
    a_signal_ends_an_idle_server_at_once,
    a_second_server_on_an_address_needs_reuse_port,
}

fn every_listener_echoes_every_kind_of_audio(runtime: &str) {
    let server = ServeProcess::start_on(runtime, 2, &[]);
    assert_ne!(server.addrs()[0].port(), server.addrs()[1].port());
    for addr in server.addrs() {
        assert_ne!(addr.port(), 0);
        let mut stream = begin_echo(addr);
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
    let mut stream = begin_echo(server.addr());
    let peer = peer(&stream);
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
    assert!(
        !ended.contains("late="),
        "the line of a call without playout: {ended}"
    );
    let seconds = ended
        .split("seconds=")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    assert!((0.0..60.0).contains(&seconds.parse::<f64>().unwrap()));
    assert!(
        !log.contains("key pressed"),
        "keys are logged at level debug only"
    );
    assert!(!log.contains("WARN"), "{log}");
}

fn a_peer_with_a_thousand_mistakes_does_not_fill_the_log(runtime: &str) {
    let server = ServeProcess::start_on(runtime, 1, &[]);
    let mut stream = begin_echo(server.addr());
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

fn connections_that_are_not_calls_have_a_limited_number_of_warnings(runtime: &str) {
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

fn a_second_uuid_is_a_warning_and_ends_the_call(runtime: &str) {
    let server = ServeProcess::start_on(runtime, 1, &[]);
    let mut stream = begin_echo(server.addr());
    write_frame(&mut stream, 0x01, UUID).unwrap();
    assert_eq!(read_frame(&mut stream).unwrap(), HANGUP);
    end_call(stream);
    let log = server.terminate();
    line(&log, &["WARN", UUID_TEXT, "a second UUID"]);
    line(&log, &["call ended", "end=failed: a second UUID"]);
}

fn peers_outside_the_allow_list_are_refused_at_once(runtime: &str) {
    let args = args("--uuid-timeout 1h --allow 127.0.0.2,::1 --allow 10.0.0.0/8");
    let server = ServeProcess::start_on(runtime, 1, &args);
    let peer = assert_refused(connect(server.addr()));
    end_call(begin_echo_on(connect_from("127.0.0.2", server.addr())));
    let log = server.terminate();
    let reason = "reason=its address is not on the allow list";
    line(&log, &["call refused", &peer, reason]);
    line(&log, &["call ended", "peer=127.0.0.2:"]);
}

fn a_timeout_ends_a_connection_and_a_call(runtime: &str) {
    let server = ServeProcess::start_on(
        runtime,
        1,
        &["--uuid-timeout", "1s", "--idle-timeout", "1s"],
    );
    let mut silent = connect(server.addr());
    assert_eq!(read_frame(&mut silent).unwrap(), HANGUP);
    let mut idle = begin_echo(server.addr());
    assert_eq!(read_frame(&mut idle).unwrap(), HANGUP);
    drop((silent, idle));
    let log = server.terminate();
    line(&log, &["WARN", "not a call", "no UUID came in time"]);
    line(&log, &["call ended", "the peer sent nothing for too long"]);
}

fn a_signal_waits_for_calls_to_end(runtime: &str) {
    let server = ServeProcess::start_on(runtime, 1, &["--drain", "1h"]);
    let mut stream = begin_echo(server.addr());
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
    let mut stream = begin_echo(server.addr());
    server.signal(Signal::TERM);
    wait_until_refused(server.addr());
    server.signal(Signal::INT);
    assert_eq!(read_frame(&mut stream).unwrap(), HANGUP);
    end_call(stream);
    let (code, log) = server.wait();
    assert_eq!(code, 0);
    line(&log, &["call ended", "end=hung up by shutdown"]);
}

fn calls_are_hung_up_at_the_end_of_the_drain(runtime: &str) {
    let server = ServeProcess::start_on(runtime, 1, &["--drain", "100ms"]);
    let mut stream = begin_echo(server.addr());
    server.signal(Signal::TERM);
    assert_eq!(read_frame(&mut stream).unwrap(), HANGUP);
    end_call(stream);
    assert_eq!(server.wait().0, 0);
}

fn a_signal_ends_an_idle_server_at_once(runtime: &str) {
    let server = ServeProcess::start_on(runtime, 1, &["--drain", "1h"]);
    let log = server.terminate();
    line(&log, &["shutting down", "SIGTERM"]);
}

fn a_second_server_on_an_address_needs_reuse_port(runtime: &str) {
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

    let sharing = audiosocket([
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

/// Waits until the server has stopped listening.
fn wait_until_refused(addr: std::net::SocketAddr) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while std::time::Instant::now() < deadline {
        match TcpStream::connect(addr) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return,
            _ => std::thread::sleep(std::time::Duration::from_millis(5)),
        }
    }
    panic!("the server still listens on {addr}");
}

#[test]
fn a_log_that_cannot_be_written_ends_no_call() {
    for runtime in ["tokio", "smol", "blocking"] {
        let command = redirected("2>/dev/full", ["serve", "echo", "--runtime", runtime]);
        let server = ServeProcess::run(command, 1);
        // A connection that is not a call, which is logged, and two calls.
        let mut no_call = connect(server.addr());
        write_frame(&mut no_call, 0x10, b"no UUID").unwrap();
        let mut first = begin_echo(server.addr());
        let second = begin_echo(server.addr());
        end_call(second);
        assert_echoed(&mut first, 0x10, b"still here");
        end_call(first);
        drop(no_call);
        server.terminate();
    }
}
