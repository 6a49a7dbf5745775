//! One call: its driver, its outbound half, and the control that its handles share with it.

pub(crate) mod control;
pub(crate) mod deadline_timer;
pub(crate) mod driver;
pub(crate) mod handle;
mod lifecycle;
pub(crate) mod outbound;
pub(crate) mod play;
pub(crate) mod played;
pub(crate) mod stats;

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::call::control::{CallControl, CommandSource, Mark};
use crate::call::outbound::Outbound;
use crate::{CallHandle, CallStats, Peer};
use audiosocket_proto::{Audio, AudioBuf, Dropped, SampleRate, SendError, Timestamp};

/// The call of a callback, borrowed for as long as the callback runs.
#[derive(Debug)]
pub struct Call<'a> {
    pub(crate) outbound: &'a mut Outbound,
    pub(crate) accepted_at: Timestamp,
    pub(crate) now: Timestamp,
    pub(crate) hangup: bool,
}

impl Call<'_> {
    /// The UUID that Asterisk's dialplan gave the call.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        // Callbacks begin with the UUID.
        self.outbound.handle.uuid().unwrap_or_default()
    }

    /// The peer of the call.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        self.outbound.handle.peer()
    }

    /// The metadata that was announced for the call; see [`CallHandle::metadata`].
    #[must_use]
    pub fn metadata<M: Send + Sync + 'static>(&self) -> Option<Arc<M>> {
        self.outbound.handle.metadata()
    }

    /// The sample rate of the caller's audio. `None` before any audio has come.
    #[must_use]
    pub fn sample_rate(&self) -> Option<SampleRate> {
        self.outbound.handle.sample_rate()
    }

    /// Sends `audio` as one frame, now, ahead of the answer that the callback returns. Several frames
    /// leave in one write, so a callback can answer with more than one frame.
    ///
    /// # Errors
    ///
    /// As [`Session::send`](audiosocket_proto::Session::send).
    pub fn send(&mut self, audio: Audio<'_>) -> Result<(), SendError> {
        self.outbound.send(self.now, audio)
    }

    /// Queues audio to be played; see [`CallHandle::try_play`].
    ///
    /// # Errors
    ///
    /// As [`CallHandle::try_play`].
    pub fn try_play(&mut self, audio: impl Into<AudioBuf>) -> Result<(), SendError> {
        self.change()
            .try_play(audio.into(), CommandSource::Callback)
    }

    /// Drops the audio that waits to be played; see [`CallHandle::clear`].
    pub fn clear(&mut self) -> Dropped {
        self.change().clear(CommandSource::Callback)
    }

    /// Queues a mark; see [`CallHandle::mark`].
    ///
    /// # Errors
    ///
    /// As [`CallHandle::mark`].
    pub fn mark(&mut self, mark: u64) -> Result<(), SendError> {
        self.change()
            .mark(Mark::Handler(mark), CommandSource::Callback)
    }

    /// Ends the call when the callback returns, after the answer.
    pub fn hangup(&mut self) {
        self.hangup = true;
    }

    /// Ends the call once everything that is queued now has been played; see
    /// [`CallHandle::hangup_after_playout`].
    pub fn hangup_after_playout(&mut self) {
        self.change().hangup_after_playout(CommandSource::Callback);
    }

    /// A handle that controls this call from other tasks and threads.
    #[must_use]
    pub fn handle(&self) -> CallHandle {
        self.outbound.handle.clone()
    }

    /// Counters of the call so far.
    #[must_use]
    pub fn stats(&self) -> CallStats {
        self.outbound.stats()
    }

    /// The time since the connection was accepted.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.now.saturating_since(self.accepted_at)
    }

    fn change(&mut self) -> &CallControl {
        self.outbound.playout_changed = true;
        self.outbound.handle.control()
    }
}
