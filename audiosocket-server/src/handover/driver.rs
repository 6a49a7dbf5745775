//! The state of a connection that another process continues.

use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;

use audiosocket_proto::{Playout, PlayoutSnapshot, Session, SessionConfig, Timestamp};
use bytes::Bytes;

use crate::call::control::Mark;
use crate::call::driver::CallDriver;
use crate::call::phase::Phase;
use crate::exception::catch_panic;
use crate::handover::CallSnapshot;
use crate::{Acceptor, Calls, Handler, HandlerEvent, Refusal};

impl<A: Acceptor> CallDriver<A> {
    /// Stops the call at `now`, and returns its state. Returns `None` if the call has to stay in this process: see
    /// [`hand_over`](crate::handover::hand_over). After `Some`, continue with [`discard`](Self::discard) or
    /// [`resume`](Self::resume), and with nothing else.
    pub fn hand_over(&mut self, now: Timestamp) -> Option<CallSnapshot> {
        self.now = now;
        if !matches!(self.phase, Phase::Talking { timer: None, .. }) {
            return None;
        }
        let peer = self.peer().socket_addr()?;
        let uuid = self.handle().uuid()?.as_u128();
        // Before the handler, which has to continue if one of them is missing.
        let session = self.outbound.session.snapshot()?;
        let playout = self.playout_snapshot()?;
        let handler = match self.with_handler(|handler, call| handler.hand_over(call))? {
            Ok(state) => Bytes::from(state?),
            Err(panic) => {
                self.panicked(&panic);
                return None;
            }
        };
        let outbound = &self.outbound;
        Some(CallSnapshot {
            uuid,
            peer,
            accepted_at: outbound.accepted_at(),
            now,
            times: outbound.handle.control().times.snapshot(),
            lagged: outbound.handle.control().lagged(),
            session,
            playout,
            partial: Bytes::copy_from_slice(self.decoder.partial()),
            playout_due: outbound.playout_due,
            due_for_silence: outbound.due_for_silence,
            // Also if the connection does not have the request of a handle yet.
            playout_changed: outbound.playout_changed
                || outbound.handle.control().playout_changed(),
            awaits_drain: outbound.awaits_drain,
            is_behind: outbound.is_behind,
            silence_from: outbound.silence_from,
            rate_sent: outbound.rate_sent,
            sent: outbound.sent,
            received: outbound.received,
            handler,
        })
    }

    fn playout_snapshot(&self) -> Option<PlayoutSnapshot> {
        let inner = self.handle().control().lock();
        let rare = inner.rare.as_deref();
        if rare.is_some_and(|rare| !rare.waiting_plays.is_empty()) {
            return None;
        }
        inner.playout.snapshot(|mark| match mark {
            Mark::Handler(mark) => Some(*mark),
            Mark::Future(_) => None,
        })
    }

    /// Makes the driver of a call that another process hands over. Its first step is [`resume`](Self::resume), or
    /// [`discard`](Self::discard) if the handover fails.
    ///
    /// The clock of the call goes on: the times that you pass to it are later than those before the handover.
    ///
    /// # Errors
    ///
    /// The refusal of the admission or of the acceptor.
    pub fn take_over(
        acceptor: Arc<A>,
        snapshot: CallSnapshot,
        local_addr: Option<SocketAddr>,
        config: SessionConfig,
        calls: &Calls,
    ) -> Result<Self, Refusal> {
        let (accepted_at, now) = (snapshot.accepted_at, snapshot.now);
        let peer = snapshot.peer.into();
        let mut call = Self::with_accept_time(accepted_at, acceptor, peer, config, calls, now);
        if let Phase::Over { refusal, .. } = &mut call.phase {
            let refusal = refusal.take();
            return Err(refusal.unwrap_or_else(|| Refusal::new("the check of the peer panicked")));
        }
        let uuid = snapshot.uuid();
        let CallSnapshot {
            session,
            playout,
            partial,
            handler,
            ..
        } = snapshot;
        let outbound = &mut call.outbound;
        let control = outbound.handle.control();
        control.times.restore(&snapshot.times);
        control.set_lagged(snapshot.lagged);
        outbound.session = Session::restore(config, &session);
        outbound.playout_due = snapshot.playout_due;
        outbound.due_for_silence = snapshot.due_for_silence;
        outbound.playout_changed = snapshot.playout_changed;
        outbound.awaits_drain = snapshot.awaits_drain;
        outbound.is_behind = snapshot.is_behind;
        outbound.silence_from = snapshot.silence_from;
        outbound.rate_sent = snapshot.rate_sent;
        outbound.sent = snapshot.sent;
        if let Some(rate) = snapshot.received {
            outbound.set_received(rate);
        }
        let playout = Playout::restore(&config, playout, Mark::Handler);
        let unused = mem::replace(&mut outbound.handle.control().lock().playout, playout);
        drop(unused);
        // An honest process sends an incomplete frame.
        let mut partial = &partial[..];
        while call.decoder.decode(&mut partial).is_some() {}
        let accepted = call.accept(uuid, local_addr, |acceptor, request| {
            acceptor.take_over(request, &handler)
        });
        match accepted {
            Ok(Ok(())) => Ok(call),
            Ok(Err(refusal)) => Err(refusal),
            Err(panic) => Err(Refusal::new(panic.to_string())),
        }
    }

    /// Continues a call that another process [handed over](Self::take_over), or one that this process could not hand over.
    pub fn resume(&mut self, now: Timestamp) {
        self.now = now;
        self.notify(HandlerEvent::Resume);
    }

    /// Drops the handler of a call that another process has. The handler gets no callback.
    pub fn discard(&mut self) {
        let observers = self.outbound.observers.take();
        let phase = mem::replace(&mut self.phase, Phase::OVER);
        let _ = catch_panic(|| drop((observers, phase)));
    }
}
