use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use audiosocket_proto::{SessionConfig, Timestamp};
use audiosocket_server::io::Connection;
use audiosocket_server::{Acceptor, CallDriver, Calls, Peer};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{Shutdown, shutdown};

use crate::read_ahead_stream::ReadAheadStream;
use crate::runtime::drive;
use crate::thread_waker::ThreadWaker;

/// The default of [`ServerBuilder::max_unread`](crate::ServerBuilder::max_unread), in bytes.
pub(crate) const MAX_UNREAD: usize = 128 * 1024;

/// A stream for [`serve_stream`] and [`Listener`](crate::listener::Listener): it has a descriptor, and its writing half
/// can be closed alone.
///
/// For most types, `impl Duplex for YourStream {}` is enough. A stream that sends something before its writing half is
/// closed, such as TLS, overrides [`close_write`](Self::close_write). The example `blocking_tls` shows this.
pub trait Duplex: Read + Write + AsFd + Send + 'static {
    /// Closes the writing half, and leaves the reading half open. The server calls this after a flush, and again if it
    /// returned `WouldBlock`.
    ///
    /// Default: `shutdown(2)` on the descriptor. It does nothing on a descriptor that is not a socket.
    ///
    /// # Errors
    ///
    /// The error of the connection. `WouldBlock` if the descriptor must be writable first.
    fn close_write(&mut self) -> io::Result<()> {
        match shutdown(self.as_fd(), Shutdown::Write) {
            // Only a socket has two halves.
            Err(Errno::NOTSOCK) => Ok(()),
            result => result.map_err(io::Error::from),
        }
    }

    /// Returns whether a read that does not fill its buffer has emptied the stream. True for sockets, false for TLS.
    /// Default: false.
    fn short_read_is_empty(&self) -> bool {
        false
    }
}

impl Duplex for TcpStream {
    fn short_read_is_empty(&self) -> bool {
        true
    }
}

impl Duplex for UnixStream {
    fn short_read_is_empty(&self) -> bool {
        true
    }
}

/// Serves one call over any stream that has a descriptor: a TCP connection, a Unix socket, TLS over
/// one of them. Returns when the connection is closed. The handler gets all events and errors of the call.
///
/// The function makes the descriptor non-blocking, and waits for it to read and to write. The descriptor must be readable
/// when the stream has bytes that the last `read` did not report. While a handler blocks, another thread calls `read`. So
/// `read` must never wait.
///
/// [`Server`](crate::Server) does the same with each connection that it takes, and also sets `TCP_NODELAY`, the send
/// buffer and the keepalive. `calls` counts the call while its connection is open, and can hang it up. Keep one `Calls`
/// for all calls of a server of your own, and shut down with [`Calls::wait_idle`] and
/// [`Calls::shut_down`].
///
/// If the system has no descriptors left, the call ends at once with an exception.
///
/// ```
/// use audiosocket_blocking::config::SessionConfig;
/// use audiosocket_blocking::stats::Calls;
/// use audiosocket_blocking::{Callbacks, serve_stream};
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
/// use std::sync::Arc;
///
/// # fn main() -> std::io::Result<()> {
/// let (mut asterisk, server) = UnixStream::pair()?;
/// let echo = Arc::new(Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {}));
/// std::thread::spawn(move || {
///     serve_stream(server, "pipe".into(), echo, SessionConfig::default(), &Calls::default())
/// });
///
/// asterisk.write_all(b"\x01\x00\x10sixteen bytes !!\x10\x00\x02\x34\x12")?;
/// let mut echoed = [0; 5];
/// asterisk.read_exact(&mut echoed)?;
/// assert_eq!(echoed, *b"\x10\x00\x02\x34\x12");
/// # Ok(())
/// # }
/// ```
pub fn serve_stream<S, A>(
    stream: S,
    peer: Peer,
    acceptor: Arc<A>,
    config: SessionConfig,
    calls: &Calls,
) where
    S: Duplex,
    A: Acceptor,
{
    let ready = ioctl_fionbio(&stream, true).map_err(io::Error::from);
    match ready.and_then(|()| ThreadWaker::new()) {
        Ok(waker) => {
            let stream = ReadAheadStream::new(stream, waker, MAX_UNREAD);
            let mut connection = Connection::new(stream, peer, acceptor, config, calls);
            drive::<S, A>(&mut connection);
        }
        Err(error) => {
            let now = Timestamp::ZERO;
            CallDriver::new(acceptor, peer, config, calls, now).handle_read_error(now, error);
        }
    }
}
