use std::io;

use audiosocket_proto::Timestamp;

use crate::io::AcceptBackoff;
use crate::io::runtime::{ClosableListener, Listener};

/// A listener, whether it is closed, and its pauses after errors.
pub(crate) struct ListenerSlot<L> {
    pub(crate) listener: L,
    backoff: AcceptBackoff,
    pub(crate) paused_until: Option<Timestamp>,
    /// False after an error of `close` too.
    pub(crate) can_close: bool,
    pub(crate) is_closed: bool,
}

impl<L: Listener> ListenerSlot<L> {
    pub(crate) fn new(mut listener: L) -> Self {
        Self {
            can_close: listener.closable().is_some(),
            listener,
            backoff: AcceptBackoff::default(),
            paused_until: None,
            is_closed: false,
        }
    }

    /// Returns whether the listener is paused `now`.
    pub(crate) fn is_paused(&mut self, now: Timestamp) -> bool {
        if self.paused_until.is_some_and(|until| now < until) {
            return true;
        }
        self.paused_until = None;
        false
    }

    /// Pauses after an error of the system.
    pub(crate) fn note(&mut self, now: Timestamp, result: io::Result<()>) {
        match result {
            Ok(()) => self.backoff.accepted(),
            Err(error) => self.paused_until = self.backoff.failed(&error).map(|pause| now + pause),
        }
    }

    /// Opens the listener for `room` connections. Returns whether it was closed.
    pub(crate) fn open(&mut self, room: usize) -> io::Result<bool> {
        if let Some(listener) = self.listener.closable() {
            listener.open(room)?;
        }
        Ok(std::mem::replace(&mut self.is_closed, false))
    }

    /// Closes the listener until it is opened again.
    pub(crate) fn close(&mut self) {
        match self.listener.closable().map(ClosableListener::close) {
            None => {}
            Some(Ok(())) => self.is_closed = true,
            Some(Err(error)) => {
                self.can_close = false;
                tracing::warn!(%error, "cannot close a listener; new connections get a hangup");
            }
        }
    }
}
