use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use audiosocket_proto::server::{Acceptor, CallDriver, Calls, Peer};
use audiosocket_proto::{Epoch, SessionConfig, Timestamp, Transmit};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::scratch;

/// How often one call may read and write before others get their turn, on streams that do not
/// take part in tokio's own budget.
const ROUNDS: usize = 16;

/// Serves one call over any stream: a TCP connection, TLS, a Unix socket, an in-memory pipe.
/// Returns when the connection is closed; what happened on it went to the handler.
///
/// [`Server`](crate::Server) does the same with each connection that it accepts, after it has set
/// `TCP_NODELAY` and the keepalive. `calls` counts the call while it lasts and can hang it up: keep
/// one for all calls of a server of your own, and shut down with [`Calls::idle`] and
/// [`Calls::shut_down`].
///
/// # Panics
///
/// Outside of a tokio runtime with time enabled.
///
/// # Cancellation
///
/// Cancel safe, in that dropping the future closes the connection at once and tells the handler
/// [`End::Abandoned`](crate::End::Abandoned).
///
/// ```
/// use audiosocket_tokio::{Callbacks, Calls, SessionConfig, serve_stream};
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
    S: AsyncRead + AsyncWrite + Unpin,
    A: Acceptor,
{
    let epoch = Epoch::new(Instant::now().into_std());
    let driver = CallDriver::new(acceptor, peer, config, Timestamp::ZERO);
    let _registration = calls.register(driver.handle());
    let mut connection = Connection {
        stream,
        driver,
        epoch,
        timer: None,
        read_closed: false,
        unflushed: false,
    };
    poll_fn(|cx| connection.poll(cx)).await;
    if let Some(reason) = connection.driver.refusal() {
        tracing::info!(peer = %connection.driver.peer(), %reason, "call refused");
    }
}

struct Connection<S, A: Acceptor> {
    stream: S,
    driver: CallDriver<A>,
    epoch: Epoch,
    /// There only while there is a deadline. It may be set earlier than that, never later, so that
    /// a deadline which moves with every frame does not touch the timer with every frame.
    timer: Option<Pin<Box<Sleep>>>,
    read_closed: bool,
    /// Written to a stream that may hold it back, such as TLS.
    unflushed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin, A: Acceptor> Connection<S, A> {
    /// Everything that can be done now, until the connection is closed.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.driver.poll_commands(self.now(), cx.waker());
        for _ in 0..ROUNDS {
            // Reading first, so that all answers to one read leave in one write.
            let read = self.poll_read(cx).is_ready();
            let written = self.poll_write(cx).is_ready();
            if self.driver.poll_transmit() == Transmit::Close {
                return Poll::Ready(());
            }
            let timed_out = !read && !written && self.poll_timer(cx).is_ready();
            if !(read || written || timed_out) {
                return Poll::Pending;
            }
        }
        // A peer that floods us does not put off its deadlines, whose timer only a quiet round polls.
        self.driver.handle_timeout(self.now());
        if self.driver.poll_transmit() == Transmit::Close {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// One read, if there is something to read; its answers stay in the driver.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.read_closed {
            return Poll::Pending;
        }
        scratch::with(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            let result = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            let now = self.now();
            match result {
                Ok(()) if buffer.filled().is_empty() => {
                    self.read_closed = true;
                    self.driver.handle_eof(now);
                }
                Ok(()) => self.driver.receive(now, buffer.filled()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.read_closed = true;
                    self.driver.handle_read_error(now, error);
                }
            }
            Poll::Ready(())
        })
    }

    /// Ready if something was done, pending if nothing can be.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let stream = Pin::new(&mut self.stream);
        let result = match self.driver.poll_transmit() {
            Transmit::Bytes(bytes) => ready!(stream.poll_write(cx, bytes)).and_then(|written| {
                if written == 0 {
                    Err(io::ErrorKind::BrokenPipe.into())
                } else {
                    Ok(written)
                }
            }),
            _ if self.unflushed => ready!(stream.poll_flush(cx)).map(|()| {
                self.unflushed = false;
                0
            }),
            Transmit::HalfClose => ready!(stream.poll_shutdown(cx)).map(|()| {
                self.driver.half_closed();
                0
            }),
            _ => return Poll::Pending,
        };
        match result {
            Ok(0) => {}
            Ok(written) => {
                self.driver.transmitted(self.now(), written);
                self.unflushed = true;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                self.unflushed = false;
                self.driver.handle_write_error(self.now(), error);
            }
        }
        Poll::Ready(())
    }

    /// Ready if a deadline may have come, and was acted on.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self
            .driver
            .poll_timeout()
            .and_then(|due| self.epoch.instant(due));
        let Some(deadline) = deadline.map(Instant::from_std) else {
            self.timer = None;
            return Poll::Pending;
        };
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if deadline < timer.deadline() {
            timer.as_mut().reset(deadline);
        }
        ready!(timer.as_mut().poll(cx));
        self.timer = None;
        self.driver.handle_timeout(self.now());
        Poll::Ready(())
    }

    fn now(&self) -> Timestamp {
        self.epoch.timestamp(Instant::now().into_std())
    }
}
