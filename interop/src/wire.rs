//! A server whose frames are read and written by hand. It uses no code of the tested crates, because it
//! checks them.

use std::io::{self, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::{PATIENCE, wait_for};

/// Kind of the frame that ends a call.
pub const HANGUP: u8 = 0x00;
/// Kind of the first frame.
pub const UUID: u8 = 0x01;
/// Kind of a key press.
pub const DTMF: u8 = 0x03;
/// Kind of 8 kHz audio. Asterisk also uses it for audio that has no kind of its own.
pub const AUDIO: u8 = 0x10;

/// A kind and a payload.
pub type Frame = (u8, Vec<u8>);

/// A listener for calls of Asterisk.
#[derive(Debug)]
pub struct Listener(TcpListener);

impl Listener {
    /// Listens on a free port of loopback.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("non-blocking");
        Self(listener)
    }

    /// Returns the port that Asterisk connects to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.local_addr().expect("a local address").port()
    }

    /// Takes the next call and its first frame, which must be `uuid`.
    ///
    /// # Panics
    /// If no call comes, or another call.
    #[must_use]
    pub fn accept(&self, uuid: Uuid) -> Leg {
        let stream = wait_for("Asterisk to connect", || self.0.accept().ok()).0;
        stream.set_nonblocking(false).expect("blocking");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a read timeout");
        let mut leg = Leg(stream);
        assert_eq!(
            leg.read(),
            Some((UUID, uuid.as_bytes().to_vec())),
            "the first frame"
        );
        leg
    }
}

/// One connection from Asterisk.
#[derive(Debug)]
pub struct Leg(TcpStream);

impl Leg {
    /// Returns the next frame, or `None` when Asterisk has closed the connection.
    ///
    /// # Panics
    /// If no byte arrives for [`PATIENCE`], or if the connection ends inside a frame.
    pub fn read(&mut self) -> Option<Frame> {
        read_frame(&mut self.0).expect("Asterisk to send whole frames")
    }

    /// Sends one frame.
    ///
    /// # Panics
    /// If Asterisk has closed the connection.
    pub fn write(&mut self, kind: u8, payload: &[u8]) {
        self.write_at_once(&[(kind, payload.to_vec())]);
    }

    /// Sends frames in one write. Asterisk does not wait for the rest of a frame.
    ///
    /// # Panics
    /// If Asterisk has closed the connection.
    pub fn write_at_once(&mut self, frames: &[Frame]) {
        let bytes: Vec<_> = frames.iter().flat_map(bytes).collect();
        self.0.write_all(&bytes).expect("Asterisk to read");
    }

    /// Returns a second handle of the connection, so that one thread can read and another can write.
    ///
    /// # Panics
    /// If there is no free descriptor.
    #[must_use]
    pub fn other_end(&self) -> Self {
        Self(self.0.try_clone().expect("a second descriptor"))
    }
}

/// Returns the next frame, or `None` at the end of the stream.
pub(crate) fn read_frame(stream: &mut impl Read) -> io::Result<Option<Frame>> {
    let mut header = [0; 3];
    if stream.read(&mut header[..1])? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut header[1..])?;
    let mut payload = vec![0; usize::from(u16::from_be_bytes([header[1], header[2]]))];
    stream.read_exact(&mut payload)?;
    Ok(Some((header[0], payload)))
}

pub(crate) fn bytes((kind, payload): &Frame) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("a payload's length");
    [&[*kind][..], &length.to_be_bytes(), payload].concat()
}

/// A clock with a tick each 20 ms, without drift.
#[derive(Debug)]
pub struct Clock(Option<Instant>);

impl Clock {
    /// Returns a clock whose first tick is at once.
    #[must_use]
    pub fn new() -> Self {
        Self(None)
    }

    /// Sleeps until the next tick.
    pub fn tick(&mut self) {
        let now = Instant::now();
        let due = self.0.map_or(now, |last| last + Duration::from_millis(20));
        std::thread::sleep(due.saturating_duration_since(now));
        self.0 = Some(due);
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
