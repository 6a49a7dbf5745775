//! The place of one connection among those of the server.

use std::time::Duration;

use audiosocket_proto::End;
use uuid::Uuid;

use crate::admission::counts::{ConnectionClass, PeerDecision};
use crate::admission::expected::ExpectedCall;
use crate::admission::open_calls::{Calls, OpenConnection, wake_all};
use crate::admission::room_watch::wake;
use crate::{CallHandle, CallStats, LimitReached, Peer, ProxyHeaderError, Refusal};

/// The number of refused connections that may stay open for their [`linger`](audiosocket_proto::SessionConfig::linger).
/// Further ones are closed at once, and the hangup may be lost. This is also the smallest limit for connections whose
/// call is over.
pub(super) const MAX_LINGERING: usize = 256;

/// [`MAX_LINGERING`] while memory is short, or while the application [refuses calls](Calls::refuse_calls), perhaps for the
/// same reason. Each connection takes some memory.
const MAX_LINGERING_WHILE_REFUSING: usize = 8;

/// Counts a connection as open until it is dropped: see [`Calls::register`].
#[derive(Debug)]
#[must_use = "dropping it removes the connection from the counts"]
pub(crate) struct Registration {
    pub(super) calls: Calls,
    pub(super) id: u64,
}

/// The decision of the limits about a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallEntry {
    pub(crate) limit_reached: Option<LimitReached>,
    /// Whether the connection may wait until its peer has read the hangup.
    pub(crate) may_linger: bool,
}

impl Calls {
    /// Counts a connection as open until the returned registration is dropped. A connection whose peer was not
    /// admitted counts against no limit.
    pub(crate) fn register(
        &self,
        call: &CallHandle,
        decision: PeerDecision,
    ) -> (Registration, CallEntry) {
        let mut open = self.lock();
        let id = open.new_id();
        let entered = open.counts.enter(call.peer(), decision);
        let class = entered.unwrap_or(ConnectionClass::Refused);
        let max_lingering = match entered {
            Err(LimitReached::Refusing | LimitReached::Memory) => MAX_LINGERING_WHILE_REFUSING,
            _ => MAX_LINGERING,
        };
        let may_linger = class != ConnectionClass::Refused || {
            open.refused += 1;
            open.refused <= max_lingering
        };
        let connection = OpenConnection {
            call: call.clone(),
            class,
        };
        open.connections.insert(id, connection);
        let (shutting_down, closing) = (open.shutting_down, open.closing);
        let woken = open.room_changed();
        drop(open);
        wake(woken);
        if shutting_down {
            call.notify_shutdown();
        }
        if let Some(request) = closing {
            call.order(request);
        }
        let registration = Registration {
            calls: self.clone(),
            id,
        };
        let entry = CallEntry {
            limit_reached: entered.err(),
            may_linger,
        };
        (registration, entry)
    }

    /// Counts work of the application as open until the returned guard is dropped.
    pub(crate) fn open_work(&self) -> OpenWork {
        self.lock().work += 1;
        OpenWork {
            calls: self.clone(),
        }
    }
}

impl Registration {
    pub(crate) fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Compares the UUID with the [expected calls](Admission::expected_calls), if there are any.
    pub(crate) fn expect(
        &self,
        call: &CallHandle,
        uuid: Uuid,
    ) -> Result<Option<ExpectedCall>, Refusal> {
        self.calls.shared.admission.expect(call, uuid)
    }

    /// Counts the connection as a call, or as refused. A refused call counts against no limit. Returns whether the
    /// connection may linger.
    pub(crate) fn identified(&self, accepted: bool) -> bool {
        let mut guard = self.calls.lock();
        let open = &mut *guard;
        if let Some(OpenConnection { call, class }) = open.connections.get_mut(&self.id) {
            open.counts.identify(call.peer(), class, accepted);
        }
        let may_linger = accepted || {
            open.refused += 1;
            open.refused <= MAX_LINGERING
        };
        let woken = open.room_changed();
        drop(guard);
        wake(woken);
        may_linger
    }

    /// Adds a refusal to the log of the last ones.
    pub(crate) fn record_refusal(&self, peer: &Peer, uuid: Option<Uuid>, reason: &Refusal) {
        self.calls.lock().refusals.add(peer, uuid, reason);
    }

    /// Counts the connection as refused because of the header of its proxy.
    pub(crate) fn refuse_header(&self, peer: &Peer, error: ProxyHeaderError) {
        self.calls.lock().counts.counters.bad_proxy_headers += 1;
        self.record_refusal(peer, None, &Refusal::new(error.to_string()));
    }

    /// Removes the connection from the counts, since its call is over. It stays open until this registration is dropped.
    /// Returns whether the connection may linger.
    pub(crate) fn release(&self, end: End, duration: Duration, stats: &CallStats) -> bool {
        let mut guard = self.calls.lock();
        let open = &mut *guard;
        let Some(OpenConnection { call, class }) = open.connections.get_mut(&self.id) else {
            return true;
        };
        if matches!(class, ConnectionClass::Ended | ConnectionClass::Refused) {
            return true;
        }
        open.counts.release(call.peer(), *class);
        if *class == ConnectionClass::Call {
            open.ended_calls.add(end, duration, stats);
        }
        *class = ConnectionClass::Ended;
        open.ended += 1;
        let may_linger = open.ended <= open.counts.limits().max_calls.max(MAX_LINGERING);
        let woken = open.room_changed();
        drop(guard);
        wake(woken);
        may_linger
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.calls.remove(self.id);
    }
}

/// Keeps a server from being [idle](Calls::idle) while the application still works on a call.
#[derive(Debug)]
pub(crate) struct OpenWork {
    calls: Calls,
}

impl Drop for OpenWork {
    fn drop(&mut self) {
        let mut open = self.calls.lock();
        open.work -= 1;
        let waiting = open.take_waiting_if_idle();
        drop(open);
        wake_all(waiting);
    }
}
