use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::shared::Shared;
use super::wait;
use crate::MarkOutcome;

/// Waits until what was queued has been played; see [`CallHandle::played`](super::CallHandle::played).
///
/// Its output says whether it was played or cleared, or the call was over first. Dropping it changes
/// nothing.
#[derive(Debug)]
#[must_use = "it waits only while it is polled"]
pub struct Played {
    outcome: Arc<Shared<Option<MarkOutcome>>>,
}

/// Resolves a [`Played`], also by being dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    outcome: Arc<Shared<Option<MarkOutcome>>>,
}

impl Played {
    pub(super) fn new() -> (Self, Ticket) {
        let outcome = Arc::default();
        let ticket = Ticket {
            outcome: Arc::clone(&outcome),
        };
        (Self { outcome }, ticket)
    }

    /// Blocks the thread until then. Not for the thread that drives the call, such as within a
    /// callback: nothing is played while it blocks.
    pub fn wait(self) -> MarkOutcome {
        wait::block_on(self)
    }
}

impl Future for Played {
    type Output = MarkOutcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<MarkOutcome> {
        let outcome = self.outcome.poll(cx.waker(), |outcome| *outcome);
        outcome.map_or(Poll::Pending, Poll::Ready)
    }
}

/// Its mark may stand in the queue for long, and would keep the task that waited.
impl Drop for Played {
    fn drop(&mut self) {
        self.outcome.close();
    }
}

impl Ticket {
    pub(super) fn resolve(self, outcome: MarkOutcome) {
        self.outcome.with(|known| *known = Some(outcome));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.outcome.change(|known| {
            known.get_or_insert(MarkOutcome::CallOver);
        });
    }
}
