//! A proxy between Asterisk and a server. It notes the frames of Asterisk and their times.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use uuid::Uuid;

use crate::wire::{Frame, UUID, bytes, read_frame};

/// The frames of Asterisk on each call, with the time before each was sent to the server.
type Calls = Arc<Mutex<BTreeMap<Uuid, Vec<(Instant, Frame)>>>>;

/// A proxy that connects its callers to a server, and notes their frames.
#[derive(Debug)]
pub struct Tap {
    port: u16,
    calls: Calls,
}

impl Tap {
    /// Starts a proxy for the server on `port` of loopback. It runs until the process ends.
    ///
    /// # Panics
    /// If there is no free port.
    #[must_use]
    pub fn before(port: u16) -> Self {
        let server = SocketAddr::from(([127, 0, 0, 1], port));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("a local address").port();
        let calls = Calls::default();
        let tap = Self {
            port,
            calls: Arc::clone(&calls),
        };
        std::thread::spawn(move || {
            for asterisk in listener.incoming() {
                let asterisk = asterisk.expect("a call");
                let calls = Arc::clone(&calls);
                std::thread::spawn(move || connect(asterisk, server, &calls));
            }
        });
        tap
    }

    /// Returns the port that Asterisk connects to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the frames of Asterisk on `call` so far, after the UUID.
    #[must_use]
    pub fn frames(&self, call: Uuid) -> Vec<(Instant, Frame)> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.get(&call).cloned().unwrap_or_default()
    }
}

fn connect(asterisk: TcpStream, server: SocketAddr, calls: &Calls) {
    let to_server = TcpStream::connect(server).expect("the server to listen");
    let [back_from, back_to] =
        [&to_server, &asterisk].map(|stream| stream.try_clone().expect("a second descriptor"));
    std::thread::spawn(move || forward(back_from, back_to, |_| {}));
    let mut call = None;
    forward(asterisk, to_server, |frame| {
        let now = Instant::now();
        let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
        match call {
            None => call = Some(called(frame)),
            Some(call) => calls.entry(call).or_default().push((now, frame.clone())),
        }
    });
}

fn called((kind, payload): &Frame) -> Uuid {
    assert_eq!(*kind, UUID, "the first frame");
    Uuid::from_slice(payload).expect("a UUID")
}

/// Forwards whole frames until one end closes. Asterisk does not wait for the rest of a frame.
fn forward(mut from: TcpStream, mut to: TcpStream, mut note: impl FnMut(&Frame)) {
    to.set_nodelay(true).expect("TCP_NODELAY");
    // A reset is an end too.
    while let Ok(Some(frame)) = read_frame(&mut from) {
        note(&frame);
        if to.write_all(&bytes(&frame)).is_err() {
            break;
        }
    }
    // An error means that it is closed already.
    let _ = to.shutdown(Shutdown::Write);
}
