//! `Server::accept` with each call on a thread of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use audiosocket_blocking::listener::Listener;
use audiosocket_blocking::{CallEvent, IncomingCall, Peer, Server, ServerHandle};

const UUID: &[u8] = b"\x01\x00\x10sixteen bytes !!";
const BAD_UUID: &[u8] = b"\x01\x00\x10bad: 16 bytes !!";
const AUDIO: [u8; 323] = {
    let mut frame = [9; 323];
    frame[0] = 0x10;
    frame[1] = 0x01;
    frame[2] = 0x40;
    frame
};

#[test]
fn calls_run_independently_of_each_other() {
    let server = Server::bind("127.0.0.1:0").unwrap();
    let (addr, handle) = (server.local_addrs()[0], server.handle());
    let callers = thread::spawn(move || {
        let mut bad = connect(addr);
        bad.write_all(BAD_UUID).unwrap();
        assert!(until_the_end(&mut bad).ends_with(&[0, 0, 0]));
        let mut good = connect(addr);
        good.write_all(UUID).unwrap();
        assert_echoed(&mut good);
        handle.shutdown(Duration::ZERO);
        assert!(until_the_end(&mut good).ends_with(&[0, 0, 0]));
    });
    let served = server.serve_calls(|call: IncomingCall| {
        assert!(
            !call.uuid().as_bytes().starts_with(b"bad"),
            "as the test wants"
        );
        echo(call);
    });
    served.unwrap();
    callers.join().unwrap();
}

#[test]
fn accept_returns_the_calls_and_then_none() {
    let mut server = Server::bind("127.0.0.1:0").unwrap();
    let (addr, handle) = (server.local_addrs()[0], server.handle());
    let caller = thread::spawn(move || {
        let mut call = connect(addr);
        call.write_all(UUID).unwrap();
        assert_echoed(&mut call);
        handle.shutdown(Duration::ZERO);
        until_the_end(&mut call)
    });
    let call = server.accept().unwrap();
    let talking = thread::spawn(|| echo(call));
    assert!(server.accept().is_none());
    assert!(server.accept().is_none(), "and stays so");
    assert!(caller.join().unwrap().ends_with(&[0, 0, 0]));
    talking.join().unwrap();
}

/// A Unix socket.
struct Local(UnixListener);

impl AsFd for Local {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Listener for Local {
    type Stream = UnixStream;

    fn accept(&mut self) -> io::Result<(UnixStream, Peer)> {
        let (stream, _) = self.0.accept()?;
        Ok((stream, "local".into()))
    }
}

#[test]
fn a_custom_listener_is_served_and_closed() {
    let path = std::env::temp_dir().join(format!("audiosocket-blocking-{}", std::process::id()));
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let server = Server::with_listener(Local(listener)).unwrap();
    let handle = server.handle();
    let caller = thread::spawn({
        let path = path.clone();
        move || call_locally(&path, &handle)
    });
    server.serve_calls(echo).unwrap();
    caller.join().unwrap();
    std::fs::remove_file(path).unwrap();
}

fn call_locally(path: &std::path::Path, server: &ServerHandle) {
    let mut call = UnixStream::connect(path).unwrap();
    call.write_all(UUID).unwrap();
    assert_echoed(&mut call);
    server.shutdown(Duration::ZERO);
    let mut rest = Vec::new();
    call.read_to_end(&mut rest).unwrap();
    assert!(rest.ends_with(&[0, 0, 0]));
    assert!(UnixStream::connect(path).is_err(), "the listener is closed");
}

fn echo(mut call: IncomingCall) {
    while let Some(event) = call.next() {
        if let CallEvent::Audio(audio) = event {
            let _ = call.play(audio);
        }
    }
}

fn connect(addr: SocketAddr) -> TcpStream {
    let call = TcpStream::connect(addr).unwrap();
    call.set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    call
}

/// Asserts that the server echoes audio. Silence may come before the echo.
fn assert_echoed(call: &mut (impl Read + Write)) {
    call.write_all(&AUDIO).unwrap();
    let mut frame = [0; 323];
    while frame != AUDIO {
        call.read_exact(&mut frame).unwrap();
    }
}

fn until_the_end(call: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    call.read_to_end(&mut bytes).unwrap();
    bytes
}
