//! `audiosocket serve` with more connections than its limits or its file descriptors allow.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Instant;

use crate::caller::{
    HANGUP, UUID, assert_echoed, assert_refused, begin, begin_echo, begin_echo_on, connect,
    connect_from, end_call, read_frame,
};
use crate::process::{PATIENCE, ServeProcess, audiosocket, line};
use crate::server::write_frame;

on_every_runtime! {
    calls_beyond_max_calls_are_refused,
    connections_without_a_uuid_beyond_max_pending_are_refused,
    connections_beyond_max_pending_per_addr_are_refused,
    new_calls_wait_while_there_is_no_file_descriptor,
}

fn calls_beyond_max_calls_are_refused(runtime: &str) {
    let server = ServeProcess::start_on(runtime, 1, &["--max-calls", "2"]);
    let mut first = begin_echo(server.addr());
    let mut second = begin_echo(server.addr());
    let refused = assert_refused(connect(server.addr()));
    assert_echoed(&mut first, 0x10, b"hello");
    assert_echoed(&mut second, 0x10, b"hello");
    end_call(first);
    server.wait_for_log(1, "call ended");
    end_call(call_when_there_is_room(server.addr()));
    end_call(second);
    let log = server.terminate();
    line(&log, &["call refused", &refused, "reason=too many calls"]);
}

fn connections_without_a_uuid_beyond_max_pending_are_refused(runtime: &str) {
    let args = ["--max-pending", "1", "--uuid-timeout", "1h"];
    let server = ServeProcess::start_on(runtime, 1, &args);
    let first = begin_echo(server.addr());
    let silent = connect(server.addr());
    let refused = assert_refused(connect_from("127.0.0.2", server.addr()));
    // With its UUID, the connection is not pending any more.
    let late = begin_echo_on(silent);
    end_call(begin_echo(server.addr()));
    end_call(first);
    end_call(late);
    let log = server.terminate();
    let reason = "reason=too many connections without a UUID";
    let refused = line(&log, &["call refused", &refused, reason]);
    assert!(!refused.contains("from this address"), "{refused}");
}

fn connections_beyond_max_pending_per_addr_are_refused(runtime: &str) {
    let args = ["--max-pending-per-addr", "1", "--uuid-timeout", "1h"];
    let server = ServeProcess::start_on(runtime, 1, &args);
    let silent = connect(server.addr());
    let refused = assert_refused(connect(server.addr()));
    end_call(begin_echo_on(connect_from("127.0.0.2", server.addr())));
    end_call(begin_echo_on(silent));
    let log = server.terminate();
    let reason = "reason=too many connections without a UUID from this address";
    line(&log, &["call refused", &refused, reason]);
}

fn new_calls_wait_while_there_is_no_file_descriptor(runtime: &str) {
    const CALLS: usize = 60;
    let server = audiosocket(["serve", "echo", "--runtime", runtime]);
    let mut limited = Command::new("prlimit");
    limited.arg("--nofile=40");
    limited.arg(server.get_program()).args(server.get_args());
    limited.env_remove("RUST_LOG");
    let server = ServeProcess::run(limited, 1);
    let mut calls: Vec<_> = (0..CALLS).map(|_| connect(server.addr())).collect();
    for stream in &mut calls {
        write_frame(stream, 0x01, UUID).unwrap();
    }
    server.wait_for_log(1, "cannot take connections");
    assert_echoed(&mut calls[0], 0x10, b"hello");
    assert_echoed(&mut calls[1], 0x10, b"hello");
    // The server accepts each call in turn, and refuses or resets none.
    for mut stream in calls {
        assert_echoed(&mut stream, 0x10, b"hello");
        end_call(stream);
    }
    server.wait_for_log(CALLS, "call ended");
    let log = server.terminate();
    assert!(!log.contains("call refused"), "{log}");
}

/// Calls until the server accepts a call. The place of a call is free a moment after its end is in the log.
fn call_when_there_is_room(server: SocketAddr) -> TcpStream {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut stream = begin(server);
        stream.write_all(b"\x10\x00\x05hello").unwrap();
        match read_frame(&mut stream).unwrap() {
            frame if frame == HANGUP => {
                assert!(Instant::now() < deadline, "the server still refuses calls");
            }
            frame => {
                assert_eq!(frame, (0x10, b"hello".to_vec()));
                return stream;
            }
        }
    }
}
