//! TLS on a non-blocking socket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use audiosocket_blocking::Duplex;
use rustls::{ServerConfig, ServerConnection};

/// The server's end of a TLS connection.
///
/// The reads include the handshake, so that the deadline for the UUID limits both.
///
/// The `StreamOwned` of rustls does not fit: it writes all waiting bytes before it reads. If a peer does not read,
/// `StreamOwned` does not read either, the socket fills up, and Asterisk ends the call.
#[derive(Debug)]
pub(crate) struct TlsStream {
    tls: ServerConnection,
    tcp: TcpStream,
}

impl TlsStream {
    pub(crate) fn new(config: &Arc<ServerConfig>, tcp: TcpStream) -> Result<Self, rustls::Error> {
        let tls = ServerConnection::new(Arc::clone(config))?;
        Ok(Self { tls, tcp })
    }

    /// Sends all waiting bytes.
    fn send(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.tcp)?;
        }
        Ok(())
    }
}

impl Read for TlsStream {
    /// Returns the error `Interrupted` if all bytes belong to TLS itself, 0 after the peer's `close_notify`, and
    /// another error if the connection ends without `close_notify`.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.tls.reader().read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            result => return result,
        }
        self.tls.read_tls(&mut self.tcp)?;
        let processed = self.tls.process_new_packets();
        // Sends our part of the handshake, or an alert. An alert has no later chance to leave. Other bytes can follow
        // with the next write.
        let _ = self.send();
        match processed {
            Ok(_) => Err(ErrorKind::Interrupted.into()),
            Err(error) => Err(io::Error::new(ErrorKind::InvalidData, error)),
        }
    }
}

impl Write for TlsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // First, so that rustls holds few bytes.
        self.send()?;
        self.tls.writer().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

impl AsFd for TlsStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp.as_fd()
    }
}

impl Duplex for TlsStream {
    fn close_write(&mut self) -> io::Result<()> {
        self.tls.send_close_notify();
        self.send()?;
        self.tcp.shutdown(Shutdown::Write)
    }
}
