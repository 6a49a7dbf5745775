//! TLS on a non-blocking socket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use audiosocket_blocking::Duplex;
use rustls::{ServerConfig, ServerConnection};

/// The server's end of a TLS connection. The handshake is part of what is read, so that the time of a call
/// for its UUID is the time for both.
///
/// This is not rustls's own `StreamOwned`, which sends everything before it reads: from a peer that does not
/// read, it would not read either. Asterisk ends a call whose socket fills up.
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

    /// Sends all that waits to be sent.
    fn send(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.tcp)?;
        }
        Ok(())
    }
}

impl Read for TlsStream {
    /// Returns `Interrupted` if all that was read belongs to TLS, 0 once the peer has sent `close_notify`, and
    /// an error if the connection ends without that.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.tls.reader().read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            result => return result,
        }
        self.tls.read_tls(&mut self.tcp)?;
        let processed = self.tls.process_new_packets();
        // Sends our part of the handshake, or an alert. An alert is lost if it does not leave now; the
        // rest can follow when something else is sent.
        let _ = self.send();
        match processed {
            Ok(_) => Err(ErrorKind::Interrupted.into()),
            Err(error) => Err(io::Error::new(ErrorKind::InvalidData, error)),
        }
    }
}

impl Write for TlsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Before rustls gets more to hold.
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
