use std::time::Duration;

use uuid::Uuid;

use super::{CallHandle, Peer};
use crate::{Audio, SendError, Session, Stats, Timestamp};

/// The call that a callback is about, lent to it for as long as it runs.
#[derive(Debug)]
pub struct Call<'a> {
    pub(super) uuid: Uuid,
    pub(super) peer: &'a Peer,
    pub(super) handle: &'a CallHandle,
    pub(super) session: &'a mut Session,
    pub(super) accepted_at: Timestamp,
    pub(super) now: Timestamp,
    pub(super) hangup: bool,
}

impl Call<'_> {
    /// The UUID that Asterisk's dialplan gave the call.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Where the call comes from.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        self.peer
    }

    /// Sends `audio` as one frame, now, ahead of what the callback returns. Several go out in one
    /// write, so that a callback can answer with more than one frame.
    ///
    /// # Errors
    ///
    /// As [`Session::send`].
    pub fn send(&mut self, audio: Audio<'_>) -> Result<(), SendError> {
        self.session.send(self.now, audio)
    }

    /// Ends the call when the callback returns, after what it sends.
    pub fn hangup(&mut self) {
        self.hangup = true;
    }

    /// A handle by which other tasks and threads reach this call.
    #[must_use]
    pub fn handle(&self) -> CallHandle {
        self.handle.clone()
    }

    /// What went through the call so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.session.stats()
    }

    /// How long ago the connection was accepted.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.now.saturating_since(self.accepted_at)
    }
}
