use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};

use audiosocket_server::Peer;
use audiosocket_server::io::{
    Listener, Stream, TcpOptions, UnregisteredStream, pending_if_would_block,
};
#[cfg(unix)]
use tokio::io::Interest;

/// A connection that is not registered with the runtime that accepted it.
pub(crate) trait RawStream: Stream + From<std::net::TcpStream> {
    fn local_addr(&self) -> Option<SocketAddr>;
}

impl RawStream for UnregisteredStream {
    fn local_addr(&self) -> Option<SocketAddr> {
        self.local_addr()
    }
}

/// A listening TCP socket for connections that are polled elsewhere. The runtime watches the listening
/// socket only, so that each connection is registered once, where it is polled.
pub(crate) struct RawListener<S> {
    /// A listening socket all the same. Tokio can wait for a `TcpStream` without reading from it; its
    /// `TcpListener` would accept, and register what it accepts.
    #[cfg(unix)]
    socket: tokio::net::TcpStream,
    #[cfg(not(unix))]
    socket: tokio::net::TcpListener,
    options: TcpOptions,
    stream: PhantomData<fn() -> S>,
}

impl<S: RawStream> RawListener<S> {
    /// Takes over a non-blocking socket.
    pub(crate) fn new(socket: std::net::TcpListener, options: TcpOptions) -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            socket: tokio::net::TcpStream::from_std(OwnedFd::from(socket).into())?,
            #[cfg(not(unix))]
            socket: tokio::net::TcpListener::from_std(socket)?,
            options,
            stream: PhantomData,
        })
    }

    #[cfg(unix)]
    fn poll_std(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(std::net::TcpStream, SocketAddr)>> {
        loop {
            ready!(self.socket.poll_read_ready(cx))?;
            let accept = || self.options.accept(&self.socket);
            let accepted = self.socket.try_io(Interest::READABLE, accept);
            if let Poll::Ready(accepted) = pending_if_would_block(accepted) {
                return Poll::Ready(accepted);
            }
        }
    }

    /// Elsewhere only tokio's own listener can be waited for, and what it accepts is registered.
    #[cfg(not(unix))]
    fn poll_std(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(std::net::TcpStream, SocketAddr)>> {
        loop {
            let (stream, peer) = ready!(self.socket.poll_accept(cx))?;
            let stream = stream.into_std()?;
            if self.options.prepare(&socket2::SockRef::from(&stream), peer) {
                return Poll::Ready(Ok((stream, peer)));
            }
        }
    }
}

impl<S: RawStream> Listener for RawListener<S> {
    type Stream = S;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(S, Peer)>> {
        let (stream, peer) = ready!(self.poll_std(cx))?;
        Poll::Ready(Ok((stream.into(), peer.into())))
    }

    fn poll_accept_waiting(&mut self) -> Poll<io::Result<(S, Peer)>> {
        let (stream, peer) = ready!(pending_if_would_block(self.options.accept(&self.socket)))?;
        Poll::Ready(Ok((stream.into(), peer.into())))
    }

    fn local_addr(stream: &S) -> Option<SocketAddr> {
        stream.local_addr()
    }
}
