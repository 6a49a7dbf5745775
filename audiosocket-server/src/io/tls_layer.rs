//! The layer between a connection and its socket: TLS, or nothing.

use std::io;
use std::task::{Context, Poll};

use crate::io::runtime::Stream;
#[cfg(feature = "tls")]
use crate::io::tls::{TlsConfig, TlsSession};

/// The TLS of one connection, if it has TLS. Otherwise all bytes pass.
#[derive(Debug, Default)]
pub(crate) struct TlsLayer {
    #[cfg(feature = "tls")]
    session: Option<Box<TlsSession>>,
}

impl TlsLayer {
    /// Begins TLS on a new connection.
    #[cfg(feature = "tls")]
    pub(crate) fn start(config: &TlsConfig) -> io::Result<Self> {
        let session = Some(Box::new(TlsSession::new(config)?));
        Ok(Self { session })
    }

    /// Returns whether the bytes on the socket are not those of frames.
    pub(crate) fn is_on(&self) -> bool {
        #[cfg(feature = "tls")]
        let is_on = self.session.is_some();
        #[cfg(not(feature = "tls"))]
        let is_on = false;
        is_on
    }

    /// Returns whether this is TLS that has received nothing.
    #[cfg(feature = "tls")]
    pub(crate) fn is_new(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| session.is_new())
    }

    /// Returns whether bytes of TLS itself wait to be sent.
    pub(crate) fn wants_write(&self) -> bool {
        #[cfg(feature = "tls")]
        let wants_write = self
            .session
            .as_ref()
            .is_some_and(|session| session.wants_write());
        #[cfg(not(feature = "tls"))]
        let wants_write = false;
        wants_write
    }

    /// Gives the plaintext of `bytes` to `take`. Returns whether the peer has closed its side.
    #[inline]
    pub(crate) fn receive(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(&[u8]),
    ) -> io::Result<bool> {
        #[cfg(feature = "tls")]
        if let Some(session) = &mut self.session {
            return session.receive(bytes, take);
        }
        take(bytes);
        Ok(false)
    }

    #[inline]
    pub(crate) fn poll_write(
        &mut self,
        stream: &mut impl Stream,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        #[cfg(feature = "tls")]
        if let Some(session) = &mut self.session {
            return session.poll_write(stream, cx, bytes);
        }
        stream.poll_write(cx, bytes)
    }

    pub(crate) fn poll_flush(
        &mut self,
        stream: &mut impl Stream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        #[cfg(feature = "tls")]
        if let Some(session) = &mut self.session {
            std::task::ready!(session.poll_send(stream, cx))?;
        }
        stream.poll_flush(cx)
    }

    pub(crate) fn poll_close(
        &mut self,
        stream: &mut impl Stream,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        #[cfg(feature = "tls")]
        if let Some(session) = &mut self.session {
            std::task::ready!(session.poll_close_notify(stream, cx))?;
        }
        stream.poll_close(cx)
    }
}
