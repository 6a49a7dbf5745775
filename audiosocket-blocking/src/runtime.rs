use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use audiosocket_proto::SessionConfig;
use audiosocket_server::Acceptor;
use audiosocket_server::io::{Connection, Listener, Timer, release_read_buffer};
use socket2::SockRef;

use crate::Duplex;
use crate::alarm::Alarm;
use crate::line::Line;

/// The system's clock. Its timers do not wake: whoever waits, waits no longer than the deadline.
pub(crate) struct SystemTimer(Instant);

impl Timer for SystemTimer {
    fn now() -> Instant {
        Instant::now()
    }

    fn at(deadline: Instant) -> Self {
        Self(deadline)
    }

    fn set(&mut self, deadline: Instant) {
        self.0 = deadline;
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        if Self::now() < self.0 {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }
}

/// A listening socket, which the server's thread waits for.
pub(crate) struct BlockingListener {
    pub(crate) socket: TcpListener,
    session: SessionConfig,
    /// For the next connection. Made before that is accepted: without a descriptor for it, the
    /// connection can as well wait in the kernel.
    alarm: Option<Arc<Alarm>>,
}

impl BlockingListener {
    pub(crate) fn new(socket: TcpListener, session: SessionConfig) -> Self {
        Self {
            socket,
            session,
            alarm: None,
        }
    }
}

impl Listener for BlockingListener {
    type Stream = Line<TcpStream>;

    fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, SocketAddr)>> {
        if self.alarm.is_none() {
            self.alarm = Some(Alarm::new()?);
        }
        match self.socket.accept() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            accepted => Poll::Ready(accepted.and_then(|(connection, peer)| {
                connection.set_nonblocking(true)?;
                Ok((self.adopt(connection)?, peer))
            })),
        }
    }

    fn socket(&self) -> SockRef<'_> {
        SockRef::from(&self.socket)
    }

    fn adopt(&mut self, connection: TcpStream) -> io::Result<Self::Stream> {
        let alarm = self.alarm.take().map_or_else(Alarm::new, Ok)?;
        Ok(Line::new(connection, alarm, &self.session, true))
    }

    fn configure(
        connection: &Self::Stream,
        apply: impl FnOnce(&SockRef<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        connection.with(|socket| apply(&SockRef::from(socket)))
    }
}

/// Drives a connection on this thread until it is closed.
pub(crate) fn drive<S, A>(connection: &mut Connection<Line<S>, SystemTimer, A>)
where
    S: Duplex,
    A: Acceptor,
{
    let waker = connection.stream_mut().waker();
    let mut cx = Context::from_waker(&waker);
    while connection.poll(&mut cx).is_pending() {
        let deadline = connection.deadline();
        release_read_buffer();
        connection.stream_mut().wait(deadline);
    }
}
