use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::call::control::{CallControl, CommandSource, EndRequest, Mark};
use crate::call::deadline_timer::{DeadlineTimer, TimerFuture};
use crate::call::play::Play;
use crate::{CallStats, Peer, Played};
use audiosocket_proto::{AudioBuf, Dropped, SampleRate, SendError, SessionConfig};

/// Controls a call from any task or thread. Cheap to clone. It does not keep the call alive.
///
/// Everything takes effect at once, and wakes the call where needed. Requests of several handles
/// count in the order in which they are made.
///
/// ```
/// # use audiosocket_server::CallHandle;
/// # use audiosocket_proto::{AudioBuf, MarkOutcome, SendError};
/// async fn say(call: CallHandle, speech: AudioBuf) -> Result<(), SendError> {
///     call.play(speech).await?;
///     if call.played().await == MarkOutcome::Played {
///         // The last frame has left, and lasts a while.
///         call.hangup_after_playout();
///     }
///     Ok(())
/// }
///
/// fn interrupt(call: &CallHandle) {
///     let unheard = call.clear();
///     println!("the caller did not hear the last {:?}", unheard.duration);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct CallHandle {
    control: Arc<CallControl>,
}

impl CallHandle {
    pub(crate) fn new(config: &SessionConfig, peer: Peer) -> Self {
        Self {
            control: Arc::new(CallControl::new(config, peer)),
        }
    }

    /// The UUID of the call. `None` until the UUID has come.
    #[must_use]
    pub fn uuid(&self) -> Option<Uuid> {
        self.control.uuid()
    }

    /// The peer of the call.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        self.control.peer()
    }

    /// The metadata that was [announced](crate::ExpectedCalls::announce) for the call. `None` before its
    /// UUID has come, if the server has no expected calls, or if their metadata is not an `M`.
    #[must_use]
    pub fn metadata<M: Send + Sync + 'static>(&self) -> Option<Arc<M>> {
        self.control.metadata()?.downcast().ok()
    }

    /// The sample rate of the caller's audio. `None` before any audio has come.
    #[must_use]
    pub fn sample_rate(&self) -> Option<SampleRate> {
        self.control.sample_rate()
    }

    /// Queues `audio`, of any length, to be played in frames of
    /// [`ptime`](audiosocket_proto::SessionConfig::ptime) behind the audio that is queued already. Waits
    /// for room, and returns when all of it is queued.
    ///
    /// Audio that is longer than [`max_playout`](audiosocket_proto::SessionConfig::max_playout) is split,
    /// and queued as the playout drains. Several `play`s of a call take turns in the order in which
    /// they were first polled. A [mark](Self::mark) that is set while a `play` waits comes before the
    /// rest of its audio.
    ///
    /// The bytes are not copied. A piece of audio that a thousand calls play is in memory once.
    ///
    /// # Errors
    ///
    /// - [`SendError::EmptyAudio`], at once.
    /// - [`SendError::NoCall`] before the call, after it, and after
    ///   [`hangup_after_playout`](Self::hangup_after_playout); at once, also while it waits.
    /// - [`SendError::Cleared`] if the playout was [cleared](Self::clear) while it waited.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the audio in the playout that is queued already, and queues no more.
    ///
    /// # The first frames of a call
    ///
    /// Audio that is played first in a `Dial(AudioSocket/…)` can be lost before Asterisk has joined its
    /// two legs: in 40 of 100 calls the first frame, in one 180 ms (22.10.1). Begin such a call with some
    /// silence.
    pub fn play(&self, audio: impl Into<AudioBuf>) -> Play {
        Play::new(self.clone(), audio.into())
    }

    /// Queues `audio` as [`play`](Self::play) does, but never waits.
    ///
    /// # Errors
    ///
    /// [`SendError::PlayoutFull`] if audio waits and this would make it more than
    /// [`max_playout`](audiosocket_proto::SessionConfig::max_playout), or if a `play` waits for room.
    /// An empty playout takes audio of any length. [`SendError::EmptyAudio`] and [`SendError::NoCall`]
    /// as for `play`.
    pub fn try_play(&self, audio: impl Into<AudioBuf>) -> Result<(), SendError> {
        self.control.try_play(audio.into(), CommandSource::Handle)
    }

    /// Drops the audio that waits to be played, and returns how much that was: barge-in. The caller
    /// hears at most one more frame of it, unless the peer does not read.
    ///
    /// A [`play`](Self::play) that waits for room fails with [`SendError::Cleared`].
    pub fn clear(&self) -> Dropped {
        self.control.clear(CommandSource::Handle)
    }

    /// Queues a mark. [`Handler::on_mark`](crate::Handler::on_mark) gets it when everything that was
    /// queued before it has been played, or has been cleared.
    ///
    /// # Errors
    ///
    /// [`SendError::PlayoutFull`] if 65,536 pieces and marks wait; [`SendError::NoCall`] before
    /// and after the call.
    pub fn mark(&self, mark: u64) -> Result<(), SendError> {
        self.control
            .mark(Mark::Handler(mark), CommandSource::Handle)
    }

    /// Waits until everything that is queued now has been played.
    ///
    /// This sets a [mark](Self::mark), which stays in the queue when the future is dropped. Where no
    /// mark can be set, because there is no call or 65,536 pieces and marks wait, the outcome is
    /// [`MarkOutcome::CallOver`](audiosocket_proto::MarkOutcome::CallOver) at once.
    pub fn played(&self) -> Played {
        let (played, sender) = Played::new();
        // On an error the sender is dropped, which is the outcome `CallOver`.
        let _ = self
            .control
            .mark(Mark::Future(sender), CommandSource::Handle);
        played
    }

    /// Ends the call now. Audio that waits to be played is dropped. Does nothing when the call is over.
    pub fn hangup(&self) {
        self.control.end(EndRequest::HangUp);
    }

    /// Ends the call once everything that is queued now has been played. Nothing more can be played.
    pub fn hangup_after_playout(&self) {
        self.control.hangup_after_playout(CommandSource::Handle);
    }

    /// Counters of the call: those of its connection as of the last time that it was polled, those of
    /// its playout as of now. Final once the call is over.
    #[must_use]
    pub fn stats(&self) -> CallStats {
        self.control.stats()
    }

    pub(crate) fn order(&self, request: EndRequest) {
        self.control.end(request);
    }

    /// A timer on the clock of the connection. A call has one at a time; a later one replaces it.
    pub(crate) fn timer(&self, after: Duration) -> TimerFuture {
        let (timer, future) = DeadlineTimer::new(after);
        self.control.set_timer(timer);
        future
    }

    /// Lets the handler know that the server began to shut down.
    pub(crate) fn notify_shutdown(&self) {
        self.control.notify_shutdown();
    }

    pub(crate) fn control(&self) -> &CallControl {
        &self.control
    }
}
