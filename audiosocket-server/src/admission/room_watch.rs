//! What the accept loop knows about the places of a server.

use std::task::Waker;

/// The number of places that the accept loop acts on, and its waker.
#[derive(Debug, Default)]
pub(super) struct RoomWatch {
    /// `None` before the first poll.
    pub(super) room: Option<usize>,
    /// `None` after a wake-up, until the next poll.
    pub(super) waker: Option<Waker>,
}

pub(super) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
