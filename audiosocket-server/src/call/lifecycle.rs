//! The start and the end of a connection.

use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
#[cfg(feature = "io")]
use std::time::Duration;

use uuid::Uuid;

use crate::admission::counts::PeerDecision;
use crate::admission::registration::CallEntry;
use crate::call::control::CallControl;
use crate::call::deadline_timer::DeadlineTimer;
use crate::call::driver::CallDriver;
use crate::call::outbound::Outbound;
use crate::call::phase::{Phase, ProxyState};
use crate::exception::catch_panic;
use crate::{Acceptor, CallHandle, CallRequest, Calls, Exception, HandlerEvent, Peer, Refusal};
use audiosocket_proto::{Decoder, End, Session, SessionConfig, Timestamp};

impl<A: Acceptor> CallDriver<A> {
    /// Creates the driver of a connection from `peer` that came at `now`.
    ///
    /// The connection counts among `calls` until the driver is dropped, so close the socket first. If the
    /// [`Admission`](crate::Admission) of `calls` refuses the peer, or a limit is reached, the connection is
    /// [refused](Self::refusal) from the start, and a hangup waits to be sent.
    ///
    /// If `peer` is a [proxy](crate::Admission::proxy_protocol), the `Admission` decides about its client, when the header of
    /// the proxy has arrived.
    pub fn new(
        acceptor: Arc<A>,
        peer: Peer,
        config: SessionConfig,
        calls: &Calls,
        now: Timestamp,
    ) -> Self {
        Self::with_accept_time(now, acceptor, peer, config, calls, now)
    }

    /// Makes the driver of a connection that came at `accepted_at`, which is before `now` for a call of another process.
    pub(crate) fn with_accept_time(
        accepted_at: Timestamp,
        acceptor: Arc<A>,
        peer: Peer,
        config: SessionConfig,
        calls: &Calls,
        now: Timestamp,
    ) -> Self {
        let handle = CallHandle::new(CallControl::new(&config, peer, accepted_at, now));
        let is_proxy = calls.is_proxy(handle.peer());
        let admitted = match is_proxy {
            true => Ok(Ok(())),
            false => catch_panic(|| calls.admit_peer(handle.peer())),
        };
        let decision = match admitted {
            Ok(Ok(())) if is_proxy => PeerDecision::Awaited,
            Ok(Ok(())) => PeerDecision::Admitted,
            _ => PeerDecision::Refused,
        };
        let (registration, entry) = calls.register(&handle, decision);
        let mut call = Self {
            decoder: Decoder::new(),
            acceptor,
            outbound: Outbound::new(Session::new(config, now), handle),
            now,
            phase: Phase::Waiting {
                local_addr: None,
                proxy: ProxyState::of_new_connection(is_proxy),
            },
            #[cfg(feature = "io")]
            observers: None,
            registration,
        };
        call.enter(admitted, entry);
        if let Phase::Over { turned_away, .. } = &mut call.phase {
            *turned_away = !entry.may_linger;
        }
        call
    }

    /// Carries out the decision of the admission about the peer.
    pub(super) fn enter(
        &mut self,
        admitted: Result<Result<(), Refusal>, Exception>,
        entry: CallEntry,
    ) {
        if !entry.may_linger {
            self.outbound.session.do_not_linger();
        }
        match (admitted, entry.limit_reached) {
            (Ok(Err(refusal)), _) => self.refuse(refusal),
            (Err(panic), _) => self.panicked(&panic),
            (Ok(Ok(())), Some(limit)) => self.refuse(Refusal::from(limit)),
            (Ok(Ok(())), None) => {}
        }
    }

    /// Returns whether the connection was refused and too many refused connections linger. Then write the hangup
    /// and close the connection at once, without a task or a thread for it.
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

    /// Sets the local address of the connection. The acceptor gets it in the [`CallRequest`](crate::CallRequest).
    #[must_use]
    pub fn at(mut self, local_addr: SocketAddr) -> Self {
        if let Phase::Waiting {
            local_addr: known, ..
        } = &mut self.phase
        {
            *known = Some(local_addr);
        }
        self
    }

    /// Returns why the call or its peer was refused. Returns `None` if neither was.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.phase {
            Phase::Over { refusal, .. } => refusal.as_ref(),
            _ => None,
        }
    }

    /// Returns whether to measure the time of the next [`receive`](Self::receive). A clock read costs as much as the core's
    /// work for a frame, so one of 64 frames is measured.
    #[cfg(feature = "io")]
    #[inline]
    pub(crate) fn samples_handler_time(&self) -> bool {
        self.outbound.session.stats().frames_received % 64 == 63
    }

    #[cfg(feature = "io")]
    pub(crate) fn record_handler_time(&self, time: Duration) {
        self.registration.calls().record_handler_time(time);
    }

    pub(super) fn start(&mut self, uuid: Uuid) {
        let local_addr = match self.phase {
            Phase::Waiting { local_addr, .. } => local_addr,
            _ => None,
        };
        match self.accept(uuid, local_addr, A::accept) {
            Ok(Ok(())) => {
                self.outbound.start(self.now);
                self.notify(HandlerEvent::Start);
                self.announce_shutdown();
            }
            Ok(Err(refusal)) => self.refuse(refusal),
            Err(panic) => self.panicked(&panic),
        }
    }

    /// Accepts the call with the handler that `make` returns, or returns the refusal. The error is a panic.
    pub(crate) fn accept(
        &mut self,
        uuid: Uuid,
        local_addr: Option<SocketAddr>,
        make: impl FnOnce(&A, &CallRequest<'_>) -> Result<A::Handler, Refusal>,
    ) -> Result<Result<(), Refusal>, Exception> {
        let is_proxy = matches!(&self.phase, Phase::Waiting { proxy: Some(_), .. });
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
            if is_proxy {
                // Its address was not checked when it connected, since it could be a proxy for a client.
                request.calls.admit_peer(request.peer)?;
            }
            let expected = self.registration.expect(request.handle, uuid)?;
            let uuid_in_use = expected.map(|expected| {
                request.handle.control().set_metadata(expected.metadata);
                expected.uuid_in_use
            });
            Ok((make(&self.acceptor, &request)?, uuid_in_use))
        });
        let taken = matches!(accepted, Ok(Ok(_)));
        if !self.registration.identified(taken) {
            self.outbound.session.do_not_linger();
        }
        let (handler, uuid_in_use) = match accepted? {
            Ok(accepted) => accepted,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.phase = Phase::Talking {
            handler,
            timer: None,
            _uuid_in_use: uuid_in_use,
        };
        Ok(Ok(()))
    }

    /// Starts a timer, which replaces an earlier one. It fires at once if the call is over.
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
        let uuid = self.outbound.handle.uuid();
        self.registration
            .record_refusal(self.peer(), uuid, &refusal);
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

    pub(crate) fn panicked(&mut self, panic: &Exception) {
        self.outbound.session.hangup(self.now);
        self.finish(End::HandlerPanicked, Some(panic));
    }

    /// Ends the call, if it is not over.
    pub(super) fn hang_up(&mut self, end: End) {
        if self.outbound.session.hangup(self.now).is_some() {
            self.finish(end, None);
        }
    }

    /// Closes the connection without a hangup, at the last deadline of a shutdown.
    pub(super) fn abandon(&mut self) {
        // `End::Abandoned` replaces the end in this event.
        let _ = self.outbound.session.handle_connection_lost(self.now);
        self.finish(End::Abandoned, None);
    }

    /// Calls the last callbacks, once, and drops the handler.
    ///
    /// If the handler panics here, only the panic hook reports it: no callback follows.
    pub(super) fn finish(&mut self, end: End, error: Option<&Exception>) {
        self.outbound.close_playout();
        let observers = self.outbound.observers.take();
        let _ = catch_panic(|| drop(observers));
        if let Phase::Talking { timer, .. } = &mut self.phase
            && let Some(timer) = timer.take()
        {
            timer.fire();
        }
        // The place is free before the last callbacks: after them, the same caller can call again at once.
        if !matches!(self.phase, Phase::Over { .. }) {
            let duration = self.now.saturating_since(self.outbound.accepted_at());
            let stats = self.outbound.stats();
            if !self.registration.release(end, duration, &stats) {
                self.outbound.session.do_not_linger();
            }
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
