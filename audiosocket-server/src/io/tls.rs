//! TLS between a connection and its socket.

use std::io::{self, BufRead as _, ErrorKind, Write};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll, ready};

use crate::io::runtime::Stream;

/// The TLS configuration of a server. It can change while the server runs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TlsConfig(Arc<RwLock<Arc<rustls::ServerConfig>>>);

impl TlsConfig {
    /// Returns a configuration for a builder of a server.
    #[must_use]
    pub fn new(config: impl Into<Arc<rustls::ServerConfig>>) -> Self {
        Self(Arc::new(RwLock::new(config.into())))
    }

    /// Replaces the configuration, such as certificates that expire. Open connections keep the old one.
    pub fn set(&self, config: impl Into<Arc<rustls::ServerConfig>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config.into();
    }

    fn current(&self) -> Arc<rustls::ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The server's end of TLS on one connection.
#[derive(Debug)]
pub(crate) struct TlsSession {
    tls: rustls::ServerConnection,
    /// Whether bytes of the peer have arrived.
    has_received: bool,
    close_notify_queued: bool,
}

impl TlsSession {
    pub(crate) fn new(config: &TlsConfig) -> io::Result<Self> {
        let tls = rustls::ServerConnection::new(config.current()).map_err(io::Error::other)?;
        Ok(Self {
            tls,
            has_received: false,
            close_notify_queued: false,
        })
    }

    pub(crate) fn is_new(&self) -> bool {
        !self.has_received
    }

    pub(crate) fn wants_write(&self) -> bool {
        self.tls.wants_write()
    }

    /// Gives the plaintext of `bytes` to `take`. Returns whether the peer has closed its side, by `close_notify`.
    pub(crate) fn receive(
        &mut self,
        mut bytes: &[u8],
        mut take: impl FnMut(&[u8]),
    ) -> io::Result<bool> {
        self.has_received = true;
        while !bytes.is_empty() {
            self.tls.read_tls(&mut bytes)?;
            let state = self.tls.process_new_packets();
            let state = state.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            let mut left = state.plaintext_bytes_to_read();
            let mut reader = self.tls.reader();
            while left > 0 {
                let plaintext = reader.fill_buf()?;
                let len = plaintext.len();
                take(plaintext);
                reader.consume(len);
                left = left.saturating_sub(len);
            }
            if state.peer_has_closed() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(crate) fn poll_write(
        &mut self,
        stream: &mut impl Stream,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // First, so that few bytes wait here. The limits of a call count the bytes that wait before TLS.
        ready!(self.poll_send(stream, cx))?;
        Poll::Ready(self.tls.writer().write(bytes))
    }

    /// Writes all bytes of TLS to the socket.
    pub(crate) fn poll_send(
        &mut self,
        stream: &mut impl Stream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut PollWriter { stream, cx }) {
                Ok(0) => return Poll::Ready(Err(ErrorKind::BrokenPipe.into())),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends `close_notify`, once. The peer can still send.
    pub(crate) fn poll_close_notify(
        &mut self,
        stream: &mut impl Stream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.close_notify_queued, true) {
            self.tls.send_close_notify();
        }
        self.poll_send(stream, cx)
    }
}

/// A stream as [`Write`], for rustls.
struct PollWriter<'a, 'c, S> {
    stream: &'a mut S,
    cx: &'a mut Context<'c>,
}

impl<S: Stream> Write for PollWriter<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.stream.poll_write(self.cx, bytes) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
