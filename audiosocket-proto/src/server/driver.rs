use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;

use uuid::Uuid;

use super::{
    Acceptor, Call, CallHandle, CallRequest, Exception, Handler, Lag, Peer, Refusal, Response,
};
use crate::{Audio, Decoder, End, Event, SendError, Session, SessionConfig, Timestamp, Transmit};

/// One connection of a server, from accept to close, without its socket: what every adapter
/// drives.
///
/// It is a [`Session`] with a [`Handler`] behind it, and is driven likewise: bytes and errors in,
/// [`poll_transmit`](Self::poll_transmit) and [`poll_timeout`](Self::poll_timeout) out, until
/// [`Transmit::Close`]. Each answer holds until the next call of a `&mut self` method. In addition,
/// [`poll_commands`](Self::poll_commands) lets [`CallHandle`]s reach the call.
///
/// Dropping it before its end tells the handler [`End::Abandoned`].
///
/// ```
/// use audiosocket_proto::server::{CallDriver, Callbacks, Peer};
/// use audiosocket_proto::{SessionConfig, Timestamp, Transmit};
/// use std::sync::Arc;
///
/// let hang_up = Callbacks::new(|_, _, audio| audio[..0].to_vec().into(), |_, _, _| {});
/// let now = Timestamp::ZERO;
/// let peer = Peer::from("example");
/// let mut call = CallDriver::new(Arc::new(hang_up), peer, SessionConfig::default(), now);
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
    /// Apart from the rest, since events borrow from it while the rest acts on them.
    decoder: Decoder,
    call: Driven<A>,
}

/// All of a call but its decoder.
struct Driven<A: Acceptor> {
    acceptor: Arc<A>,
    peer: Peer,
    session: Session,
    handle: CallHandle,
    accepted_at: Timestamp,
    /// The latest time heard of; for the last callback of a call that is dropped.
    now: Timestamp,
    phase: Phase<A::Handler>,
    /// Frames were dropped, the handler has been told, and the peer has not caught up.
    behind: bool,
}

enum Phase<H> {
    /// No UUID yet.
    Waiting,
    Talking {
        uuid: Uuid,
        handler: H,
    },
    /// `on_end` has been called; or there never was a handler, with the reason if it was refused.
    Over {
        refusal: Option<Refusal>,
    },
}

impl<A: Acceptor> CallDriver<A> {
    /// Drives the connection from `peer` that was accepted at `now`.
    pub fn new(acceptor: Arc<A>, peer: Peer, config: SessionConfig, now: Timestamp) -> Self {
        let call = Driven {
            acceptor,
            peer,
            session: Session::new(config, now),
            handle: CallHandle::default(),
            accepted_at: now,
            now,
            phase: Phase::Waiting,
            behind: false,
        };
        Self {
            decoder: Decoder::new(),
            call,
        }
    }

    /// These bytes were read. All of them are taken, and the handler is called for each frame.
    pub fn receive(&mut self, now: Timestamp, mut bytes: &[u8]) {
        self.call.now = now;
        while let Some(event) = self
            .call
            .session
            .receive(now, &mut self.decoder, &mut bytes)
        {
            self.call.handle(event);
        }
    }

    /// Reading met the end of the stream.
    pub fn handle_eof(&mut self, now: Timestamp) {
        self.call.now = now;
        if let Some(event) = self.call.session.handle_eof(now, &self.decoder) {
            self.call.handle(event);
        }
    }

    /// Reading failed, and not because it would block or was interrupted.
    pub fn handle_read_error(&mut self, now: Timestamp, error: io::Error) {
        self.call.now = now;
        let session = &mut self.call.session;
        let event = if is_reset(&error) {
            session.handle_reset(now, &self.decoder)
        } else {
            session.handle_connection_lost(now)
        };
        match event {
            Some(Event::Ended(end @ End::ConnectionLost)) => {
                self.call
                    .finish(end, Some(&Exception::ConnectionLost(error)));
            }
            Some(event) => self.call.handle(event),
            None => {}
        }
    }

    /// Writing or half-closing failed, and not because it would block or was interrupted.
    pub fn handle_write_error(&mut self, now: Timestamp, error: io::Error) {
        if is_reset(&error) {
            self.call.session.handle_write_closed();
        } else {
            self.handle_read_error(now, error);
        }
    }

    /// Acts on every deadline that has come by `now`; see [`Session::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.call.now = now;
        if let Some(event) = self.call.session.handle_timeout(now) {
            self.call.handle(event);
        }
    }

    /// Acts on what [`CallHandle`]s ask for; `waker` is woken when they ask again.
    pub fn poll_commands(&mut self, now: Timestamp, waker: &Waker) {
        match self.call.handle.poll(waker) {
            Some(End::Abandoned) => self.abandon(now),
            Some(end) => {
                self.call.now = now;
                self.call.hang_up(end);
            }
            None => {}
        }
    }

    /// The handler was so slow that this was dropped before it could be received; see
    /// [`Backlog`](super::Backlog).
    pub fn handle_lag(&mut self, now: Timestamp, lag: Lag) {
        self.call.now = now;
        self.call.report(&Exception::Lagged(lag));
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next; `None` for never.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.call.session.poll_timeout()
    }

    /// What the write side has to do now.
    #[must_use]
    pub fn poll_transmit(&self) -> Transmit<'_> {
        self.call.session.poll_transmit()
    }

    /// The connection took the first `written` of the bytes offered last.
    ///
    /// # Panics
    ///
    /// If `written` is more than was offered.
    pub fn transmitted(&mut self, now: Timestamp, written: usize) {
        self.call.session.transmitted(now, written);
    }

    /// The write side has been closed, as [`Transmit::HalfClose`] asked.
    pub fn half_closed(&mut self) {
        self.call.session.half_closed();
    }

    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.call.peer
    }

    /// Reaches this call from elsewhere.
    #[must_use]
    pub fn handle(&self) -> &CallHandle {
        &self.call.handle
    }

    /// Why the call was refused, if it was.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.call.phase {
            Phase::Over { refusal } => refusal.as_ref(),
            _ => None,
        }
    }
}

impl<A: Acceptor> CallDriver<A> {
    /// Nobody can wait any longer: the connection is to be closed as it is.
    fn abandon(&mut self, now: Timestamp) {
        self.call.now = now;
        // Which makes an event that says less than this end.
        let _ = self.call.session.handle_connection_lost(now);
        self.call.finish(End::Abandoned, None);
    }
}

impl<A: Acceptor> Drop for CallDriver<A> {
    fn drop(&mut self) {
        self.call.finish(End::Abandoned, None);
        self.call.handle.close();
    }
}

impl<A: Acceptor> fmt::Debug for CallDriver<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallDriver")
            .field("peer", &self.call.peer)
            .field("session", &self.call.session)
            .finish_non_exhaustive()
    }
}

impl<A: Acceptor> Driven<A> {
    fn handle(&mut self, event: Event<'_>) {
        match event {
            Event::Started(uuid) => self.start(uuid),
            Event::Audio(audio) => self.ask(|handler, call| handler.on_audio(call, audio)),
            Event::Dtmf(digit) => self.ask(|handler, call| handler.on_dtmf(call, digit)),
            Event::Ignored(frame) => self.tell(|handler, call| handler.on_ignored(call, frame)),
            Event::Exception(error) => self.report(&Exception::Peer(error)),
            Event::Ended(end @ End::Failed(error)) => {
                self.finish(end, Some(&Exception::Peer(error)));
            }
            Event::Ended(end) => self.finish(end, None),
        }
    }

    fn start(&mut self, uuid: Uuid) {
        let request = CallRequest {
            uuid,
            peer: &self.peer,
        };
        match contain(|| self.acceptor.accept(&request)) {
            Ok(Ok(handler)) => {
                self.phase = Phase::Talking { uuid, handler };
                self.tell(|handler, call| handler.on_start(call));
            }
            Ok(Err(refusal)) => {
                self.hang_up(End::HungUp);
                self.phase = Phase::Over {
                    refusal: Some(refusal),
                };
            }
            Err(panic) => self.panicked(&panic),
        }
    }

    fn report(&mut self, error: &Exception) {
        self.tell(|handler, call| handler.on_exception(call, error));
    }

    /// Makes a callback that has no answer.
    fn tell(&mut self, callback: impl FnOnce(&mut A::Handler, &mut Call<'_>)) {
        self.ask(|handler, call| {
            callback(handler, call);
            Response::Nothing
        });
    }

    /// Makes a callback, and does what it answers.
    fn ask<'r>(&mut self, callback: impl FnOnce(&mut A::Handler, &mut Call<'_>) -> Response<'r>) {
        match self.call_back(callback) {
            Some(Ok((response, hangup))) => {
                self.answer(&response);
                if hangup {
                    self.hang_up(End::HungUp);
                }
            }
            Some(Err(panic)) => self.panicked(&panic),
            None => {}
        }
    }

    fn panicked(&mut self, panic: &Exception) {
        self.session.hangup(self.now);
        self.finish(End::HandlerPanicked, Some(panic));
    }

    fn answer(&mut self, response: &Response<'_>) {
        let result = match response {
            Response::Nothing => return,
            Response::Audio(audio) if !audio.is_empty() => self.session.send(self.now, *audio),
            Response::Owned(rate, bytes) if !bytes.is_empty() => {
                self.session.send(self.now, Audio::new(*rate, bytes))
            }
            _ => return self.hang_up(End::HungUp),
        };
        match result {
            // Not at the first frame that fits again, or a peer that takes every second one would
            // be told of at every second one.
            Ok(()) => self.behind &= self.session.is_behind(),
            // Nobody is there to hear it, and that has its own callback.
            Err(SendError::NoCall) => {}
            Err(SendError::QueueFull) if std::mem::replace(&mut self.behind, true) => {}
            Err(error) => self.report(&Exception::Answer(error)),
        }
    }

    fn hang_up(&mut self, end: End) {
        if self.session.hangup(self.now).is_some() {
            self.finish(end, None);
        }
    }

    /// Tells the handler that the call is over, once, and lets it go.
    ///
    /// A panic in here has nobody left to be told to, beyond what the panic hook printed.
    fn finish(&mut self, end: End, error: Option<&Exception>) {
        if let Some(error) = error {
            match &self.phase {
                Phase::Waiting => {
                    let _ = contain(|| self.acceptor.on_exception(&self.peer, error));
                }
                _ => {
                    self.call_back(|handler, call| handler.on_exception(call, error));
                }
            }
        }
        self.call_back(|handler, call| handler.on_end(call, end));
        if !matches!(self.phase, Phase::Over { .. }) {
            let phase = std::mem::replace(&mut self.phase, Phase::Over { refusal: None });
            let _ = contain(|| drop(phase));
        }
    }

    /// Runs a callback with its panics caught, if there is a handler. Tells what it returned and
    /// whether it asked to hang up, or what it panicked with.
    fn call_back<R>(
        &mut self,
        callback: impl FnOnce(&mut A::Handler, &mut Call<'_>) -> R,
    ) -> Option<Result<(R, bool), Exception>> {
        let Phase::Talking { uuid, handler } = &mut self.phase else {
            return None;
        };
        let mut call = Call {
            uuid: *uuid,
            peer: &self.peer,
            handle: &self.handle,
            session: &mut self.session,
            accepted_at: self.accepted_at,
            now: self.now,
            hangup: false,
        };
        let result = contain(|| callback(handler, &mut call));
        Some(result.map(|returned| (returned, call.hangup)))
    }
}

/// Runs the handler's code, which may panic.
fn contain<R>(run: impl FnOnce() -> R) -> Result<R, Exception> {
    catch_unwind(AssertUnwindSafe(run)).map_err(Exception::from_panic)
}

/// Errors by which a peer's close shows itself to whoever reads or writes at that moment.
fn is_reset(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
            // TLS that ends without its own farewell.
            | io::ErrorKind::UnexpectedEof
    )
}
