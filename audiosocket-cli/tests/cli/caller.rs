//! Calls to a server, as Asterisk places them.

use std::io::{self, Read as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::process::PATIENCE;
use super::server::{self, Frame, is_audio, write_frame};

pub(crate) const UUID: &[u8; 16] =
    b"\x40\x32\x5e\xc2\x5e\xfd\x4b\xd3\x80\x5f\x53\x57\x6e\x58\x1d\x13";
pub(crate) const UUID_TEXT: &str = "40325ec2-5efd-4bd3-805f-53576e581d13";
pub(crate) const HANGUP: Frame = (0x00, Vec::new());

/// Connects and sends nothing.
pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    prepared(TcpStream::connect(addr).unwrap())
}

/// Connects when the server accepts connections again.
pub(crate) fn connect_when_open(addr: SocketAddr) -> TcpStream {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match TcpStream::connect(addr) {
            Ok(stream) => return prepared(stream),
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until the system refuses connections to the server.
pub(crate) fn wait_until_closed(addr: SocketAddr) {
    let deadline = Instant::now() + PATIENCE;
    while let Ok(stream) = TcpStream::connect(addr) {
        drop(stream);
        assert!(Instant::now() < deadline, "the server accepts connections");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Connects from this address of the machine, such as 127.0.0.2.
pub(crate) fn connect_from(from: &str, addr: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let from = SocketAddr::new(from.parse().unwrap(), 0);
    socket.bind(&from.into()).unwrap();
    socket.connect(&addr.into()).unwrap();
    prepared(socket.into())
}

fn prepared(stream: TcpStream) -> TcpStream {
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Connects and sends the UUID.
pub(crate) fn begin(addr: SocketAddr) -> TcpStream {
    let mut stream = connect(addr);
    write_frame(&mut stream, 0x01, UUID).unwrap();
    stream
}

/// Begins a call to an echo server, and waits until the server has accepted it.
pub(crate) fn begin_echo(addr: SocketAddr) -> TcpStream {
    begin_echo_on(connect(addr))
}

/// Begins a call on an open connection, and waits until the echo server has accepted it.
pub(crate) fn begin_echo_on(mut stream: TcpStream) -> TcpStream {
    write_frame(&mut stream, 0x01, UUID).unwrap();
    assert_echoed(&mut stream, 0x10, b"begin!");
    stream
}

/// Sends audio and asserts that the same frame comes back.
#[track_caller]
pub(crate) fn assert_echoed(stream: &mut TcpStream, kind: u8, audio: &[u8]) {
    write_frame(stream, kind, audio).unwrap();
    assert_eq!(read_frame(stream).unwrap(), (kind, audio.to_vec()));
}

/// Asserts that the server refuses the connection with a hangup frame. Returns the peer as the log names it.
#[track_caller]
pub(crate) fn assert_refused(mut stream: TcpStream) -> String {
    assert_eq!(read_frame(&mut stream).unwrap(), HANGUP);
    peer(&stream)
}

/// Returns the caller's address as the log of the server has it.
pub(crate) fn peer(stream: &TcpStream) -> String {
    format!("peer={}", stream.local_addr().unwrap())
}

/// Reads the next frame that is not silence. A server sends silence when it has nothing else to send.
pub(crate) fn read_frame(stream: &mut TcpStream) -> io::Result<Frame> {
    loop {
        let frame = server::read_frame(stream)?;
        if !is_audio(&frame) || frame.1.iter().any(|byte| *byte != 0) {
            return Ok(frame);
        }
    }
}

/// Ends a call as Asterisk does, and waits until the server has closed the connection. Asserts that only silence comes.
pub(crate) fn end_call(mut stream: TcpStream) {
    stream.shutdown(Shutdown::Write).unwrap();
    let end = read_frame(&mut stream).map_err(|error| error.kind());
    assert_eq!(end, Err(io::ErrorKind::UnexpectedEof));
}

/// Ends a call as Asterisk does, and waits until the server has closed the connection. Any audio may come.
pub(crate) fn end(mut stream: TcpStream) {
    stream.shutdown(Shutdown::Write).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}
