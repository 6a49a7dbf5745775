//! Calls as Asterisk places them, written out.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::process::PATIENCE;
use super::server::{Frame, is_audio};

pub(crate) const UUID: &[u8; 16] =
    b"\x40\x32\x5e\xc2\x5e\xfd\x4b\xd3\x80\x5f\x53\x57\x6e\x58\x1d\x13";
pub(crate) const UUID_TEXT: &str = "40325ec2-5efd-4bd3-805f-53576e581d13";
pub(crate) const HANGUP: Frame = (0x00, Vec::new());

/// Connects, without a word.
pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The next frame that is not the silence with which a call is kept going.
pub(crate) fn read_frame(stream: &mut TcpStream) -> io::Result<Frame> {
    loop {
        let frame = super::server::read_frame(stream)?;
        if !is_audio(&frame) || frame.1.iter().any(|byte| *byte != 0) {
            return Ok(frame);
        }
    }
}

/// Ends a call as Asterisk does, and waits until the server has noticed; nothing more comes but
/// silence that was on its way.
pub(crate) fn end_call(mut stream: TcpStream) {
    stream.shutdown(Shutdown::Write).unwrap();
    let nothing = read_frame(&mut stream).map_err(|error| error.kind());
    assert_eq!(nothing, Err(io::ErrorKind::UnexpectedEof));
}
