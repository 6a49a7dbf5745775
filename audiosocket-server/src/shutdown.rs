use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;
use std::time::Duration;

use crate::wake_cell::WakeCell;
use crate::{
    Admission, CallCounters, CallHandle, Calls, Idle, Readiness, RecentRefusal, ServerStats,
};
use audiosocket_proto::Timestamp;

/// The time that calls may take to end after a hangup and their [`linger`](audiosocket_proto::SessionConfig::linger).
/// Only a handler that blocks takes longer.
const MARGIN: Duration = Duration::from_secs(1);

/// The state machine of a server, without its sockets. It decides when the server takes connections, when it hangs up
/// the calls that are left, and when it is over. [`CallDriver`](crate::CallDriver) is the state machine of one call.
///
/// ```text
///             shutdown                    grace is over            linger + 1 s
/// accepting ------------> draining calls --------------> hanging up -----------> abandoning
///                               |                            |                       | 1 s, if a
///                               '------- no call is left ----+-----------------------+ handler blocks
///                                                            v                       v
///                                                          over <--------------------'
/// ```
///
/// When the shutdown begins, the handler of every call gets [`on_shutdown`](crate::Handler::on_shutdown). While the
/// calls drain, the server also waits for the application's work on a call: until its
/// [`IncomingCall`](crate::IncomingCall) is dropped. It waits for that work until the grace is over, and not longer.
///
/// An adapter performs the action that [`poll`](Self::poll) returns. It polls again when its waker is woken, and at
/// [`poll_timeout`](Self::poll_timeout). It makes the [`CallDriver`](crate::CallDriver) of each connection, among the
/// [calls](ServerHandle::calls) of the handle, before it polls again. Dropping a `ServerDriver` closes all
/// connections that are still open.
#[derive(Debug)]
pub struct ServerDriver {
    handle: ServerHandle,
    linger: Duration,
    phase: ShutdownPhase,
}

#[derive(Debug)]
enum ShutdownPhase {
    Accepting,
    Closing {
        step: Step,
        until: Timestamp,
        idle: Idle,
    },
    Over,
}

/// The step of a shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Draining,
    HangingUp,
    Abandoning,
}

/// An action that a server must perform now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerAction {
    /// Take connections with `accept(2)`. After [`Refuse`](Self::Refuse), open the listening sockets first.
    Accept,
    /// The server is full. Take the connections that wait in the kernel, then close the listening sockets until the
    /// next [`Accept`](Self::Accept), so that the system refuses connections. If that is not possible, go on to take connections:
    /// connections beyond the limit get a hangup.
    Refuse,
    /// Take the connections that wait in the kernel: their peers have started calls. Then close the listening
    /// sockets. If [accepting is paused](ServerHandle::is_accepting_paused), close them only: another process takes the
    /// connections. This action comes exactly once.
    StopAccepting,
    /// Let the calls run, and take no connections.
    Wait,
    /// Return to the application. All connections are closed and all handlers have had their last callback, except for
    /// handlers that block.
    Over,
}

impl ServerDriver {
    /// Makes a server whose connections [linger](audiosocket_proto::SessionConfig::linger) for this time. `admission`
    /// decides which connections it admits. It can be [`Limits`](crate::Limits) or an [`Admission`].
    #[must_use]
    pub fn new(linger: Duration, admission: impl Into<Admission>) -> Self {
        Self {
            handle: ServerHandle {
                requests: Arc::default(),
                calls: Calls::new(admission),
            },
            linger,
            phase: ShutdownPhase::Accepting,
        }
    }

    /// Returns what to do now. Wakes `cx` when the action may have changed. The clock alone wakes nothing: see
    /// [`poll_timeout`](Self::poll_timeout).
    pub fn poll(&mut self, now: Timestamp, cx: &mut Context<'_>) -> ServerAction {
        let (grace, probe, is_paused) = self.handle.requests.poll(cx.waker(), |requests| {
            let paused = requests.is_accepting_paused;
            (requests.grace.take(), requests.probe.take(), paused)
        });
        if let Some(probe) = probe {
            probe.answer();
        }
        if let Some(grace) = grace {
            let requested = now + grace;
            match &mut self.phase {
                ShutdownPhase::Accepting => {
                    self.phase = ShutdownPhase::Closing {
                        step: Step::Draining,
                        until: requested,
                        idle: self.handle.calls.idle(),
                    };
                    self.handle.calls.begin_shutdown();
                    return ServerAction::StopAccepting;
                }
                ShutdownPhase::Closing {
                    step: Step::Draining,
                    until,
                    ..
                } => *until = requested.min(*until),
                _ => {}
            }
        }
        while let ShutdownPhase::Closing { until, idle, .. } = &mut self.phase {
            if Pin::new(idle).poll(cx).is_ready() {
                self.phase = ShutdownPhase::Over;
            } else if now < *until {
                return ServerAction::Wait;
            } else {
                self.next_step(now);
            }
        }
        match self.phase {
            ShutdownPhase::Accepting if is_paused => ServerAction::Wait,
            ShutdownPhase::Accepting => match self.handle.calls.poll_room(cx) {
                0 => ServerAction::Refuse,
                _ => ServerAction::Accept,
            },
            _ => ServerAction::Over,
        }
    }

    /// Returns when to poll next if no wake-up comes before. Returns `None` if there is no deadline.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        match self.phase {
            ShutdownPhase::Closing { until, .. } => Some(until),
            ShutdownPhase::Accepting | ShutdownPhase::Over => None,
        }
    }

    /// Returns a handle that shuts this server down, and lists its calls.
    #[must_use]
    pub fn handle(&self) -> &ServerHandle {
        &self.handle
    }

    fn next_step(&mut self, now: Timestamp) {
        let ShutdownPhase::Closing { step, until, .. } = &mut self.phase else {
            return;
        };
        match step {
            Step::Draining => {
                self.handle.calls.shut_down();
                *step = Step::HangingUp;
                *until = now + self.linger.saturating_add(MARGIN);
            }
            Step::HangingUp => {
                self.handle.calls.abandon();
                *step = Step::Abandoning;
                *until = now + MARGIN;
            }
            Step::Abandoning => self.phase = ShutdownPhase::Over,
        }
    }
}

impl Drop for ServerDriver {
    fn drop(&mut self) {
        self.handle.calls.abandon();
        self.handle.requests.close();
        self.handle.calls.forget_accept_loop();
    }
}

/// A handle of a server: shuts it down, and counts its calls. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    requests: Arc<WakeCell<ServerRequests>>,
    calls: Calls,
}

/// The requests of handles to a server.
#[derive(Debug, Default)]
struct ServerRequests {
    /// The shortest grace that was requested since the last poll.
    grace: Option<Duration>,
    probe: Option<Probe>,
    /// Stays until a handle changes it.
    is_accepting_paused: bool,
}

impl ServerHandle {
    /// Begins the shutdown, and returns at once.
    ///
    /// The server takes no more connections. Open calls have the time `grace` to end. Then the server hangs up the rest, and
    /// `serve_forever` returns.
    ///
    /// A call is open until its connection is closed, and until its [`IncomingCall`](crate::IncomingCall), if it has
    /// one, is dropped. So a task can finish its work on a call after the call's last event, within the grace.
    ///
    /// A second `shutdown` can shorten the time that is left. It cannot extend it.
    pub fn shutdown(&self, grace: Duration) {
        self.calls.announce_drain();
        self.requests.change(|requests| {
            let requested = requests.grace.map_or(grace, |other| other.min(grace));
            requests.grace = Some(requested);
        });
    }

    /// Announces that the server shuts down soon. Nothing else changes: calls are accepted. From now on
    /// [`readiness`](Self::readiness) is not `Ready`, so that a load balancer that asks for it sends no more calls.
    /// [`shutdown`](Self::shutdown) follows when the load balancer has had the time to ask.
    pub fn announce_drain(&self) {
        self.calls.announce_drain();
    }

    /// Returns whether a load balancer may send calls to this server.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.calls.readiness()
    }

    /// Wakes the accept loop of the server, which answers the probe as soon as it runs.
    ///
    /// A watchdog can use this: a probe without an answer means that the accept loop does not run, because handlers
    /// block all threads of the runtime, or because the server is over. An accept loop that runs does not mean that
    /// each thread runs: a handler can block one of several threads.
    #[must_use]
    pub fn probe(&self) -> Probe {
        // Probes that wait share one answer. So any number of them takes no memory.
        self.requests
            .change(|requests| requests.probe.get_or_insert_default().clone())
    }

    /// Takes no connections until it is called with `false`. They wait in the kernel meanwhile. For a server that shares its
    /// listening sockets with the process that replaces it.
    ///
    /// A [shutdown](Self::shutdown) during a pause leaves the waiting connections to the other process.
    pub fn pause_accepting(&self, pause: bool) {
        self.requests
            .change(|requests| requests.is_accepting_paused = pause);
    }

    /// Returns whether accepting is [paused](Self::pause_accepting).
    #[must_use]
    pub fn is_accepting_paused(&self) -> bool {
        self.requests.with(|requests| requests.is_accepting_paused)
    }

    /// Refuses new calls, or accepts them again: see [`Calls::refuse_calls`].
    pub fn refuse_calls(&self, refuse: bool) {
        self.calls.refuse_calls(refuse);
    }

    /// Returns how many connections were admitted and refused so far.
    #[must_use]
    pub fn counters(&self) -> CallCounters {
        self.calls.counters()
    }

    /// Returns the counters of the server and of all its calls, open ones included. It reads the counters of each open call
    /// once, so do not call it for each frame.
    #[must_use]
    pub fn stats(&self) -> ServerStats {
        self.calls.stats()
    }

    /// Returns handles of all open calls, the oldest first. Connections without a UUID and calls that are over are not
    /// among them.
    #[must_use]
    pub fn open_calls(&self) -> Vec<CallHandle> {
        self.calls.open_calls()
    }

    /// Returns the last refusals, the latest first, and at most 16. Connections that the kernel refuses while the server is
    /// [full](crate::WhenFull::Refuse) are not among them.
    #[must_use]
    pub fn recent_refusals(&self) -> Vec<RecentRefusal> {
        self.calls.recent_refusals()
    }

    /// Returns the open connections.
    #[must_use]
    pub fn calls(&self) -> &Calls {
        &self.calls
    }
}

/// A request to the accept loop of a server to show that it runs. [`ServerHandle::probe`] makes one.
#[derive(Clone, Debug, Default)]
pub struct Probe(Arc<AtomicBool>);

impl Probe {
    /// Returns whether the accept loop has run since the request.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn answer(&self) {
        self.0.store(true, Ordering::Release);
    }
}
