//! One call: its driver, its outbound half, and the state that it shares with its handles.

pub(crate) mod commands;
pub(crate) mod control;
pub(crate) mod deadline_timer;
mod dispatch;
pub(crate) mod driver;
pub(crate) mod handle;
mod lifecycle;
pub(crate) mod outbound;
pub(crate) mod phase;
pub(crate) mod play;
mod playing;
mod proxied;
pub(crate) mod sent;
pub(crate) mod stats;
pub(crate) mod times;

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::call::control::{CallControl, CommandSource, Mark};
use crate::call::outbound::Outbound;
use crate::call::sent::{ObservedFrame, SentObservers};
use crate::{CallHandle, CallStats, CallTimes, Peer};
use audiosocket_proto::{Audio, AudioBuf, Bed, Dropped, SampleRate, SendError, Timestamp};

/// The call to which a callback belongs. The callback borrows it.
#[derive(Debug)]
pub struct Call<'a> {
    pub(crate) outbound: &'a mut Outbound,
    pub(crate) now: Timestamp,
    pub(crate) hangup: bool,
}

impl Call<'_> {
    /// Returns the UUID of the call, which Asterisk's dialplan chose.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        // There is no callback before the UUID.
        self.outbound.handle.uuid().unwrap_or_default()
    }

    /// Returns the peer of the call.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        self.outbound.handle.peer()
    }

    /// Returns the metadata that was announced for the call; see [`CallHandle::metadata`].
    #[must_use]
    pub fn metadata<M: Send + Sync + 'static>(&self) -> Option<Arc<M>> {
        self.outbound.handle.metadata()
    }

    /// Returns the sample rate of the caller's audio. Returns `None` before any audio has come.
    #[must_use]
    pub fn sample_rate(&self) -> Option<SampleRate> {
        self.outbound.handle.sample_rate()
    }

    /// Returns the rate at which to answer the caller: the rate of the caller's latest audio, but 16 kHz at most. Returns
    /// 8 kHz before any audio has come. See [`SampleRate::answer_rate`] for the reasons.
    #[must_use]
    pub fn answer_rate(&self) -> SampleRate {
        self.sample_rate().unwrap_or_default().answer_rate()
    }

    /// Sends `audio` as one frame, before the answer that the callback returns. So a callback can answer with
    /// several frames. They leave in one write.
    ///
    /// # Errors
    ///
    /// The same as [`Session::send`](audiosocket_proto::Session::send).
    pub fn send(&mut self, audio: Audio<'_>) -> Result<(), SendError> {
        self.outbound.send(self.now, audio)
    }

    /// Queues audio that leaves on schedule; see [`CallHandle::try_play`].
    ///
    /// # Errors
    ///
    /// The same as [`CallHandle::try_play`].
    pub fn try_play(&mut self, audio: impl Into<AudioBuf>) -> Result<(), SendError> {
        self.change()
            .try_play(audio.into(), CommandSource::Callback)
    }

    /// Drops all queued audio, and returns its amount; see [`CallHandle::clear`].
    pub fn clear(&mut self) -> Dropped {
        self.change().clear(CommandSource::Callback)
    }

    /// Keeps all queued audio in the queue, and sends silence instead; see [`CallHandle::pause`].
    pub fn pause(&mut self) {
        self.change().pause(CommandSource::Callback);
    }

    /// Ends a [pause](Self::pause); see [`CallHandle::resume`].
    pub fn resume(&mut self) {
        self.change().resume(CommandSource::Callback);
    }

    /// Loops a bed in place of silence and under played audio; see [`CallHandle::set_bed`].
    ///
    /// # Errors
    ///
    /// The same as [`CallHandle::set_bed`].
    pub fn set_bed(&mut self, bed: impl Into<Bed>) -> Result<(), SendError> {
        self.change().set_bed(bed.into(), CommandSource::Callback)
    }

    /// Ends the bed; see [`CallHandle::remove_bed`].
    pub fn remove_bed(&mut self) {
        self.change().remove_bed(CommandSource::Callback);
    }

    /// Queues a mark; see [`CallHandle::mark`].
    ///
    /// # Errors
    ///
    /// The same as [`CallHandle::mark`].
    pub fn mark(&mut self, mark: u64) -> Result<(), SendError> {
        self.change()
            .mark(Mark::Handler(mark), CommandSource::Callback)
    }

    /// Calls `observer` with each frame of audio that this call sends from now on. Use it to record or to analyse what
    /// the caller receives.
    ///
    /// It gets played audio, silence and sent audio, in the order in which the frames leave. Audio that was
    /// [cleared](Self::clear) or dropped does not leave. A frame counts as sent when it is in the send buffer: if the
    /// connection fails at that moment, the peer may not receive it.
    ///
    /// The observer is dropped before the last callback of the call. It runs between callbacks and inside of
    /// [`send`](Self::send), so it must return quickly. If it panics, the call ends as after a panic of the handler. A
    /// call can have several observers. A call without observers has no cost.
    ///
    /// ```
    /// # use audiosocket_server::{Call, Handler};
    /// struct CountSent;
    ///
    /// impl Handler for CountSent {
    ///     fn on_start(&mut self, call: &mut Call<'_>) {
    ///         let mut bytes = 0;
    ///         call.observe_sent(move |frame| {
    ///             bytes += frame.audio.len();
    ///             println!("{bytes} bytes left after {:?}", frame.at);
    ///         });
    ///     }
    /// }
    /// ```
    pub fn observe_sent(&mut self, observer: impl FnMut(ObservedFrame<'_>) + Send + 'static) {
        let accepted_at = self.outbound.accepted_at();
        let new = || Box::new(SentObservers::new(accepted_at));
        let observers = self.outbound.observers.get_or_insert_with(new);
        observers.add(Box::new(observer));
    }

    /// Ends the call after the callback and its answer.
    pub fn hangup(&mut self) {
        self.hangup = true;
    }

    /// Ends the call once all audio that is queued now was played; see
    /// [`CallHandle::hangup_after_playout`].
    pub fn hangup_after_playout(&mut self) {
        self.change().hangup_after_playout(CommandSource::Callback);
    }

    /// Sets the name of the codec of the caller's audio, such as `ulaw`, for [reports](CallHandle::codec). AudioSocket has no
    /// field for the codec, but a decoder can find it.
    pub fn set_codec(&self, codec: &'static str) {
        self.outbound.handle.control().set_codec(codec);
    }

    /// Returns a handle that controls this call from other tasks and threads.
    #[must_use]
    pub fn handle(&self) -> CallHandle {
        self.outbound.handle.clone()
    }

    /// Returns the counters of the call.
    #[must_use]
    pub fn stats(&self) -> CallStats {
        self.outbound.stats()
    }

    /// Returns when audio came and left.
    #[must_use]
    pub fn times(&self) -> CallTimes {
        self.outbound.handle.times()
    }

    /// Returns the time since the connection came.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.now.saturating_since(self.outbound.accepted_at())
    }

    /// Notes frames of the caller that were dropped because the application is too slow.
    pub(crate) fn lagged(&self, frames: u64) {
        self.outbound.handle.control().note_lag(self.now, frames);
    }

    fn change(&mut self) -> &CallControl {
        self.outbound.playout_changed = true;
        self.outbound.handle.control()
    }
}
