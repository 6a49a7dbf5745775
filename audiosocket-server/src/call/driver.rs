use std::fmt;
use std::io;
use std::mem;
use std::sync::Arc;
use std::task::Waker;

use crate::admission::registration::Registration;
use crate::call::commands::EndRequest;
use crate::call::deadline_timer::DeadlineTimer;
use crate::call::outbound::{Outbound, PlayoutStep};
use crate::call::phase::Phase;
use crate::{Acceptor, CallHandle, Exception, HandlerEvent, Lag, Peer};
use audiosocket_proto::{Decoder, End, Event, Timestamp, Transmit};

/// How many times in a row the playout is polled.
const MAX_PLAYOUT_STEPS: usize = 64;

/// One connection of a server, from its start to its close, without its socket.
///
/// It is a [`Session`](audiosocket_proto::Session) with a [`Handler`](crate::Handler), and you drive it in the same way. Pass bytes
/// and errors to it, and do what [`poll_transmit`](Self::poll_transmit) and
/// [`poll_timeout`](Self::poll_timeout) return, until [`Transmit::Close`]. Their results are valid until the next
/// call of a `&mut self` method. Also call [`poll_commands`](Self::poll_commands), which carries out the requests
/// of [`CallHandle`]s.
///
/// Dropping it before its end calls the handler with [`End::Abandoned`].
///
/// ```
/// use audiosocket_server::{CallDriver, Callbacks, Calls, Peer};
/// use audiosocket_proto::{SessionConfig, Timestamp, Transmit};
/// use std::sync::Arc;
///
/// let hang_up = Callbacks::new(|_, _, audio| audio[..0].to_vec().into(), |_, _, _| {});
/// let now = Timestamp::ZERO;
/// let peer = Peer::from("example");
/// let (config, calls) = (SessionConfig::default(), Calls::default());
/// let mut call = CallDriver::new(Arc::new(hang_up), peer, config, &calls, now);
///
/// call.receive(now, b"\x01\x00\x10sixteen bytes !!\x10\x00\x02\x00\x00");
/// assert_eq!(call.poll_transmit(), Transmit::Bytes(&[0x00, 0, 0]));
/// call.transmitted(now, 3);
/// assert_eq!(call.poll_transmit(), Transmit::HalfClose);
/// call.half_closed();
/// call.handle_eof(now);
/// assert_eq!(call.poll_transmit(), Transmit::Close);
/// ```
pub struct CallDriver<A: Acceptor> {
    pub(crate) decoder: Decoder,
    pub(super) acceptor: Arc<A>,
    pub(crate) outbound: Outbound,
    /// The time of the last input. The last callback of a dropped call gets it.
    pub(crate) now: Timestamp,
    pub(crate) phase: Phase<A::Handler>,
    #[cfg(feature = "io")]
    pub(crate) observers: Option<Box<crate::io::observers::Observers>>,
    /// This is the last field, so the connection counts as open until the handler is dropped.
    pub(super) registration: Registration,
}

impl<A: Acceptor> CallDriver<A> {
    /// Takes all of `bytes`, which you read from the connection. Calls the handler for each frame.
    pub fn receive(&mut self, now: Timestamp, mut bytes: &[u8]) {
        self.step(now, |call| {
            call.receive_proxy_header(&mut bytes);
            // The decoder is taken out of `call`, because an event borrows from the decoder while `call` handles the
            // event.
            let mut decoder = mem::take(&mut call.decoder);
            while let Some(event) = call.outbound.session.receive(now, &mut decoder, &mut bytes) {
                call.dispatch(event);
            }
            call.decoder = decoder;
        });
    }

    /// Reports the end of the stream.
    pub fn handle_eof(&mut self, now: Timestamp) {
        self.step(now, |call| {
            let event = call.outbound.session.handle_eof(now, &call.decoder);
            call.dispatch_if_any(event);
        });
    }

    /// Reports that a read failed. Do not report `WouldBlock` and `Interrupted`: try the read again.
    pub fn handle_read_error(&mut self, now: Timestamp, error: io::Error) {
        self.step(now, |call| {
            let session = &mut call.outbound.session;
            let event = if is_reset(&error) {
                session.handle_reset(now, &call.decoder)
            } else {
                session.handle_connection_lost(now)
            };
            match event {
                Some(Event::Ended(end @ End::ConnectionLost)) => {
                    call.finish(end, Some(&Exception::ConnectionLost(error)));
                }
                event => call.dispatch_if_any(event),
            }
        });
    }

    /// Reports that a write or a half-close failed. Do not report `WouldBlock` and `Interrupted`: try again.
    pub fn handle_write_error(&mut self, now: Timestamp, error: io::Error) {
        if is_reset(&error) {
            self.outbound.session.handle_write_closed();
            self.outbound.close_playout();
        } else {
            self.handle_read_error(now, error);
        }
    }

    /// Acts on all deadlines that have passed at `now`; see
    /// [`Session::handle_timeout`](audiosocket_proto::Session::handle_timeout).
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.step(now, |call| {
            let event = call.outbound.session.handle_timeout(now);
            call.dispatch_if_any(event);
            let is_due =
                |timer: &mut Arc<DeadlineTimer>| timer.deadline().is_some_and(|at| at <= now);
            if let Phase::Talking { timer, .. } = &mut call.phase
                && let Some(timer) = timer.take_if(is_due)
            {
                timer.fire();
            }
        });
    }

    /// Carries out the requests of [`CallHandle`]s. Later requests wake `waker`.
    pub fn poll_commands(&mut self, now: Timestamp, waker: &Waker) {
        self.step(now, |call| {
            let Some(commands) = call.outbound.take_commands(waker) else {
                return;
            };
            if commands.starts_timer()
                && let Some(timer) = call.outbound.handle.control().take_timer()
            {
                call.start_timer(timer);
            }
            // This comes before the end of the call, so the handler gets the reason first.
            call.outbound.shutdown_began |= commands.shutdown_began();
            call.announce_shutdown();
            match commands.end() {
                Some(EndRequest::HangUp) => call.hang_up(End::HungUp),
                Some(EndRequest::ShutDown) => call.hang_up(End::ShutDown),
                Some(EndRequest::Abandon) => call.abandon(),
                None => {}
            }
            call.outbound.playout_changed |= commands.playout_changed();
        });
    }

    /// Reports that audio was dropped before the call received it, because the handler is too slow.
    pub fn handle_lag(&mut self, now: Timestamp, lag: Lag) {
        self.step(now, |call| {
            call.outbound.handle.control().note_lag(now, lag.frames);
            call.notify(HandlerEvent::Exception(&Exception::Lagged(lag)));
        });
    }

    /// Sets the number of TCP segments that the kernel sent again, for [`CallStats`](crate::CallStats). Call it before
    /// you report the end of the stream or an error.
    pub fn set_retransmissions(&mut self, count: u32) {
        self.handle().control().retransmissions.store(count);
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout) next. Returns `None` if there is no deadline.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let session = self.outbound.session.poll_timeout();
        let timer = match &self.phase {
            Phase::Talking { timer, .. } => timer.as_ref().and_then(|timer| timer.deadline()),
            _ => None,
        };
        let deadlines = session.into_iter().chain(self.outbound.playout_due);
        deadlines.chain(timer).min()
    }

    /// Returns the next action of the write side.
    #[must_use]
    #[inline]
    pub fn poll_transmit(&self) -> Transmit<'_> {
        self.outbound.session.poll_transmit()
    }

    /// Reports that the connection took the first `written` of the bytes that
    /// [`poll_transmit`](Self::poll_transmit) returned.
    ///
    /// # Panics
    ///
    /// If `written` is more than the number of these bytes.
    pub fn transmitted(&mut self, now: Timestamp, written: usize) {
        self.step(now, |call| {
            call.outbound.session.transmitted(now, written);
        });
    }

    /// Reports that the write side was closed, as [`Transmit::HalfClose`] asked.
    pub fn half_closed(&mut self) {
        self.outbound.session.half_closed();
    }

    /// Returns the peer of the connection.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        self.handle().peer()
    }

    /// Returns a handle that controls this call.
    #[must_use]
    pub fn handle(&self) -> &CallHandle {
        &self.outbound.handle
    }

    /// Returns whether the last [`poll_commands`](Self::poll_commands) had this waker.
    #[cfg(feature = "io")]
    pub(crate) fn knows_waker(&self, waker: &Waker) -> bool {
        self.outbound.knows_waker(waker)
    }

    /// Calls `act` at `now`, and then polls the playout if it is due.
    #[inline]
    fn step(&mut self, now: Timestamp, act: impl FnOnce(&mut Self)) {
        self.now = now;
        self.outbound.note_waiting(now);
        act(self);
        if self.outbound.is_playout_due(now) {
            self.play(now);
        }
    }

    #[cold]
    fn play(&mut self, now: Timestamp) {
        // Limited, because a handler can answer each mark with another mark.
        for _ in 0..MAX_PLAYOUT_STEPS {
            match self.outbound.poll_playout(now) {
                PlayoutStep::Mark(mark, outcome) => self.notify(HandlerEvent::Mark(mark, outcome)),
                PlayoutStep::Hangup => self.hang_up(End::HungUp),
                PlayoutStep::Panicked(panic) => self.panicked(&panic),
                PlayoutStep::Done => {}
            }
            if !self.outbound.is_playout_due(now) {
                return;
            }
        }
        self.outbound.yield_playout(now);
    }
}

impl<A: Acceptor> fmt::Debug for CallDriver<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallDriver")
            .field("peer", self.peer())
            .field("session", &self.outbound.session)
            .finish_non_exhaustive()
    }
}

/// Returns whether reads and writes fail with this error because the peer has closed.
fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
            // TLS that ends without `close_notify`.
            | io::ErrorKind::UnexpectedEof
    )
}
