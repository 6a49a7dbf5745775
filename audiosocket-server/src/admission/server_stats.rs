//! What a server reports about itself: its counters, its open calls and its last refusals.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::admission::counts::ConnectionClass;
use crate::{
    CallCounters, CallHandle, CallSide, CallStats, Calls, Diagnosis, Limits, Peer, Refusal,
};
use audiosocket_proto::{DurationHistogram, End, PlayoutStats, SessionStats};

/// The number of refusals that a server remembers.
const REFUSALS: usize = 16;

/// The state of a server, and counters since its start: see [`ServerHandle::stats`](crate::ServerHandle::stats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct ServerStats {
    /// Open connections that have not sent their UUID.
    pub pending: u64,
    /// Open calls.
    pub calls: u64,
    /// Open calls in which the caller is silent now, without audio or with silence only: see
    /// [`AudioFault::is_silence`](crate::AudioFault::is_silence).
    pub silent_from_caller: u64,
    /// Open calls in which the server is silent now. A server that only records is silent by intention.
    pub silent_from_server: u64,
    /// Connections that wait for their peer to close: their call is over, or was refused.
    pub closing: u64,
    /// Counters of admitted and refused connections.
    pub counters: CallCounters,
    /// The number of calls that are over, by their end.
    pub ended: EndCounts,
    /// The time from the connection to the end of each call that is over. The bounds are
    /// [`DURATION_BOUNDS`](Self::DURATION_BOUNDS).
    pub durations: DurationHistogram,
    /// The time that handlers took for the frames of one read. The connection loop of the module `io` measures one of 64
    /// frames. The bounds are [`HANDLER_TIME_BOUNDS`](Self::HANDLER_TIME_BOUNDS).
    pub handler_time: DurationHistogram,
    /// The sum of the counters of all sessions, over or open.
    pub session: SessionStats,
    /// The sum of the counters of all playouts, over or open.
    pub playout: PlayoutStats,
}

impl ServerStats {
    /// The bounds of [`durations`](Self::durations): 10 s, 1 min, 5 min, 15 min and 1 h.
    pub const DURATION_BOUNDS: [Duration; 5] = [
        Duration::from_secs(10),
        Duration::from_secs(60),
        Duration::from_secs(5 * 60),
        Duration::from_secs(15 * 60),
        Duration::from_secs(60 * 60),
    ];

    /// The bounds of [`handler_time`](Self::handler_time): 1, 5, 20, 100 and 500 ms.
    pub const HANDLER_TIME_BOUNDS: [Duration; 5] = [
        Duration::from_millis(1),
        Duration::from_millis(5),
        Duration::from_millis(20),
        Duration::from_millis(100),
        Duration::from_millis(500),
    ];
}

/// How many calls ended in each way. The fields have the names of [`End`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the variants of `End` have the documentation")]
pub struct EndCounts {
    pub closed: u64,
    pub reset: u64,
    pub hangup_received: u64,
    pub hung_up: u64,
    pub max_duration: u64,
    pub shut_down: u64,
    pub failed: u64,
    pub connection_lost: u64,
    pub handler_panicked: u64,
    pub abandoned: u64,
}

impl EndCounts {
    /// Returns each count with the name of its field.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 10] {
        [
            ("closed", self.closed),
            ("reset", self.reset),
            ("hangup_received", self.hangup_received),
            ("hung_up", self.hung_up),
            ("max_duration", self.max_duration),
            ("shut_down", self.shut_down),
            ("failed", self.failed),
            ("connection_lost", self.connection_lost),
            ("handler_panicked", self.handler_panicked),
            ("abandoned", self.abandoned),
        ]
    }

    fn of(&mut self, end: End) -> &mut u64 {
        match end {
            End::Closed => &mut self.closed,
            End::Reset => &mut self.reset,
            End::HangupReceived => &mut self.hangup_received,
            End::HungUp => &mut self.hung_up,
            End::MaxDuration => &mut self.max_duration,
            End::ShutDown => &mut self.shut_down,
            End::ConnectionLost => &mut self.connection_lost,
            End::HandlerPanicked => &mut self.handler_panicked,
            End::Abandoned => &mut self.abandoned,
            // `End::Failed`. `End` is non-exhaustive, but this crate has the version of the core.
            _ => &mut self.failed,
        }
    }
}

/// A connection that was refused: see [`ServerHandle::recent_refusals`](crate::ServerHandle::recent_refusals).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecentRefusal {
    /// The time of the refusal.
    pub at: Instant,
    /// The other end of the connection.
    pub peer: Peer,
    /// The UUID. `None` if the peer was refused before its UUID.
    pub uuid: Option<Uuid>,
    /// The reason.
    pub reason: Refusal,
}

/// The last refusals, the latest at the end.
#[derive(Debug, Default)]
pub(crate) struct RefusalLog(VecDeque<RecentRefusal>);

impl RefusalLog {
    pub(crate) fn add(&mut self, peer: &Peer, uuid: Option<Uuid>, reason: &Refusal) {
        if self.0.len() == REFUSALS {
            self.0.pop_front();
        }
        self.0.push_back(RecentRefusal {
            at: Instant::now(),
            peer: peer.clone(),
            uuid,
            reason: reason.clone(),
        });
    }
}

/// The counters of all calls that are over.
#[derive(Debug, Default)]
pub(crate) struct EndedCalls {
    ends: EndCounts,
    durations: DurationHistogram,
    stats: CallStats,
}

impl EndedCalls {
    pub(crate) fn add(&mut self, end: End, duration: Duration, stats: &CallStats) {
        *self.ends.of(end) += 1;
        self.durations
            .record(&ServerStats::DURATION_BOUNDS, duration);
        self.stats.add(stats);
    }
}

/// A [`DurationHistogram`] that many threads write.
#[derive(Debug, Default)]
pub(crate) struct AtomicHistogram {
    counts: [AtomicU64; 6],
    nanos: AtomicU64,
}

impl AtomicHistogram {
    fn load(&self) -> DurationHistogram {
        let mut histogram = DurationHistogram::default();
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        histogram.counts = self.counts.each_ref().map(load);
        histogram.sum = Duration::from_nanos(load(&self.nanos));
        histogram
    }
}

impl Calls {
    /// Returns the limits on connections.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.shared.admission.limits
    }

    /// Counts the time that a handler took.
    #[cfg(feature = "io")]
    pub(crate) fn record_handler_time(&self, time: Duration) {
        let histogram = &self.shared.handler_time;
        let place = DurationHistogram::place(&ServerStats::HANDLER_TIME_BOUNDS, time);
        if let Some(count) = histogram.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        histogram.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(crate) fn open_calls(&self) -> Vec<CallHandle> {
        let mut calls: Vec<_> = {
            let open = self.lock();
            let connections = open.connections.iter();
            let calls = connections.filter(|(_, open)| open.class == ConnectionClass::Call);
            calls.map(|(id, open)| (*id, open.call.clone())).collect()
        };
        // The ids are in the order in which the connections came.
        calls.sort_unstable_by_key(|(id, _)| *id);
        calls.into_iter().map(|(_, call)| call).collect()
    }

    pub(crate) fn stats(&self) -> ServerStats {
        let mut stats = ServerStats {
            handler_time: self.shared.handler_time.load(),
            ..ServerStats::default()
        };
        let mut calls = CallStats::default();
        let mut handles = Vec::new();
        {
            // A call is either among the ended ones or among the handles, so it counts once.
            let open = self.lock();
            stats.counters = open.counts.counters;
            stats.ended = open.ended_calls.ends;
            stats.durations = open.ended_calls.durations;
            calls.add(&open.ended_calls.stats);
            for connection in open.connections.values() {
                match connection.class {
                    ConnectionClass::Pending | ConnectionClass::PendingClient => {
                        stats.pending += 1;
                    }
                    ConnectionClass::Call => handles.push(connection.call.clone()),
                    ConnectionClass::Ended | ConnectionClass::Refused => stats.closing += 1,
                }
            }
        }
        stats.calls = handles.len() as u64;
        for call in handles {
            let call_stats = call.stats();
            calls.add(&call_stats);
            let (times, age) = (call.times(), call.age());
            let is_silent = |side| {
                let mut faults = Diagnosis::all(&call_stats, &times, age).map(|it| it.fault);
                faults.any(|fault| fault.is_silence() && fault.side() == side)
            };
            stats.silent_from_caller += u64::from(is_silent(CallSide::Caller));
            stats.silent_from_server += u64::from(is_silent(CallSide::Server));
        }
        stats.session = calls.session;
        stats.playout = calls.playout;
        stats
    }

    pub(crate) fn recent_refusals(&self) -> Vec<RecentRefusal> {
        let refusals = self.lock().refusals.0.clone();
        refusals.into_iter().rev().collect()
    }
}
