//! One call: its driver, what it sends, and what a handle shares with it.

pub(crate) mod control;
pub(crate) mod driver;
pub(crate) mod handle;
pub(crate) mod outbound;
pub(crate) mod played;
pub(crate) mod stats;

use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use crate::CallStats;
use crate::call::control::Mark;
use crate::call::outbound::Outbound;
use crate::{CallHandle, Peer};
use audiosocket_proto::{Audio, Dropped, Playout, SampleRate, SendError, Timestamp};

/// The call that a callback is about, lent to it for as long as it runs.
#[derive(Debug)]
pub struct Call<'a> {
    pub(crate) uuid: Uuid,
    pub(crate) voice: &'a mut Outbound,
    pub(crate) accepted_at: Timestamp,
    pub(crate) now: Timestamp,
    pub(crate) hangup: bool,
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
        self.voice.handle().peer()
    }

    /// Sends `audio` as one frame, now, ahead of what the callback returns. Several go out in one
    /// write, so that a callback can answer with more than one frame.
    ///
    /// # Errors
    ///
    /// As [`Session::send`](audiosocket_proto::Session::send).
    pub fn send(&mut self, audio: Audio<'_>) -> Result<(), SendError> {
        self.voice.send(self.now, audio)
    }

    /// Queues audio to be played; see [`CallHandle::play`].
    ///
    /// # Errors
    ///
    /// As [`CallHandle::play`].
    pub fn play(&mut self, rate: SampleRate, audio: impl Into<Bytes>) -> Result<(), SendError> {
        let audio = audio.into();
        let result = self.voice.change(|playout| playout.offer(rate, audio));
        result.map_err(|(error, _)| error)
    }

    /// Drops what waits to be played; see [`CallHandle::clear`].
    pub fn clear(&mut self) -> Dropped {
        let (dropped, audio) = self.voice.change(Playout::take);
        drop(audio);
        dropped
    }

    /// Queues a mark; see [`CallHandle::mark`].
    ///
    /// # Errors
    ///
    /// As [`CallHandle::mark`].
    pub fn mark(&mut self, mark: u64) -> Result<(), SendError> {
        self.voice.change(|playout| playout.mark(Mark::Told(mark)))
    }

    /// Ends the call when the callback returns, after what it sends.
    pub fn hangup(&mut self) {
        self.hangup = true;
    }

    /// Ends the call once what is queued now has been played; see
    /// [`CallHandle::hangup_after_playout`].
    pub fn hangup_after_playout(&mut self) {
        self.voice.change(Playout::hangup);
    }

    /// A handle by which other tasks and threads reach this call.
    #[must_use]
    pub fn handle(&self) -> CallHandle {
        self.voice.handle().clone()
    }

    /// What went through the call so far.
    #[must_use]
    pub fn stats(&self) -> CallStats {
        self.voice.stats()
    }

    /// How long ago the connection was accepted.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.now.saturating_since(self.accepted_at)
    }
}
