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

/// How many bytes are read ahead of a handler that blocks, unless
/// [`ServerBuilder::max_unread`](crate::ServerBuilder::max_unread) says otherwise.
pub(crate) const MAX_UNREAD: usize = 128 * 1024;

/// A stream that [`serve_stream`] serves a call over: it has a descriptor, and two halves that are
/// closed apart.
///
/// For a type of your own this is `impl Duplex for YourStream {}`, unless it has something to say
/// before its writing half is closed. TLS has: the example `blocking_tls` shows such a stream.
pub trait Duplex: Read + Write + AsFd + Send + 'static {
    /// Closes the writing half, and leaves the reading half open. Called when all that was written
    /// has been flushed; again, if it would block.
    ///
    /// By itself it is `shutdown(2)` on the descriptor, and nothing on what is no socket.
    ///
    /// # Errors
    ///
    /// Those of the connection. `WouldBlock` if it has to wait for the descriptor to be writable.
    fn close_write(&mut self) -> io::Result<()> {
        match shutdown(self.as_fd(), Shutdown::Write) {
            // Something other than a socket has no half to close.
            Err(Errno::NOTSOCK) => Ok(()),
            result => result.map_err(io::Error::from),
        }
    }

    /// Whether a read that fills less than its buffer has emptied the stream, so that another read would
    /// find nothing. True of sockets, and not of TLS. Default: false.
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
/// one of them. Returns when the connection is closed. Everything that happens on it goes to the handler.
///
/// The descriptor is made non-blocking, and is waited for, both to read and to write. It has to be
/// readable when the stream has something to read, unless a read has shown it already. While a handler
/// blocks, another thread reads: `read` must not wait for anything, nor for a peer that does not read.
///
/// [`Server`](crate::Server) does the same with each connection that it accepts, after it has set
/// `TCP_NODELAY`, the send buffer and the keepalive. `calls` counts the call while it lasts and can hang it up: keep
/// one for all calls of a server of your own, and shut down with [`Calls::wait_idle`] and
/// [`Calls::shut_down`].
///
/// If the system is out of descriptors, the call ends at once with an exception.
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
