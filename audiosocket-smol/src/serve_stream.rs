use std::sync::Arc;

use audiosocket_proto::SessionConfig;
use audiosocket_server::io::Connection;
use audiosocket_server::{Acceptor, Calls, Peer};
use futures_io::{AsyncRead, AsyncWrite};

use crate::runtime::FuturesStream;
use crate::timer::SmolTimer;

/// Serves one call over any stream: a TCP connection, TLS, a Unix socket, an in-memory stream.
/// Returns when the connection is closed. The handler gets all events and errors of the call.
///
/// [`Server`](crate::Server) does the same with each connection that it takes, and also sets `TCP_NODELAY`, the send
/// buffer and the keepalive. `calls` counts the call while its connection is open, and can hang it up. Keep one `Calls`
/// for all calls of a server of your own, and shut down with [`Calls::idle`] and
/// [`Calls::shut_down`].
///
/// # Cancellation
///
/// Cancel safe: dropping the future closes the connection at once and gives the handler
/// [`End::Abandoned`](crate::End::Abandoned).
///
/// ```
/// use audiosocket_smol::config::SessionConfig;
/// use audiosocket_smol::stats::Calls;
/// use audiosocket_smol::{Callbacks, serve_stream};
/// use smol::io::{AsyncReadExt, AsyncWriteExt};
/// use smol::net::unix::UnixStream;
/// use std::sync::Arc;
///
/// # smol::block_on(async {
/// let (mut asterisk, server) = UnixStream::pair()?;
/// let echo = Arc::new(Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {}));
/// smol::spawn(async move {
///     serve_stream(server, "pipe".into(), echo, SessionConfig::default(), &Calls::default()).await
/// })
/// .detach();
///
/// asterisk.write_all(b"\x01\x00\x10sixteen bytes !!\x10\x00\x02\x34\x12").await?;
/// let mut echoed = [0; 5];
/// asterisk.read_exact(&mut echoed).await?;
/// assert_eq!(echoed, *b"\x10\x00\x02\x34\x12");
/// # std::io::Result::Ok(())
/// # }).unwrap();
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
    let stream = FuturesStream(stream);
    Connection::<_, SmolTimer, A>::new(stream, peer, acceptor, config, calls).await;
}
