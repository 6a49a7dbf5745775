//! Connections that move to another process.

use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use audiosocket_proto::{Epoch, SessionConfig, Timestamp};

use crate::handover::{CallSnapshot, OfferedCall};
use crate::io::connection::Connection;
use crate::io::runtime::{Stream, Timer};
use crate::{Acceptor, CallDriver, Calls, Refusal};

impl<S: Stream, T: Timer, A: Acceptor> Connection<S, T, A> {
    /// Makes a connection that continues a call of another process, on the same socket. It has no effect until
    /// [`resume`](Self::resume). To drop it before, use [`discard`](Self::discard).
    ///
    /// # Errors
    ///
    /// The refusal of the admission or of the acceptor. The stream is dropped.
    pub fn take_over(
        stream: S,
        local_addr: Option<SocketAddr>,
        snapshot: CallSnapshot,
        acceptor: Arc<A>,
        config: SessionConfig,
        calls: &Calls,
    ) -> Result<Self, Refusal> {
        let now = T::now();
        let elapsed = snapshot.now().saturating_since(Timestamp::ZERO);
        // A call is not older than the clock of its machine.
        let epoch = Epoch::new(now.checked_sub(elapsed).unwrap_or(now));
        let driver = CallDriver::take_over(acceptor, snapshot, local_addr, config, calls)?;
        Ok(Self::of(stream, driver, epoch))
    }

    /// Continues the call, at the first poll.
    pub fn resume(&mut self) {
        let now = self.now();
        self.driver.resume(now);
    }

    /// Closes this descriptor of the socket. The handler gets no callback, and the peer gets nothing.
    pub fn discard(mut self) {
        self.driver.discard();
    }

    /// Polls the connection, and hands it over if another process asks for it. Ready when the connection is closed, or when
    /// another process has it. `socket` returns the socket of the stream, if all of its state is in the kernel.
    pub fn poll_or_hand_over(
        &mut self,
        cx: &mut Context<'_>,
        socket: impl FnOnce(&S) -> Option<BorrowedFd<'_>>,
    ) -> Poll<()> {
        if self.is_suspended {
            match self.driver.handle().control().poll_handover(cx.waker()) {
                None => return Poll::Pending,
                Some(true) => {
                    self.driver.discard();
                    return Poll::Ready(());
                }
                Some(false) => {
                    self.is_suspended = false;
                    self.resume();
                }
            }
        }
        let polled = Pin::new(&mut *self).poll(cx);
        if polled.is_pending() && self.driver.handle().control().has_handover_request() {
            self.hand_over(cx, socket);
        }
        polled
    }

    #[cold]
    fn hand_over(
        &mut self,
        cx: &mut Context<'_>,
        socket: impl FnOnce(&S) -> Option<BorrowedFd<'_>>,
    ) {
        let handle = self.driver.handle().clone();
        // A request that is dropped is a refusal.
        let Some(request) = handle.control().take_handover_request() else {
            return;
        };
        // The keys of TLS are only in this process.
        if self.tls.is_on() {
            return;
        }
        // Without a descriptor, the call stays here.
        let Some(Ok(socket)) = socket(&self.stream).map(|socket| socket.try_clone_to_owned())
        else {
            return;
        };
        let Some(snapshot) = self.driver.hand_over(self.now()) else {
            return;
        };
        handle.control().suspend();
        self.is_suspended = request.offer(OfferedCall {
            handle: handle.clone(),
            snapshot,
            socket,
            stopped_at: Instant::now(),
        });
        if !self.is_suspended {
            handle.control().resume_late();
            self.resume();
            // The answers of the handler leave with the next poll.
            cx.waker().wake_by_ref();
        }
    }
}
