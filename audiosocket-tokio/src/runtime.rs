use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use audiosocket_server::io::{Listener, Stream, Timer};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::{unconstrained, yield_now};
use tokio::time::{Sleep, sleep_until};

/// A stream of tokio's.
pub(crate) struct TokioStream<S>(pub(crate) S);

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for TokioStream<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let read = ready!(Pin::new(&mut self.0).poll_read(cx, &mut buffer));
        Poll::Ready(read.map(|()| buffer.filled().len()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Tokio's clock, which stands still in tests that pause it.
pub(crate) struct TokioTimer(Pin<Box<Sleep>>);

impl Timer for TokioTimer {
    /// A deadline is rounded up to the next one.
    const GRANULARITY: Duration = Duration::from_millis(1);

    // By one exchange of a number, without a lock.
    const CHEAP_RESET: bool = true;

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn at(deadline: Instant) -> Self {
        Self(Box::pin(sleep_until(deadline.into())))
    }

    fn set(&mut self, deadline: Instant) {
        self.0.as_mut().reset(deadline.into());
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Out of budget it would not even be set, and the connection does not ask it again before it is due.
        Pin::new(&mut unconstrained(self.0.as_mut())).poll(cx)
    }

    fn yield_now(cx: &mut Context<'_>) {
        // A task that is woken is polled again before a worker asks the system for what has come, up to
        // some sixty times; one that yields, only after that. But it stays with its worker, which may
        // block: where there are others, one of them can take it.
        let is_alone =
            Handle::try_current().is_ok_and(|handle| handle.metrics().num_workers() == 1);
        if !is_alone || pin!(yield_now()).poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

/// A listening socket of tokio's.
pub(crate) struct TokioListener(pub(crate) TcpListener);

impl Listener for TokioListener {
    type Stream = TokioStream<TcpStream>;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Stream, SocketAddr)>> {
        let accepted = ready!(self.0.poll_accept(cx));
        Poll::Ready(accepted.map(|(stream, peer)| (TokioStream(stream), peer)))
    }

    fn socket(&self) -> SockRef<'_> {
        SockRef::from(&self.0)
    }

    fn adopt(&mut self, connection: std::net::TcpStream) -> io::Result<Self::Stream> {
        TcpStream::from_std(connection).map(TokioStream)
    }

    fn configure(
        connection: &Self::Stream,
        apply: impl FnOnce(&SockRef<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        apply(&SockRef::from(&connection.0))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::Ipv4Addr;

    use super::*;

    /// Were it only woken, it would be polled some sixty times before.
    #[tokio::test]
    async fn who_takes_turns_is_polled_after_those_to_whom_something_came() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let there = TcpStream::connect(listener.local_addr().unwrap());
        let (there, here) = tokio::join!(there, listener.accept());
        let (there, (here, _)) = (there.unwrap(), here.unwrap());
        let mut turns = 0;
        let mut reader = tokio::spawn(async move { here.readable().await });
        let busy = poll_fn(move |cx| {
            turns += 1;
            match turns {
                // By then it waits.
                5 => assert_eq!(there.try_write(b"!").unwrap(), 1),
                6.. if Pin::new(&mut reader).poll(cx).is_ready() => return Poll::Ready(turns),
                _ => {}
            }
            TokioTimer::yield_now(cx);
            Poll::Pending
        });
        let turns = tokio::spawn(busy).await.unwrap();
        assert!(turns <= 8, "{turns} turns");
    }
}
