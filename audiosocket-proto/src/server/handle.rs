use std::sync::Arc;
use std::task::Waker;

use super::mailbox::Mailbox;
use crate::End;

/// Reaches a call from any task or thread. Cheap to clone; does not keep the call alive.
#[derive(Clone, Debug, Default)]
pub struct CallHandle {
    /// How the call shall end.
    orders: Arc<Mailbox<End>>,
}

impl CallHandle {
    /// Ends the call as soon as whoever drives it is awake, which this sees to. On a call that is
    /// over it does nothing.
    pub fn hangup(&self) {
        self.end(End::HungUp);
    }

    pub(super) fn end(&self, end: End) {
        self.orders.post(|waiting| in_force(waiting, end));
    }

    /// Takes the order that waits, if any; `waker` is woken by the next one.
    pub(super) fn poll(&self, waker: &Waker) -> Option<End> {
        self.orders.poll(waker)
    }

    /// Whoever drove the call has gone.
    pub(super) fn close(&self) {
        self.orders.close();
    }
}

/// Which order counts after another one: the first stands, but for [`End::Abandoned`], which does
/// not wait for a hangup to end.
pub(super) fn in_force(before: Option<End>, end: End) -> End {
    match before {
        Some(before) if end != End::Abandoned => before,
        _ => end,
    }
}
