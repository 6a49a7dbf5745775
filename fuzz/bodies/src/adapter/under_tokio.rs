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

use super::End;
use super::wire::Wire;

/// The same connection served by `audiosocket-tokio`, and polled only when it was woken.
pub(super) struct UnderTokio {
    /// `None` once the connection is closed.
    call: Option<Pin<Box<dyn Future<Output = ()>>>>,
    bell: Arc<Bell>,
}

struct Bell(AtomicBool);

impl Bell {
    /// Since this was last asked.
    fn has_rung(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl UnderTokio {
    pub(super) fn new(end: &End, config: SessionConfig) -> Self {
        let End {
            wire,
            acceptor,
            calls,
            ..
        } = end.clone();
        let acceptor = Arc::new(acceptor);
        let serve = async move {
            serve_stream(Socket(wire), "peer".into(), acceptor, config, &calls).await;
        };
        Self {
            // Tokio's budget is for tasks that it polls itself.
            call: Some(Box::pin(unconstrained(serve))),
            bell: Arc::new(Bell(AtomicBool::new(true))),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.call.is_none()
    }

    pub(super) async fn settle(&mut self) {
        let waker = Waker::from(self.bell.clone());
        let mut turns = 0;
        while let Some(call) = &mut self.call {
            if !self.bell.has_rung() {
                // What lets others go first is woken when the runtime has looked after them.
                yield_now().await;
                if !self.bell.has_rung() {
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
            // The longest script does not give it so much to do.
            turns += 1;
            assert!(turns < 100_000, "it wakes itself for nothing");
        }
    }
}

struct Socket(Rc<RefCell<Wire>>);

impl Socket {
    /// As a runtime makes a future of a non-blocking socket.
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
