//! Servers that make mistakes, for tests of the caller.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use super::process::PATIENCE;

/// The kind and the payload of a frame.
pub(crate) type Frame = (u8, Vec<u8>);

/// Starts a server and returns its address. Each connection has a thread, on which `handle` runs until it returns an error:
/// the caller has closed the connection.
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

/// Starts a server that answers each audio frame of the caller with the frames of `answer`.
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

/// Starts an echo server that also returns the audio of its callers.
pub(crate) fn serve_recorded_echo() -> (SocketAddr, ReceivedAudio) {
    let (frames, received) = mpsc::channel();
    let addr = serve(move |mut stream| {
        loop {
            let frame = read_frame(&mut stream)?;
            if is_audio(&frame) {
                // The caller may have hung up after the frame.
                let _ = write_frame(&mut stream, frame.0, &frame.1);
                frames.send(frame).map_err(io::Error::other)?;
            }
        }
    });
    (addr, ReceivedAudio(received))
}

/// The audio of callers.
pub(crate) struct ReceivedAudio(mpsc::Receiver<Frame>);

impl ReceivedAudio {
    /// Waits for this many frames.
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
