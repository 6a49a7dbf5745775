use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;

use uuid::Uuid;

use crate::admission::calls::Registration;
use crate::call::control::EndRequest;
use crate::call::outbound::{Outbound, Turn};
use crate::{
    Acceptor, Call, CallHandle, CallRequest, Calls, Exception, Handler, Lag, Peer, Refusal,
    Response,
};
use audiosocket_proto::{
    Audio, Decoder, End, Event, SendError, Session, SessionConfig, Timestamp, Transmit,
};

/// How much the playout may ask for at once.
const TURNS: usize = 64;

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
    /// Apart from the rest, since events borrow from it while the rest acts on them.
    decoder: Decoder,
    call: Driven<A>,
}

/// All of a call but its decoder.
struct Driven<A: Acceptor> {
    acceptor: Arc<A>,
    voice: Outbound,
    accepted_at: Timestamp,
    /// The latest time heard of; for the last callback of a call that is dropped.
    now: Timestamp,
    phase: Phase<A::Handler>,
    /// Frames were dropped, the handler has been told, and the peer has not caught up.
    behind: bool,
    turned_away: bool,
    /// Last, so that the connection counts until the handler is gone.
    registration: Registration,
}

enum Phase<H> {
    /// No UUID yet.
    Waiting {
        local_addr: Option<SocketAddr>,
    },
    Talking {
        uuid: Uuid,
        handler: H,
    },
    /// `on_end` has been called; or there never was a handler, with the reason if call or peer were
    /// refused.
    Over {
        refusal: Option<Refusal>,
    },
}

impl<A: Acceptor> CallDriver<A> {
    /// Drives the connection from `peer` that was accepted at `now`. It counts among `calls` until
    /// this is dropped, so the connection is to be closed before. If they are too many already, or the
    /// acceptor does not [admit the peer](Acceptor::admit_peer), it is [refused](Self::refusal) from
    /// the beginning, and the hangup waits to be sent already.
    pub fn new(
        acceptor: Arc<A>,
        peer: Peer,
        config: SessionConfig,
        calls: &Calls,
        now: Timestamp,
    ) -> Self {
        let handle = CallHandle::new(&config, peer);
        let admitted = contain(|| acceptor.admit_peer(handle.peer()));
        let (registration, entry) = calls.register(&handle, matches!(admitted, Ok(Ok(()))));
        let mut call = Driven {
            acceptor,
            voice: Outbound::new(Session::new(config, now), handle),
            accepted_at: now,
            now,
            phase: Phase::Waiting { local_addr: None },
            behind: false,
            turned_away: !entry.may_linger,
            registration,
        };
        if call.turned_away {
            call.voice.session.do_not_linger();
        }
        match (admitted, entry.full) {
            (Ok(Err(refusal)), _) => call.refuse(refusal),
            (Err(panic), _) => call.panicked(&panic),
            (Ok(Ok(())), Some(full)) => call.refuse(Refusal::from(full)),
            (Ok(Ok(())), None) => {}
        }
        Self {
            decoder: Decoder::new(),
            call,
        }
    }

    /// Whether it was refused and too many others linger: it is to be sent its hangup and closed at
    /// once, with nothing made for it that serving a connection would take.
    #[must_use]
    pub fn turned_away(&self) -> bool {
        self.call.turned_away
    }

    /// Tells the acceptor at which address of this machine the connection came in.
    #[must_use]
    pub fn at(mut self, local_addr: SocketAddr) -> Self {
        if let Phase::Waiting { local_addr: known } = &mut self.call.phase {
            *known = Some(local_addr);
        }
        self
    }

    /// These bytes were read. All of them are taken, and the handler is called for each frame.
    pub fn receive(&mut self, now: Timestamp, mut bytes: &[u8]) {
        self.call.now = now;
        while let Some(event) = self
            .call
            .voice
            .session
            .receive(now, &mut self.decoder, &mut bytes)
        {
            self.call.handle(event);
        }
        self.call.pace();
    }

    /// Reading met the end of the stream.
    pub fn handle_eof(&mut self, now: Timestamp) {
        self.call.now = now;
        if let Some(event) = self.call.voice.session.handle_eof(now, &self.decoder) {
            self.call.handle(event);
        }
    }

    /// Reading failed, and not because it would block or was interrupted.
    pub fn handle_read_error(&mut self, now: Timestamp, error: io::Error) {
        self.call.now = now;
        let session = &mut self.call.voice.session;
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
            self.call.voice.session.handle_write_closed();
            self.call.voice.end();
        } else {
            self.handle_read_error(now, error);
        }
    }

    /// Acts on every deadline that has come by `now`; see [`Session::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.call.now = now;
        if let Some(event) = self.call.voice.session.handle_timeout(now) {
            self.call.handle(event);
        }
        self.call.pace();
    }

    /// Acts on what [`CallHandle`]s ask for; `waker` is woken when they ask again.
    pub fn poll_commands(&mut self, now: Timestamp, waker: &Waker) {
        self.call.now = now;
        let voice = &mut self.call.voice;
        let post = voice.handle().desk().poll(waker, voice.session.stats());
        match post.order {
            Some(EndRequest::HangUp) => self.call.hang_up(End::HungUp),
            Some(EndRequest::ShutDown) => self.call.hang_up(End::ShutDown),
            Some(EndRequest::Abandon) => self.abandon(),
            None => {}
        }
        if post.stirred {
            self.call.voice.stir();
        }
        self.call.pace();
    }

    /// The handler was so slow that this was dropped before it could be received; see
    /// [`InboundBuffer`](crate::InboundBuffer).
    pub fn handle_lag(&mut self, now: Timestamp, lag: Lag) {
        self.call.now = now;
        self.call.report(&Exception::Lagged(lag));
        self.call.pace();
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next; `None` for never.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.call.voice.poll_timeout()
    }

    /// What the write side has to do now.
    #[must_use]
    pub fn poll_transmit(&self) -> Transmit<'_> {
        self.call.voice.session.poll_transmit()
    }

    /// The connection took the first `written` of the bytes offered last.
    ///
    /// # Panics
    ///
    /// If `written` is more than was offered.
    pub fn transmitted(&mut self, now: Timestamp, written: usize) {
        self.call.now = now;
        self.call.voice.transmitted(now, written);
        self.call.pace();
    }

    /// The write side has been closed, as [`Transmit::HalfClose`] asked.
    pub fn half_closed(&mut self) {
        self.call.voice.session.half_closed();
    }

    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        self.handle().peer()
    }

    /// Reaches this call from elsewhere.
    #[must_use]
    pub fn handle(&self) -> &CallHandle {
        self.call.voice.handle()
    }

    /// Why the call, or its peer, was refused, if it was.
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
    fn abandon(&mut self) {
        let now = self.call.now;
        // Which makes an event that says less than this end.
        let _ = self.call.voice.session.handle_connection_lost(now);
        self.call.finish(End::Abandoned, None);
    }
}

impl<A: Acceptor> Drop for CallDriver<A> {
    fn drop(&mut self) {
        self.call.finish(End::Abandoned, None);
        self.call.voice.handle().desk().close();
    }
}

impl<A: Acceptor> fmt::Debug for CallDriver<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallDriver")
            .field("peer", self.peer())
            .field("session", &self.call.voice.session)
            .finish_non_exhaustive()
    }
}

impl<A: Acceptor> Driven<A> {
    fn handle(&mut self, event: Event<'_>) {
        match event {
            Event::Started(uuid) => self.start(uuid),
            Event::Audio(audio) => {
                self.voice.hear(audio.rate());
                self.ask(|handler, call| handler.on_audio(call, audio));
            }
            Event::Dtmf(digit) => self.ask(|handler, call| handler.on_dtmf(call, digit)),
            Event::Ignored(frame) => self.tell(|handler, call| handler.on_ignored(call, frame)),
            Event::Exception(error) => self.report(&Exception::Peer(error)),
            Event::Ended(end @ End::Failed(error)) => {
                self.finish(end, Some(&Exception::Peer(error)));
            }
            Event::Ended(end) => self.finish(end, None),
            // `Event` is open; this crate and the core have the same version.
            _ => {}
        }
    }

    fn start(&mut self, uuid: Uuid) {
        let local_addr = match self.phase {
            Phase::Waiting { local_addr } => local_addr,
            _ => None,
        };
        let request = CallRequest {
            uuid,
            peer: self.voice.handle().peer(),
            local_addr,
        };
        self.voice.handle().desk().identify(uuid);
        let accepted = contain(|| self.acceptor.accept(&request));
        let taken = matches!(accepted, Ok(Ok(_)));
        if !self.registration.identified(request.peer, taken) {
            self.voice.session.do_not_linger();
        }
        match accepted {
            Ok(Ok(handler)) => {
                self.phase = Phase::Talking { uuid, handler };
                self.voice.start(self.now);
                self.tell(|handler, call| handler.on_start(call));
            }
            Ok(Err(refusal)) => self.refuse(refusal),
            Err(panic) => self.panicked(&panic),
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.hang_up(End::HungUp);
        self.phase = Phase::Over {
            refusal: Some(refusal),
        };
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
        self.voice.hang_up(self.now);
        self.finish(End::HandlerPanicked, Some(panic));
    }

    fn answer(&mut self, response: &Response<'_>) {
        let result = match response {
            Response::Nothing => return,
            Response::Audio(audio) if !audio.is_empty() => self.voice.send(self.now, *audio),
            Response::Owned(rate, bytes) if !bytes.is_empty() => {
                self.voice.send(self.now, Audio::new(*rate, bytes))
            }
            _ => return self.hang_up(End::HungUp),
        };
        match result {
            // Not at the first frame that fits again, or a peer that takes every second one would
            // be told of at every second one.
            Ok(()) => self.behind &= self.voice.session.is_behind(),
            // Nobody is there to hear it, and that has its own callback.
            Err(SendError::NoCall) => {}
            Err(SendError::QueueFull) if std::mem::replace(&mut self.behind, true) => {}
            Err(error) => self.report(&Exception::Answer(error)),
        }
    }

    fn hang_up(&mut self, end: End) {
        if self.voice.hang_up(self.now) {
            self.finish(end, None);
        }
    }

    /// Does what the playout asks for by now.
    fn pace(&mut self) {
        // A bound, since a handler may answer each mark with the next one.
        for _ in 0..TURNS {
            if !self.voice.is_due(self.now) {
                return;
            }
            match self.voice.turn(self.now) {
                Turn::Mark(mark, outcome) => {
                    self.tell(|handler, call| handler.on_mark(call, mark, outcome));
                }
                Turn::Hangup => self.hang_up(End::HungUp),
                Turn::Done => {}
            }
        }
        self.voice.go_on_at(self.now);
    }

    /// Tells the handler that the call is over, once, and lets it go.
    ///
    /// A panic in here has nobody left to be told to, beyond what the panic hook printed.
    fn finish(&mut self, end: End, error: Option<&Exception>) {
        self.voice.end();
        if let Some(error) = error {
            match &self.phase {
                Phase::Waiting { .. } => {
                    let _ = contain(|| {
                        self.acceptor
                            .on_exception(self.voice.handle().peer(), error);
                    });
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
            voice: &mut self.voice,
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
