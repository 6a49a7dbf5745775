use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::wake_cell::WakeCell;
use audiosocket_proto::Timestamp;

/// A timer on the clock of a connection. It is for tasks that have no clock.
///
/// The connection starts it when it takes its commands. It fires at its deadline, or when the call is over.
#[derive(Debug)]
pub(crate) struct DeadlineTimer {
    after: Duration,
    deadline: OnceLock<Timestamp>,
    fired: WakeCell<bool>,
}

/// Waits for a [`DeadlineTimer`].
#[derive(Debug)]
#[must_use = "it waits only while it is polled"]
pub(crate) struct TimerFuture(Arc<DeadlineTimer>);

impl DeadlineTimer {
    pub(crate) fn new(after: Duration) -> (Arc<Self>, TimerFuture) {
        let timer = Arc::new(Self {
            after,
            deadline: OnceLock::new(),
            fired: WakeCell::default(),
        });
        (Arc::clone(&timer), TimerFuture(timer))
    }

    pub(crate) fn start(&self, now: Timestamp) {
        self.deadline.get_or_init(|| now + self.after);
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.deadline.get().copied()
    }

    pub(crate) fn fire(&self) {
        self.fired.change(|fired| *fired = true);
    }
}

impl Future for TimerFuture {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let fired = self.0.fired.poll(cx.waker(), |fired| *fired);
        if fired {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// Drops the waker: the connection may keep the timer, and the waker would keep a task in memory.
impl Drop for TimerFuture {
    fn drop(&mut self) {
        self.0.fired.close();
    }
}
