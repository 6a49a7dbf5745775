use std::cell::{RefCell, RefMut};
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use audiosocket_proto::SessionConfig;
use audiosocket_tokio::serve_stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::{unconstrained, yield_now};

use super::Side;
use super::wire::Wire;

/// A connection that `audiosocket-tokio` serves. It is polled only after its waker was called.
pub(super) struct TokioConnection {
    /// `None` once the connection is closed.
    call: Option<Pin<Box<dyn Future<Output = ()>>>>,
    woken: Arc<WakeFlag>,
}

struct WakeFlag(AtomicBool);

impl WakeFlag {
    /// Returns true if the waker was called since the last call of this function.
    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for WakeFlag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl TokioConnection {
    pub(super) fn new(side: &Side, config: SessionConfig) -> Self {
        let Side {
            wire,
            acceptor,
            calls,
            ..
        } = side.clone();
        let acceptor = Arc::new(acceptor);
        let serve = async move {
            serve_stream(Socket(wire), "peer".into(), acceptor, config, &calls).await;
        };
        Self {
            // Tokio's budget works only for tasks that tokio polls.
            call: Some(Box::pin(unconstrained(serve))),
            woken: Arc::new(WakeFlag(AtomicBool::new(true))),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.call.is_none()
    }

    pub(super) async fn settle(&mut self) {
        let waker = Waker::from(self.woken.clone());
        let mut polls = 0;
        while let Some(call) = &mut self.call {
            if !self.woken.take() {
                // A task that yields is woken after the runtime has polled other tasks.
                yield_now().await;
                if !self.woken.take() {
                    break;
                }
            }
            if call
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_ready()
            {
                self.call = None;
            }
            // The longest script needs fewer polls.
            polls += 1;
            assert!(
                polls < 100_000,
                "the connection wakes itself without progress"
            );
        }
    }
}

struct Socket(Rc<RefCell<Wire>>);

impl Socket {
    /// Polls a non-blocking operation. If it would block, stores the waker.
    fn poll<T>(
        &self,
        cx: &Context<'_>,
        mut attempt: impl FnMut(&mut Wire) -> io::Result<T>,
        waiting: impl FnOnce(&mut Wire) -> &mut Option<Waker>,
    ) -> Poll<io::Result<T>> {
        let mut wire: RefMut<'_, Wire> = self.0.borrow_mut();
        match attempt(&mut wire) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                *waiting(&mut wire) = Some(cx.waker().clone());
                Poll::Pending
            }
            result => Poll::Ready(result),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll(
            cx,
            |wire| {
                let read = wire.read(buffer.initialize_unfilled())?;
                buffer.advance(read);
                Ok(())
            },
            |wire| &mut wire.reader,
        )
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(cx, |wire| wire.write(bytes), |wire| &mut wire.writer)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, Wire::flush, |wire| &mut wire.writer)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, Wire::close, |wire| &mut wire.writer)
    }
}
