//! The beginning and the end of a connection.

use std::mem;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use uuid::Uuid;

use crate::call::deadline_timer::DeadlineTimer;
use crate::call::driver::{CallDriver, Phase};
use crate::call::outbound::Outbound;
use crate::{Acceptor, CallHandle, CallRequest, Calls, Exception, HandlerEvent, Peer, Refusal};
use audiosocket_proto::{Decoder, End, Session, SessionConfig, Timestamp};

impl<A: Acceptor> CallDriver<A> {
    /// Drives the connection from `peer` that was accepted at `now`. It counts among `calls` until it
    /// is dropped, so close the socket before that. If the [`Admission`](crate::Admission) of
    /// `calls` refuses the peer, or its limits are reached, the connection is
    /// [refused](Self::refusal) from the beginning, and the hangup is ready to be sent.
    pub fn new(
        acceptor: Arc<A>,
        peer: Peer,
        config: SessionConfig,
        calls: &Calls,
        now: Timestamp,
    ) -> Self {
        let handle = CallHandle::new(&config, peer);
        let admitted = catch_panic(|| calls.admit_peer(handle.peer()));
        let (registration, entry) = calls.register(&handle, matches!(admitted, Ok(Ok(()))));
        let mut call = Self {
            decoder: Decoder::new(),
            acceptor,
            outbound: Outbound::new(Session::new(config, now), handle),
            accepted_at: now,
            now,
            phase: Phase::Waiting { local_addr: None },
            #[cfg(feature = "io")]
            observers: None,
            registration,
        };
        if !entry.may_linger {
            call.outbound.session.do_not_linger();
        }
        match (admitted, entry.limit_reached) {
            (Ok(Err(refusal)), _) => call.refuse(refusal),
            (Err(panic), _) => call.panicked(&panic),
            (Ok(Ok(())), Some(limit)) => call.refuse(Refusal::from(limit)),
            (Ok(Ok(())), None) => {}
        }
        if let Phase::Over { turned_away, .. } = &mut call.phase {
            *turned_away = !entry.may_linger;
        }
        call
    }

    /// Whether it was refused, and too many refused connections linger. Then send its hangup and close
    /// it at once, without any of the resources that serving a connection takes.
    #[must_use]
    pub fn turned_away(&self) -> bool {
        matches!(
            self.phase,
            Phase::Over {
                turned_away: true,
                ..
            }
        )
    }

    /// Sets the address of this machine at which the connection came in, for the acceptor.
    #[must_use]
    pub fn at(mut self, local_addr: SocketAddr) -> Self {
        if let Phase::Waiting { local_addr: known } = &mut self.phase {
            *known = Some(local_addr);
        }
        self
    }

    /// Why the call, or its peer, was refused, if it was.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.phase {
            Phase::Over { refusal, .. } => refusal.as_ref(),
            _ => None,
        }
    }

    pub(super) fn start(&mut self, uuid: Uuid) {
        let local_addr = match self.phase {
            Phase::Waiting { local_addr } => local_addr,
            _ => None,
        };
        let request = CallRequest {
            uuid,
            peer: self.outbound.handle.peer(),
            local_addr,
            handle: &self.outbound.handle,
            calls: self.registration.calls(),
        };
        self.outbound.handle.control().set_uuid(uuid);
        #[cfg(feature = "io")]
        if let Some(span) = self.observers.as_ref().and_then(|it| it.span.as_ref()) {
            span.record("uuid", tracing::field::display(uuid));
        }
        let accepted = catch_panic(|| {
            let expected = self.registration.expect(request.handle, uuid)?;
            let uuid_in_use = expected.map(|expected| {
                request.handle.control().set_metadata(expected.metadata);
                expected.uuid_in_use
            });
            Ok((self.acceptor.accept(&request)?, uuid_in_use))
        });
        let taken = matches!(accepted, Ok(Ok(_)));
        if !self.registration.identified(taken) {
            self.outbound.session.do_not_linger();
        }
        match accepted {
            Ok(Ok((handler, uuid_in_use))) => {
                self.phase = Phase::Talking {
                    handler,
                    timer: None,
                    _uuid_in_use: uuid_in_use,
                };
                self.outbound.start(self.now);
                self.notify(HandlerEvent::Start);
                self.announce_shutdown();
            }
            Ok(Err(refusal)) => self.refuse(refusal),
            Err(panic) => self.panicked(&panic),
        }
    }

    /// Starts a timer in place of an earlier one. Once the call is over it fires at once.
    pub(super) fn start_timer(&mut self, new: Arc<DeadlineTimer>) {
        match &mut self.phase {
            Phase::Talking { timer, .. } => {
                new.start(self.now);
                *timer = Some(new);
            }
            _ => new.fire(),
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.hang_up(End::HungUp);
        self.phase = Phase::Over {
            refusal: Some(refusal),
            turned_away: false,
        };
    }

    pub(super) fn announce_shutdown(&mut self) {
        if self.outbound.shutdown_began && matches!(self.phase, Phase::Talking { .. }) {
            self.outbound.shutdown_began = false;
            self.notify(HandlerEvent::Shutdown);
        }
    }

    pub(super) fn panicked(&mut self, panic: &Exception) {
        self.outbound.session.hangup(self.now);
        self.finish(End::HandlerPanicked, Some(panic));
    }

    /// Ends the call, if it is not over.
    pub(super) fn hang_up(&mut self, end: End) {
        if self.outbound.session.hangup(self.now).is_some() {
            self.finish(end, None);
        }
    }

    /// The last deadline of a shutdown: closes the connection without a hangup.
    pub(super) fn abandon(&mut self) {
        // The event that this makes says less than `End::Abandoned`.
        let _ = self.outbound.session.handle_connection_lost(self.now);
        self.finish(End::Abandoned, None);
    }

    /// Calls the handler for the last time, once, and drops it.
    ///
    /// The panic hook reports a panic in here; no callback is left for it.
    pub(super) fn finish(&mut self, end: End, error: Option<&Exception>) {
        self.outbound.close_playout();
        if let Phase::Talking { timer, .. } = &mut self.phase
            && let Some(timer) = timer.take()
        {
            timer.fire();
        }
        // Before the last callbacks: a caller that learns of the end may call again at once.
        if !matches!(self.phase, Phase::Over { .. }) && !self.registration.release() {
            self.outbound.session.do_not_linger();
        }
        if let Some(error) = error {
            match &self.phase {
                Phase::Waiting { .. } => {
                    let peer = self.outbound.handle.peer();
                    let _ = catch_panic(|| self.acceptor.on_exception(peer, error));
                }
                _ => {
                    self.call_handler(HandlerEvent::Exception(error));
                }
            }
        }
        self.call_handler(HandlerEvent::End(end));
        if !matches!(self.phase, Phase::Over { .. }) {
            let phase = mem::replace(&mut self.phase, Phase::OVER);
            let _ = catch_panic(|| drop(phase));
        }
    }
}

impl<A: Acceptor> Drop for CallDriver<A> {
    fn drop(&mut self) {
        #[cfg(feature = "io")]
        let span = self.observers.as_ref().and_then(|it| it.span.clone());
        #[cfg(feature = "io")]
        let _entered = span.as_ref().map(tracing::Span::enter);
        self.finish(End::Abandoned, None);
        self.outbound.handle.control().forget_waker();
    }
}

/// Runs code of the user, which may panic.
#[inline]
pub(super) fn catch_panic<R>(run: impl FnOnce() -> R) -> Result<R, Exception> {
    catch_unwind(AssertUnwindSafe(run)).map_err(Exception::from_panic)
}
