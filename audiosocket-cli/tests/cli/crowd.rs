//! More and more calls, until the server refuses one for want of memory.

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};

use super::caller::{HANGUP, UUID, connect, end_call, read_frame};
use super::process::{PATIENCE, ServeProcess, assert_ended_by_the_caller};
use super::server::{self, write_frame};

/// More than may fit.
const MANY: usize = 2500;

/// Of an echo whose memory is bounded: it takes calls until that is short, refuses what comes then,
/// loses none of those that go on, and takes calls again when they have ended.
pub(crate) fn crowd_out(server: ServeProcess) {
    let addr = server.addr();
    raise_descriptors();
    let mut calls: Vec<_> = std::iter::from_fn(|| begin(addr)).take(MANY).collect();
    assert!(!calls.is_empty(), "not one call was taken");
    assert!(calls.len() < MANY, "calls were never refused");
    println!("{} calls", calls.len());
    // It does not get worse, however many more come.
    for _ in 0..50 {
        calls.extend(begin(addr));
    }
    for stream in &mut calls {
        write_frame(stream, 0x10, b"still there").unwrap();
        assert_eq!(read_frame(stream).unwrap(), (0x10, b"still there".to_vec()));
    }
    calls.into_iter().for_each(end_call);
    let deadline = Instant::now() + PATIENCE;
    let again = loop {
        match begin(addr) {
            Some(stream) => break stream,
            None => assert!(Instant::now() < deadline, "calls are refused for ever"),
        }
        thread::sleep(Duration::from_millis(20));
    };
    end_call(again);
    let log = server.terminate();
    let ended = log.lines().filter(|line| line.contains("call ended"));
    ended.for_each(assert_ended_by_the_caller);
    assert!(
        log.contains("memory is short: new calls are refused"),
        "{log}"
    );
    assert!(log.contains("new calls are accepted again"), "{log}");
}

/// As many for this process as there may be.
pub(crate) fn raise_descriptors() {
    let mut descriptors = getrlimit(Resource::Nofile);
    descriptors.current = descriptors.maximum;
    setrlimit(Resource::Nofile, descriptors).unwrap();
}

/// A call, unless it is refused.
fn begin(addr: SocketAddr) -> Option<TcpStream> {
    let mut stream = connect(addr);
    // One that is refused may be closed already.
    let _ = write_frame(&mut stream, 0x01, UUID);
    // Silence, which keeps a call going, or a hangup.
    let frame = server::read_frame(&mut stream).ok()?;
    (frame != HANGUP).then_some(stream)
}
