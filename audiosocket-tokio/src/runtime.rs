use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use audiosocket_server::Peer;
use audiosocket_server::io::{
    ClosableListener, Listener, Stream, Timer, send_frames, tcp_retransmissions,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::task::{unconstrained, yield_now};
use tokio::time::{Sleep, sleep_until};

/// A stream of tokio.
pub(crate) struct TokioStream<S>(pub(crate) S);

impl<S: 'static> TokioStream<S> {
    fn tcp(&self) -> Option<&TcpStream> {
        (&self.0 as &dyn Any).downcast_ref()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Stream for TokioStream<S> {
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

    fn send_frames(&mut self, frames: &[u8]) -> Option<io::Result<usize>> {
        send_frames(self.tcp()?, frames)
    }

    fn retransmissions(&self) -> Option<u32> {
        tcp_retransmissions(self.tcp()?)
    }
}

/// A timer of tokio, whose clock stands still in tests that pause it.
pub(crate) struct TokioTimer(Pin<Box<Sleep>>);

impl Timer for TokioTimer {
    /// tokio rounds a deadline up to the next millisecond.
    const GRANULARITY: Duration = Duration::from_millis(1);

    // A reset exchanges one number, without a lock.
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
        // Without budget, tokio does not set the timer. The connection polls it again only when it is due.
        Pin::new(&mut unconstrained(self.0.as_mut())).poll(cx)
    }

    fn yield_now(cx: &mut Context<'_>) {
        // A worker polls a woken task up to about sixty times before it asks the system for events. It polls
        // a task that yields after that. But such a task stays with its worker, which may block. With other
        // workers, one of them can take a woken task.
        let is_alone =
            Handle::try_current().is_ok_and(|handle| handle.metrics().num_workers() == 1);
        if !is_alone || pin!(yield_now()).poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

/// A listener whose streams are tokio's.
pub(crate) struct TokioListener<L>(pub(crate) L);

impl<L> Listener for TokioListener<L>
where
    L: Listener<Stream: AsyncRead + AsyncWrite + Unpin + 'static>,
{
    type Stream = TokioStream<L::Stream>;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Stream, Peer)>> {
        let (stream, peer) = ready!(self.0.poll_accept(cx))?;
        Poll::Ready(Ok((TokioStream(stream), peer)))
    }

    fn poll_accept_waiting(&mut self) -> Poll<io::Result<(Self::Stream, Peer)>> {
        let (stream, peer) = ready!(self.0.poll_accept_waiting())?;
        Poll::Ready(Ok((TokioStream(stream), peer)))
    }

    fn closable(&mut self) -> Option<&mut dyn ClosableListener> {
        self.0.closable()
    }

    fn local_addr(stream: &Self::Stream) -> Option<SocketAddr> {
        L::local_addr(&stream.0)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;

    use super::*;

    /// A task that only woke itself would be polled some sixty times before the reader.
    #[tokio::test]
    async fn a_task_that_yields_is_polled_after_a_task_with_an_event() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let there = TcpStream::connect(listener.local_addr().unwrap());
        let (there, here) = tokio::join!(there, listener.accept());
        let (there, (here, _)) = (there.unwrap(), here.unwrap());
        let mut polls = 0;
        let mut reader = tokio::spawn(async move { here.readable().await });
        let busy = poll_fn(move |cx| {
            polls += 1;
            match polls {
                // The reader waits now.
                5 => assert_eq!(there.try_write(b"!").unwrap(), 1),
                6.. if Pin::new(&mut reader).poll(cx).is_ready() => return Poll::Ready(polls),
                _ => {}
            }
            TokioTimer::yield_now(cx);
            Poll::Pending
        });
        let polls = tokio::spawn(busy).await.unwrap();
        assert!(polls <= 8, "{polls} polls");
    }
}
