//! `audiosocket serve` where more connect than may, or than there are descriptors for.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Instant;

use socket2::{Domain, Socket, Type};

use crate::caller::{HANGUP, UUID, connect, end_call, read_frame};
use crate::process::{PATIENCE, ServeProcess, audiosocket, line};
use crate::server::write_frame;

on_every_runtime! {
    calls_beyond_the_most_are_refused,
    connections_without_a_uuid_beyond_the_most_are_refused,
    those_from_one_address_are_counted_by_themselves,
    calls_go_on_and_new_ones_wait_without_a_descriptor,
}

fn calls_beyond_the_most_are_refused(runtime: &str) {
    let server = ServeProcess::start_on(runtime, 1, &["--max-calls", "2"]);
    let mut first = call(connect(server.addr()));
    let mut second = call(connect(server.addr()));
    let refused = is_refused(connect(server.addr()));
    assert_echoed(&mut first);
    assert_echoed(&mut second);
    end_call(first);
    server.wait_for_log(1, "call ended");
    end_call(call_when_there_is_room(server.addr()));
    end_call(second);
    let log = server.terminate();
    line(&log, &["call refused", &refused, "reason=too many calls"]);
}

fn connections_without_a_uuid_beyond_the_most_are_refused(runtime: &str) {
    let args = ["--max-pending", "1", "--uuid-timeout", "1h"];
    let server = ServeProcess::start_on(runtime, 1, &args);
    let first = call(connect(server.addr()));
    let silent = connect(server.addr());
    let refused = is_refused(connect_from("127.0.0.2", server.addr()));
    // It is none of them from then on.
    let late = call(silent);
    end_call(call(connect(server.addr())));
    end_call(first);
    end_call(late);
    let log = server.terminate();
    let reason = "reason=too many connections without a UUID";
    let refused = line(&log, &["call refused", &refused, reason]);
    assert!(!refused.contains("from this address"), "{refused}");
}

fn those_from_one_address_are_counted_by_themselves(runtime: &str) {
    let args = ["--max-pending-per-addr", "1", "--uuid-timeout", "1h"];
    let server = ServeProcess::start_on(runtime, 1, &args);
    let silent = connect(server.addr());
    let refused = is_refused(connect(server.addr()));
    end_call(call(connect_from("127.0.0.2", server.addr())));
    end_call(call(silent));
    let log = server.terminate();
    let reason = "reason=too many connections without a UUID from this address";
    line(&log, &["call refused", &refused, reason]);
}

fn calls_go_on_and_new_ones_wait_without_a_descriptor(runtime: &str) {
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
    server.wait_for_log(1, "cannot accept connections");
    assert_echoed(&mut calls[0]);
    assert_echoed(&mut calls[1]);
    // Each is served in its turn, and none is refused or reset meanwhile.
    for mut stream in calls {
        assert_echoed(&mut stream);
        end_call(stream);
    }
    server.wait_for_log(CALLS, "call ended");
    let log = server.terminate();
    assert!(!log.contains("call refused"), "{log}");
}

/// Begins a call on it, and waits until the server has taken it.
fn call(mut stream: TcpStream) -> TcpStream {
    write_frame(&mut stream, 0x01, UUID).unwrap();
    assert_echoed(&mut stream);
    stream
}

/// Calls until a call is taken. A call's place is free a moment after its end is logged.
fn call_when_there_is_room(server: SocketAddr) -> TcpStream {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut stream = connect(server);
        write_frame(&mut stream, 0x01, UUID).unwrap();
        stream.write_all(b"\x10\x00\x05hello").unwrap();
        match read_frame(&mut stream).unwrap() {
            frame if frame == HANGUP => assert!(Instant::now() < deadline, "there is no room"),
            frame => {
                assert_eq!(frame, (0x10, b"hello".to_vec()));
                return stream;
            }
        }
    }
}

#[track_caller]
fn assert_echoed(stream: &mut TcpStream) {
    stream.write_all(b"\x10\x00\x05hello").unwrap();
    assert_eq!(read_frame(stream).unwrap(), (0x10, b"hello".to_vec()));
}

/// It hears a hangup; gives what the log calls it.
#[track_caller]
fn is_refused(mut stream: TcpStream) -> String {
    assert_eq!(read_frame(&mut stream).unwrap(), HANGUP);
    format!("peer={}", stream.local_addr().unwrap())
}

fn connect_from(addr: &str, server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let addr = SocketAddr::new(addr.parse().unwrap(), 0);
    socket.bind(&addr.into()).unwrap();
    socket.connect(&server.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}
