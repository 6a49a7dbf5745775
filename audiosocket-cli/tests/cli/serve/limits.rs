//! `audiosocket serve` with more connections than its limits or its file descriptors allow.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::caller::{
    HANGUP, UUID, assert_echoed, assert_refused, begin, begin_echo, begin_echo_on, connect,
    connect_from, connect_when_open, end_call, read_frame, wait_until_closed,
};
use crate::process::{PATIENCE, ServeProcess, audiosocket, line};
use crate::server::write_frame;

on_every_runtime! {
    connections_are_refused_while_max_calls_are_open,
    calls_beyond_max_calls_are_hung_up_with_an_option,
    connections_without_a_uuid_beyond_max_pending_are_refused,
    connections_beyond_max_pending_per_addr_are_refused,
    connections_are_refused_before_the_descriptors_run_out,
    new_calls_wait_while_there_is_no_file_descriptor,
}

fn connections_are_refused_while_max_calls_are_open(runtime: &str) {
    let server = ServeProcess::start_on(runtime, 2, &["--max-calls", "2"]);
    let [one, other] = server.addrs()[..] else {
        panic!("two addresses");
    };
    let mut first = begin_echo(one);
    for number in 0..3 {
        let second = begin_echo_on(connect_when_open(other));
        wait_until_closed(one);
        wait_until_closed(other);
        assert_echoed(&mut first, 0x10, format!("hello {number}").as_bytes());
        end_call(second);
    }
    end_call(first);
    let log = server.terminate();
    line(
        &log,
        &[
            "WARN",
            "the server is full",
            "reason=too many calls calls=2",
        ],
    );
    line(
        &log,
        &["INFO", "the server accepts connections again", "after="],
    );
}

fn calls_beyond_max_calls_are_hung_up_with_an_option(runtime: &str) {
    let args = ["--max-calls", "2", "--when-full", "hangup"];
    let server = ServeProcess::start_on(runtime, 1, &args);
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

fn connections_are_refused_before_the_descriptors_run_out(runtime: &str) {
    let server = serve_with_40_descriptors(runtime, "refuse");
    let mut calls = vec![begin_echo(server.addr())];
    while let Ok(stream) = TcpStream::connect(server.addr()) {
        calls.push(begin_echo_on(stream));
    }
    assert!(calls.len() >= 5, "{}", calls.len());
    // The server measures the descriptors every 100 ms. As long as no call ends, the result stays the same.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(server.logged("accepts connections again"), 0);
    for call in &mut calls {
        assert_echoed(call, 0x10, b"hello");
    }
    calls.into_iter().for_each(end_call);
    end_call(begin_echo_on(connect_when_open(server.addr())));
    let log = server.terminate();
    let reason = "reason=too few descriptors are left";
    assert!(log.contains(reason), "{log}");
    assert!(!log.contains("cannot accept connections"), "{log}");
}

fn new_calls_wait_while_there_is_no_file_descriptor(runtime: &str) {
    const CALLS: usize = 60;
    let server = serve_with_40_descriptors(runtime, "hangup");
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

fn serve_with_40_descriptors(runtime: &str, when_full: &str) -> ServeProcess {
    let args = [
        "serve",
        "echo",
        "--runtime",
        runtime,
        "--when-full",
        when_full,
    ];
    let server = audiosocket(args);
    let mut limited = Command::new("prlimit");
    limited.arg("--nofile=40");
    limited.arg(server.get_program()).args(server.get_args());
    limited.env_remove("RUST_LOG");
    ServeProcess::run(limited, 1)
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
