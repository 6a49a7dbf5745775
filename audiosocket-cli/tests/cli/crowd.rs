//! Calls to a server until it refuses one because memory is short.

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};

use super::caller::{HANGUP, UUID, assert_echoed, end_call};
use super::process::{PATIENCE, ServeProcess, assert_ended_by_the_caller};
use super::server::{self, write_frame};

/// More calls than there is room for.
const MANY: usize = 2500;

/// Places calls to an echo server with limited memory. Asserts that the server refuses calls when memory is short, loses no
/// open call, and accepts calls again when the calls have ended.
pub(crate) fn crowd_out(server: ServeProcess) {
    let addr = server.addr();
    raise_descriptors();
    let mut calls: Vec<_> = std::iter::from_fn(|| begin(addr)).take(MANY).collect();
    assert!(!calls.is_empty(), "the server accepted no call");
    assert!(calls.len() < MANY, "the server refused no call");
    println!("{} calls", calls.len());
    // More connections do not take more memory.
    for _ in 0..50 {
        calls.extend(begin(addr));
    }
    for stream in &mut calls {
        assert_echoed(stream, 0x10, b"still there");
    }
    calls.into_iter().for_each(end_call);
    let deadline = Instant::now() + PATIENCE;
    let again = loop {
        match begin(addr) {
            Some(stream) => break stream,
            None => assert!(Instant::now() < deadline, "the server still refuses calls"),
        }
        thread::sleep(Duration::from_millis(20));
    };
    end_call(again);
    let log = server.terminate();
    let ended = log.lines().filter(|line| line.contains("call ended"));
    ended.for_each(assert_ended_by_the_caller);
    for change in [
        "memory is short: new calls are refused",
        "new calls are accepted again",
    ] {
        assert!(log.contains(change), "{change}: {log}");
    }
}

/// Raises the limit of open files of this process to the maximum.
pub(crate) fn raise_descriptors() {
    let mut descriptors = getrlimit(Resource::Nofile);
    descriptors.current = descriptors.maximum;
    setrlimit(Resource::Nofile, descriptors).unwrap();
}

/// Begins a call. Returns `None` if the server refuses it.
fn begin(addr: SocketAddr) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(addr).ok()?;
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The server may have closed the connection already.
    let _ = write_frame(&mut stream, 0x01, UUID);
    // An accepted call gets silence, a refused one a hangup.
    let frame = server::read_frame(&mut stream).ok()?;
    (frame != HANGUP).then_some(stream)
}
