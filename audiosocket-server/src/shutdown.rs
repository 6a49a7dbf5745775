use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use crate::wake_cell::WakeCell;
use crate::{CallCounters, Calls, Idle, Limits};
use audiosocket_proto::Timestamp;

/// How long calls may take, over their own [`linger`](audiosocket_proto::SessionConfig::linger), to end once
/// they are hung up. Only a handler that blocks takes that long.
const MARGIN: Duration = Duration::from_secs(1);

/// The life of a server, without its sockets: until when it accepts, when it hangs up what is left,
/// and when all is over. [`CallDriver`](crate::CallDriver) is the same for each of its calls.
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
/// Whoever drives it does what [`poll`](Self::poll) says, polls again when that wakes them and at
/// [`poll_timeout`](Self::poll_timeout), and makes the [`CallDriver`](crate::CallDriver) of each
/// connection, among the [calls](ServerHandle::calls) of the handle, before they poll again. Dropping it closes all connections that are still open.
#[derive(Debug)]
pub struct ServerDriver {
    handle: ServerHandle,
    linger: Duration,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Accepting,
    Closing {
        step: Step,
        until: Timestamp,
        idle: Idle,
    },
    Over,
}

/// What has been done so far to end the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Draining,
    HangingUp,
    Abandoning,
}

/// What a server has to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerAction {
    /// Accept connections.
    Accept,
    /// Accept what already waits in the kernel, since its callers take it for a call, then close
    /// the listening sockets. Told exactly once.
    StopAccepting,
    /// Let the calls run.
    Wait,
    /// Nothing more: all connections are closed, and their handlers told, but for handlers that
    /// block.
    Over,
}

impl ServerDriver {
    /// A server whose calls [linger](audiosocket_proto::SessionConfig::linger) for so long, and that has no more
    /// of them than `limits` allow.
    #[must_use]
    pub fn new(linger: Duration, limits: Limits) -> Self {
        Self {
            handle: ServerHandle {
                orders: Arc::default(),
                calls: Calls::new(limits),
            },
            linger,
            phase: Phase::Accepting,
        }
    }

    /// What to do now. Wakes `cx` when that may have changed, other than by the clock.
    pub fn poll(&mut self, now: Timestamp, cx: &mut Context<'_>) -> ServerAction {
        if let Some(grace) = self.handle.orders.poll(cx.waker(), Option::take) {
            let asked = now + grace;
            match &mut self.phase {
                Phase::Accepting => {
                    self.phase = Phase::Closing {
                        step: Step::Draining,
                        until: asked,
                        idle: self.handle.calls.idle(),
                    };
                    return ServerAction::StopAccepting;
                }
                Phase::Closing {
                    step: Step::Draining,
                    until,
                    ..
                } => *until = asked.min(*until),
                _ => {}
            }
        }
        while let Phase::Closing { until, idle, .. } = &mut self.phase {
            if Pin::new(idle).poll(cx).is_ready() {
                self.phase = Phase::Over;
            } else if now < *until {
                return ServerAction::Wait;
            } else {
                self.lose_patience(now);
            }
        }
        match self.phase {
            Phase::Accepting => ServerAction::Accept,
            _ => ServerAction::Over,
        }
    }

    /// When to poll next, whatever happens until then; `None` for never.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Closing { until, .. } => Some(until),
            Phase::Accepting | Phase::Over => None,
        }
    }

    /// Shuts this server down from elsewhere, and sees its calls.
    #[must_use]
    pub fn handle(&self) -> &ServerHandle {
        &self.handle
    }

    fn lose_patience(&mut self, now: Timestamp) {
        let Phase::Closing { step, until, .. } = &mut self.phase else {
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
            Step::Abandoning => self.phase = Phase::Over,
        }
    }
}

impl Drop for ServerDriver {
    fn drop(&mut self) {
        self.handle.calls.abandon();
        self.handle.orders.close();
    }
}

/// Shuts a server down, and sees its calls. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    /// How long the calls may still take.
    orders: Arc<WakeCell<Option<Duration>>>,
    calls: Calls,
}

impl ServerHandle {
    /// Stops accepting, gives the calls that are going on `grace` to end by themselves, then hangs
    /// up the rest and lets `serve_forever` return. Returns at once.
    ///
    /// Called again, it can shorten the time that is left and not extend it.
    pub fn shutdown(&self, grace: Duration) {
        self.orders
            .change(|waiting| *waiting = Some(waiting.map_or(grace, |waiting| waiting.min(grace))));
    }

    /// Takes no new calls, or takes them again; see [`Calls::refuse_calls`].
    pub fn refuse_calls(&self, refuse: bool) {
        self.calls.refuse_calls(refuse);
    }

    /// What became of the connections so far.
    #[must_use]
    pub fn counters(&self) -> CallCounters {
        self.calls.counters()
    }

    /// The connections that are open now.
    #[must_use]
    pub fn calls(&self) -> &Calls {
        &self.calls
    }
}
