//! A tap on the line between Asterisk and the server: what Asterisk says, and when.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use uuid::Uuid;

use crate::wire::{Frame, UUID, bytes, read_frame};

/// What Asterisk sent on each call, with the time just before it was handed to the server.
type Calls = Arc<Mutex<BTreeMap<Uuid, Vec<(Instant, Frame)>>>>;

/// Connects whoever calls it to the server, and writes down what the caller sends.
#[derive(Debug)]
pub struct Tap {
    port: u16,
    calls: Calls,
}

impl Tap {
    /// A tap in front of the server on `port` of loopback. It lasts as long as the process.
    ///
    /// # Panics
    /// When there is no free port.
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

    /// The port to send Asterisk to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What Asterisk has sent on `call` so far, after the UUID.
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

/// Hands on whole frames, since Asterisk does not wait for the rest of one, until one end is gone.
fn forward(mut from: TcpStream, mut to: TcpStream, mut note: impl FnMut(&Frame)) {
    to.set_nodelay(true).expect("TCP_NODELAY");
    // A connection that is reset is at its end, too.
    while let Ok(Some(frame)) = read_frame(&mut from) {
        note(&frame);
        if to.write_all(&bytes(&frame)).is_err() {
            break;
        }
    }
    // An error means that it is closed already.
    let _ = to.shutdown(Shutdown::Write);
}
