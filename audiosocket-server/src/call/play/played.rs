use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::block_on;
use crate::wake_cell::WakeCell;
use audiosocket_proto::MarkOutcome;

/// A future that waits until queued audio was played; see
/// [`CallHandle::played`](crate::CallHandle::played).
///
/// The output is `Played` or `Cleared`, or `CallOver` if the call ended first. Dropping the future does not change the
/// playout.
#[derive(Debug)]
#[must_use = "it waits only while it is polled"]
pub struct Played {
    outcome: Arc<WakeCell<Option<MarkOutcome>>>,
}

/// Resolves a [`Played`]. Dropping it resolves it too.
#[derive(Debug)]
pub(crate) struct PlayedSender {
    outcome: Arc<WakeCell<Option<MarkOutcome>>>,
}

impl Played {
    pub(crate) fn new() -> (Self, PlayedSender) {
        let outcome = Arc::default();
        let sender = PlayedSender {
            outcome: Arc::clone(&outcome),
        };
        (Self { outcome }, sender)
    }

    /// Blocks the thread until the output is ready. Do not call it in a callback: nothing is played meanwhile.
    pub fn wait(self) -> MarkOutcome {
        block_on::block_on(self)
    }
}

impl Future for Played {
    type Output = MarkOutcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<MarkOutcome> {
        let outcome = self.outcome.poll(cx.waker(), |outcome| *outcome);
        outcome.map_or(Poll::Pending, Poll::Ready)
    }
}

/// Drops the waker: the mark may stay in the queue, and the waker would keep a task in memory.
impl Drop for Played {
    fn drop(&mut self) {
        self.outcome.close();
    }
}

impl PlayedSender {
    pub(crate) fn resolve(self, outcome: MarkOutcome) {
        self.outcome.with(|known| *known = Some(outcome));
    }
}

impl Drop for PlayedSender {
    fn drop(&mut self) {
        self.outcome.change(|known| {
            known.get_or_insert(MarkOutcome::CallOver);
        });
    }
}
