//! `audiosocket tap`.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng as _, SeedableRng as _};
use rustix::process::Signal;
use socket2::Socket;
use tempfile::TempDir;

use crate::caller::{
    UUID, UUID_TEXT, assert_echoed, begin_echo, begin_echo_on, connect, connect_when_open,
    end_call, wait_until_closed,
};
use crate::process::{ServeProcess, audiosocket, line, run, text};
use crate::recordings::files;
use crate::serve::operate::signals::assert_survives;

/// Starts a tap in front of `target`.
fn tap(target: SocketAddr, args: &[&str]) -> ServeProcess {
    let target = target.to_string();
    let all = ["tap", "127.0.0.1:0", &target];
    let command = audiosocket(all.into_iter().chain(args.iter().copied()));
    ServeProcess::run_as_is(command, 1)
}

/// Bytes without an order, after a UUID.
fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Pcg64Mcg::seed_from_u64(seed).fill_bytes(&mut bytes);
    let uuid = [&[0x01, 0x00, 0x10], &UUID[..]].concat();
    bytes[..uuid.len()].copy_from_slice(&uuid);
    bytes
}

/// A server of bytes.
struct ByteServer(TcpListener);

impl ByteServer {
    fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn addr(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Accepts the next connection that sends something. The tap tries the server with connections that send nothing.
    fn accept(&self) -> TcpStream {
        loop {
            let (stream, _) = self.0.accept().unwrap();
            if stream.peek(&mut [0]).unwrap() > 0 {
                return stream;
            }
        }
    }
}

#[test]
fn all_bytes_and_half_closes_pass_and_are_captured() {
    let directory = TempDir::new().unwrap();
    let server = ByteServer::start();
    let directory_arg = directory.path().to_str().unwrap();
    let options = ["--capture-as", "streams", "--capture-dir", directory_arg];
    let tap = tap(server.addr(), &options);
    let (sent, answer) = (bytes(3_000_000, 1), bytes(2_000_000, 2));
    let received = thread::scope(|scope| {
        scope.spawn(|| {
            let mut stream = server.accept();
            let mut received = Vec::new();
            // The end comes only with the half-close of the caller, and the answer after it.
            stream.read_to_end(&mut received).unwrap();
            assert!(received == sent, "{} bytes", received.len());
            stream.write_all(&answer).unwrap();
        });
        let mut caller = connect(tap.addr());
        caller.write_all(&sent).unwrap();
        caller.shutdown(Shutdown::Write).unwrap();
        let mut received = Vec::new();
        caller.read_to_end(&mut received).unwrap();
        received
    });
    assert!(received == answer, "{} bytes", received.len());
    let log = tap.terminate();
    line(&log, &["call ended", "bytes_in=3000000 bytes_out=2000000"]);
    let captured = files(directory.path());
    assert_eq!(captured.len(), 2, "{captured:?}");
    let wanted = [(".caller.bin", sent), (".server.bin", answer)];
    for (file, (ending, bytes)) in captured.iter().zip(wanted) {
        let name = file.to_str().unwrap();
        assert!(name.ends_with(&format!("Z-{UUID_TEXT}{ending}")), "{name}");
        assert!(fs::read(file).unwrap() == bytes, "{name}");
    }
}

#[test]
fn a_server_that_does_not_read_stops_the_caller() {
    let server = ByteServer::start();
    let tap = tap(server.addr(), &[]);
    let mut caller = connect(tap.addr());
    caller.write_all(&bytes(100, 3)).unwrap();
    let mut stream = server.accept();
    let patience = Some(Duration::from_secs(1));
    caller.set_write_timeout(patience).unwrap();
    let mut sent = 100;
    let block = loop {
        match caller.write(&[5; 65_536]) {
            Ok(written) => sent += written,
            Err(error) => break error.kind(),
        }
        assert!(sent < 200_000_000, "the tap takes all bytes");
    };
    assert_eq!(block, io::ErrorKind::WouldBlock);
    caller.shutdown(Shutdown::Write).unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    assert_eq!(received.len(), sent);
    drop((stream, caller));
    tap.terminate();
}

#[test]
fn a_reset_of_either_side_resets_the_other() {
    let server = ByteServer::start();
    let tap = tap(server.addr(), &[]);
    for caller_resets in [true, false] {
        let mut caller = connect(tap.addr());
        caller.write_all(&bytes(100, 4)).unwrap();
        let mut stream = server.accept();
        stream.read_exact(&mut [0; 100]).unwrap();
        let (resets, mut other) = if caller_resets {
            (caller, stream)
        } else {
            (stream, caller)
        };
        let resets = Socket::from(resets);
        resets.set_linger(Some(Duration::ZERO)).unwrap();
        drop(resets);
        let end = other.read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(end, Err(io::ErrorKind::ConnectionReset));
    }
    tap.terminate();
}

#[test]
fn a_tap_refuses_calls_while_its_target_refuses_them() {
    let server = ByteServer::start();
    let addr = server.addr();
    let tap = tap(addr, &[]);
    drop(server);
    // The first call has been accepted when the target refuses.
    let mut lost = connect(tap.addr());
    let end = lost.read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(end, Err(io::ErrorKind::ConnectionReset));
    wait_until_closed(tap.addr());

    let server = ByteServer(TcpListener::bind(addr).unwrap());
    let mut caller = connect_when_open(tap.addr());
    caller.write_all(&bytes(100, 5)).unwrap();
    let mut received = [0; 100];
    server.accept().read_exact(&mut received).unwrap();
    assert_eq!(received[..], bytes(100, 5));
    drop(caller);
    let log = tap.terminate();
    line(
        &log,
        &["WARN", "the target refuses calls, and so does the tap"],
    );
    line(&log, &["INFO", "the target accepts calls again"]);
}

#[test]
fn a_full_tap_refuses_calls() {
    let server = ServeProcess::start(1, &[]);
    let tap = tap(server.addr(), &["--max-calls", "1"]);
    let call = begin_echo(tap.addr());
    wait_until_closed(tap.addr());
    end_call(call);
    end_call(begin_echo_on(connect_when_open(tap.addr())));
    tap.terminate();
    server.terminate();
}

#[test]
fn a_signal_waits_for_open_calls_and_a_second_one_cuts_them() {
    let server = ServeProcess::start(1, &[]);
    let waiting = tap(server.addr(), &["--drain", "1h"]);
    let mut call = begin_echo(waiting.addr());
    waiting.signal(Signal::TERM);
    wait_until_closed(waiting.addr());
    assert_echoed(&mut call, 0x10, b"still there");
    end_call(call);
    assert_eq!(waiting.wait().0, 0);

    let cutting = tap(server.addr(), &["--drain", "1h"]);
    let mut call = begin_echo(cutting.addr());
    cutting.signal(Signal::TERM);
    wait_until_closed(cutting.addr());
    cutting.signal(Signal::INT);
    let (code, log) = cutting.wait();
    assert_eq!(code, 0);
    // Silence of the server may come before the end.
    let _ = call.read_to_end(&mut Vec::new());
    line(&log, &["WARN", "calls were cut without a hangup"]);
    server.terminate();
}

#[test]
fn other_signals_end_neither_the_tap_nor_its_calls() {
    let server = ServeProcess::start(1, &[]);
    let tap = tap(server.addr(), &[]);
    assert_survives(&tap);
    let log = tap.terminate();
    line(&log, &["INFO", "nothing to reload"]);
    line(&log, &["INFO", "summary calls=1"]);
    line(&log, &["WARN", "without a meaning", "number=12"]);
    server.terminate();
}

#[test]
fn signals_that_do_not_end_a_tap_do_not_end_its_drain() {
    let server = ServeProcess::start(1, &[]);
    let tap = tap(server.addr(), &["--drain", "1h"]);
    let mut call = begin_echo(tap.addr());
    tap.signal(Signal::TERM);
    wait_until_closed(tap.addr());
    for (signal, logged) in [
        (Signal::HUP, "nothing to reload"),
        (Signal::USR1, "summary calls="),
        (Signal::USR2, "without a meaning"),
    ] {
        tap.signal(signal);
        tap.wait_for_log(1, logged);
    }
    assert_echoed(&mut call, 0x10, b"still there");
    end_call(call);
    assert_eq!(tap.wait().0, 0);
    server.terminate();
}

#[test]
fn a_target_that_refuses_at_the_start_is_an_error() {
    let closed = ByteServer::start().addr().to_string();
    let output = run(["tap", "127.0.0.1:0", &closed]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    let problem = format!("cannot connect to {closed}: Connection refused");
    assert!(stderr.contains(&problem), "{stderr}");
    assert!(stderr.contains("start the server first"), "{stderr}");
}
