use std::sync::Arc;

use audiosocket_proto::SessionConfig;
use audiosocket_server::io::Connection;
use audiosocket_server::{Acceptor, Calls, Peer};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::runtime::{TokioStream, TokioTimer};

/// Serves one call over any stream: a TCP connection, TLS, a Unix socket, an in-memory stream.
/// Returns when the connection is closed. The handler gets all events and errors of the call.
///
/// [`Server`](crate::Server) does the same with each connection that it takes, and also sets `TCP_NODELAY`, the send
/// buffer and the keepalive. `calls` counts the call while its connection is open, and can hang it up. Keep one `Calls`
/// for all calls of a server of your own, and shut down with [`Calls::idle`] and
/// [`Calls::shut_down`].
///
/// # Panics
///
/// If it is called outside of a tokio runtime with time enabled.
///
/// # Cancellation
///
/// Cancel safe: dropping the future closes the connection at once and gives the handler
/// [`End::Abandoned`](crate::End::Abandoned).
///
/// ```
/// use audiosocket_tokio::config::SessionConfig;
/// use audiosocket_tokio::stats::Calls;
/// use audiosocket_tokio::{Callbacks, serve_stream};
/// use std::sync::Arc;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let (mut asterisk, server) = tokio::io::duplex(1024);
/// let echo = Arc::new(Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {}));
/// tokio::spawn(async move {
///     serve_stream(server, "pipe".into(), echo, SessionConfig::default(), &Calls::default()).await
/// });
///
/// asterisk.write_all(b"\x01\x00\x10sixteen bytes !!\x10\x00\x02\x34\x12").await?;
/// let mut echoed = [0; 5];
/// asterisk.read_exact(&mut echoed).await?;
/// assert_eq!(echoed, *b"\x10\x00\x02\x34\x12");
/// # Ok(())
/// # }
/// ```
pub async fn serve_stream<S, A>(
    stream: S,
    peer: Peer,
    acceptor: Arc<A>,
    config: SessionConfig,
    calls: &Calls,
) where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
    A: Acceptor,
{
    let stream = TokioStream(stream);
    Connection::<_, TokioTimer, A>::new(stream, peer, acceptor, config, calls).await;
}
