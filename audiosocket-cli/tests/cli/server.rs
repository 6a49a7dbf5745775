//! Servers that do on purpose what a server should not, and the means to write them.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use super::process::PATIENCE;

/// A frame: its kind and its payload.
pub(crate) type Frame = (u8, Vec<u8>);

/// Handles each connection to the returned address on a thread of its own, until the test ends.
/// A handler ends when the caller has gone, which shows as an error.
pub(crate) fn serve(
    handle: impl Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, handle) = (stream.unwrap(), handle.clone());
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            thread::spawn(move || handle(stream));
        }
    });
    addr
}

/// A server that answers frame number `n` of the caller's audio with what `answer` makes of it.
pub(crate) fn serve_audio(
    answer: impl Fn(usize, Frame) -> Vec<Frame> + Clone + Send + 'static,
) -> SocketAddr {
    serve(move |mut stream| {
        let mut number = 0;
        loop {
            let frame = read_frame(&mut stream)?;
            if !is_audio(&frame) {
                continue;
            }
            for (kind, payload) in answer(number, frame) {
                write_frame(&mut stream, kind, &payload)?;
            }
            number += 1;
        }
    })
}

/// A server that echoes audio, and tells what came.
pub(crate) fn serve_echo_that_tells() -> (SocketAddr, Said) {
    let (frames, said) = mpsc::channel();
    let addr = serve(move |mut stream| {
        loop {
            let frame = read_frame(&mut stream)?;
            if is_audio(&frame) {
                // A caller that hangs up reads no more, but has been heard.
                let _ = write_frame(&mut stream, frame.0, &frame.1);
                frames.send(frame).map_err(io::Error::other)?;
            }
        }
    });
    (addr, Said(said))
}

/// The audio that callers have said.
pub(crate) struct Said(mpsc::Receiver<Frame>);

impl Said {
    /// Waits until that many frames have come.
    pub(crate) fn take(&self, frames: u64) -> Vec<Frame> {
        (0..frames)
            .map(|_| self.0.recv_timeout(PATIENCE).unwrap())
            .collect()
    }
}

pub(crate) fn read_frame(stream: &mut TcpStream) -> io::Result<Frame> {
    let mut header = [0; 3];
    stream.read_exact(&mut header)?;
    let [kind, high, low] = header;
    let mut payload = vec![0; usize::from(u16::from_be_bytes([high, low]))];
    stream.read_exact(&mut payload)?;
    Ok((kind, payload))
}

pub(crate) fn write_frame(stream: &mut TcpStream, kind: u8, payload: &[u8]) -> io::Result<()> {
    let mut frame = vec![kind];
    frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    frame.extend(payload);
    stream.write_all(&frame)
}

pub(crate) fn is_audio((kind, _): &Frame) -> bool {
    (0x10..=0x18).contains(kind)
}
