//! TLS on a socket that is not waited for.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use audiosocket_blocking::Duplex;
use rustls::{ServerConfig, ServerConnection};

/// The server's end of a TLS connection, which begins with its handshake: that is part of what is
/// read, so the time that a call has for its UUID is the time for both.
///
/// Not rustls's own `StreamOwned`: what that has to send it sends before it reads, so that a peer
/// who does not read would not be read from either. Asterisk ends a call whose socket fills up.
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
    /// `Interrupted` if there was something to read, and none of it the call's. 0 once the peer has
    /// said that it closes; an error if the connection ends without that.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.tls.reader().read(buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            result => return result,
        }
        self.tls.read_tls(&mut self.tcp)?;
        let processed = self.tls.process_new_packets();
        // Its part of the handshake, or what it finds wrong. The latter is lost if it does not leave
        // now; the rest can follow when something else is sent.
        let _ = self.send();
        match processed {
            Ok(_) => Err(ErrorKind::Interrupted.into()),
            Err(error) => Err(io::Error::new(ErrorKind::InvalidData, error)),
        }
    }
}

impl Write for TlsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // All of it, before rustls is given more to hold.
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
