//! An AudioSocket server's end of a call, read and written by hand: what judges
//! the project's codec must not be that codec.

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
/// Kind of 8 kHz audio, and of whatever Asterisk has no other kind for.
pub const AUDIO: u8 = 0x10;

/// A kind and a payload.
pub type Frame = (u8, Vec<u8>);

/// Waits for Asterisk's calls.
#[derive(Debug)]
pub struct Listener(TcpListener);

impl Listener {
    /// Listens on a free port of loopback.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("non-blocking");
        Self(listener)
    }

    /// The port to send Asterisk to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.local_addr().expect("a local address").port()
    }

    /// Takes the next call, and its first frame, which must say `uuid`.
    ///
    /// # Panics
    /// When no call comes, or another.
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
    /// The next frame; none when Asterisk closed the connection.
    ///
    /// # Panics
    /// When the connection is silent for [`PATIENCE`] or ends inside a frame.
    pub fn read(&mut self) -> Option<Frame> {
        read_frame(&mut self.0).expect("Asterisk to send whole frames")
    }

    /// Sends one frame.
    ///
    /// # Panics
    /// When Asterisk closed the connection.
    pub fn write(&mut self, kind: u8, payload: &[u8]) {
        self.write_at_once(&[(kind, payload.to_vec())]);
    }

    /// Sends frames in one write, since Asterisk does not wait for the rest of one.
    ///
    /// # Panics
    /// When Asterisk closed the connection.
    pub fn write_at_once(&mut self, frames: &[Frame]) {
        let bytes: Vec<_> = frames.iter().flat_map(bytes).collect();
        self.0.write_all(&bytes).expect("Asterisk to read");
    }

    /// A second end of the same connection, to read here and write there.
    ///
    /// # Panics
    /// When the system is out of descriptors.
    #[must_use]
    pub fn other_end(&self) -> Self {
        Self(self.0.try_clone().expect("a second descriptor"))
    }
}

/// The next frame; none at the end of the stream.
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

/// Beats every 20 ms from the first call on, without drift.
#[derive(Debug)]
pub struct Clock(Option<Instant>);

impl Clock {
    /// A clock that stands still until its first tick.
    #[must_use]
    pub fn new() -> Self {
        Self(None)
    }

    /// Sleeps until the next beat.
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
