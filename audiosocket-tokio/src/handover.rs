//! Live calls that move to another process: see [`hand_over`].
//!
//! The old process calls [`hand_over`], and sends the snapshots and the sockets. The new process makes a [`ReceivedCall`] of
//! each of them with a [`CallReceiver`], and answers. The old process [commits](HandoverBatch::commit), and the new one
//! [serves](ReceivedCall::serve) the calls.

use std::any::Any;
use std::fmt;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use audiosocket_server::io::{Connection, ServerConfig, SessionConfig};
use audiosocket_server::{Acceptor, Refusal, ServerHandle};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::runtime::{TokioStream, TokioTimer};

pub use audiosocket_server::handover::{
    CallSnapshot, HandoverBatch, OfferedCall, SnapshotError, hand_over,
};

/// Makes calls of this server from calls that another process hands over. [`Server::call_receiver`](crate::Server::call_receiver)
/// returns it.
pub struct CallReceiver<A> {
    acceptor: Arc<A>,
    session: SessionConfig,
    blocked_handler_warning: bool,
    server: ServerHandle,
}

/// A call that another process hands over, and that is not served yet. Dropping it leaves the call to the other process.
pub struct ReceivedCall<A: Acceptor>(Option<TcpConnection<A>>);

type TcpConnection<A> = Connection<TokioStream<TcpStream>, TokioTimer, A>;

/// The reason why a call stays in the other process.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The admission or the acceptor refused the call.
    Refused(Refusal),
    /// The runtime cannot watch the socket.
    Socket(io::Error),
}

impl<A: Acceptor> CallReceiver<A> {
    pub(crate) fn new(acceptor: Arc<A>, config: &ServerConfig, server: ServerHandle) -> Self {
        Self {
            acceptor,
            session: config.session,
            blocked_handler_warning: config.blocked_handler_warning,
            server,
        }
    }

    /// Returns the server whose calls they become.
    #[must_use]
    pub fn server(&self) -> &ServerHandle {
        &self.server
    }

    /// Makes a call from its state and its socket. The handler gets no callback, and nothing is read or written, until
    /// [`ReceivedCall::serve`].
    ///
    /// # Errors
    ///
    /// The refusal of the admission or of [`Acceptor::take_over`]. The error of the system if the runtime cannot watch the
    /// socket.
    ///
    /// # Panics
    ///
    /// If it is called outside of a tokio runtime with I/O and time enabled.
    pub fn receive(
        &self,
        socket: OwnedFd,
        snapshot: CallSnapshot,
    ) -> Result<ReceivedCall<A>, ReceiveError> {
        let socket = std::net::TcpStream::from(socket);
        let local_addr = socket.local_addr().ok();
        let watch = socket
            .set_nonblocking(true)
            .and_then(|()| TcpStream::from_std(socket));
        let stream = TokioStream(watch.map_err(ReceiveError::Socket)?);
        let connection = Connection::take_over(
            stream,
            local_addr,
            snapshot,
            self.acceptor.clone(),
            self.session,
            self.server.calls(),
        );
        let mut connection = connection.map_err(ReceiveError::Refused)?;
        if self.blocked_handler_warning {
            connection = connection.warn_if_blocked();
        }
        Ok(ReceivedCall(Some(connection)))
    }
}

impl<A: Acceptor> ReceivedCall<A> {
    /// Serves the call as a task of the runtime. The other process must have committed.
    ///
    /// # Panics
    ///
    /// If it is called outside of a tokio runtime with I/O and time enabled.
    pub fn serve(mut self) {
        if let Some(mut connection) = self.0.take() {
            connection.resume();
            tokio::spawn(ConnectionTask(connection));
        }
    }
}

impl<A: Acceptor> Drop for ReceivedCall<A> {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            connection.discard();
        }
    }
}

impl<A> fmt::Debug for CallReceiver<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallReceiver")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl<A: Acceptor> fmt::Debug for ReceivedCall<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReceivedCall").field(&self.0).finish()
    }
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Socket(error) => write!(f, "the runtime cannot watch the socket: {error}"),
        }
    }
}

impl std::error::Error for ReceiveError {}

/// The task of a connection. Another process can take it over if it is plain TCP.
pub(crate) struct ConnectionTask<S, A: Acceptor>(
    pub(crate) Connection<TokioStream<S>, TokioTimer, A>,
);

impl<S, A> Future for ConnectionTask<S, A>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    A: Acceptor,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_or_hand_over(cx, |stream| {
            // Other streams have state outside of the kernel, such as that of TLS.
            let tcp = (&stream.0 as &dyn Any).downcast_ref::<TcpStream>();
            tcp.map(TcpStream::as_fd)
        })
    }
}
