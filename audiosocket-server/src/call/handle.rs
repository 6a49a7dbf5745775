use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::call::control::{CallControl, CommandSource, EndRequest, Mark};
use crate::call::deadline_timer::{DeadlineTimer, TimerFuture};
use crate::call::play::Play;
use crate::{CallStats, Peer, Played};
use audiosocket_proto::{AudioBuf, Dropped, SampleRate, SendError, SessionConfig};

/// Controls a call from any task or thread. It is cheap to clone, and does not keep the call alive.
///
/// Every request takes effect at once, and wakes the call if necessary. Requests of several handles take effect
/// in the order in which they are made.
///
/// ```
/// # use audiosocket_server::CallHandle;
/// # use audiosocket_proto::{AudioBuf, MarkOutcome, SendError};
/// async fn say(call: CallHandle, speech: AudioBuf) -> Result<(), SendError> {
///     call.play(speech).await?;
///     if call.played().await == MarkOutcome::Played {
///         // The last frame has left, but the caller still hears it.
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

    /// Returns the UUID of the call. Returns `None` before the UUID has come.
    #[must_use]
    pub fn uuid(&self) -> Option<Uuid> {
        self.control.uuid()
    }

    /// Returns the peer of the call.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        self.control.peer()
    }

    /// Returns the metadata that was [announced](crate::ExpectedCalls::announce) for the call. Returns `None`
    /// before the UUID has come, if the server has no expected calls, and if the metadata is not an `M`.
    #[must_use]
    pub fn metadata<M: Send + Sync + 'static>(&self) -> Option<Arc<M>> {
        self.control.metadata()?.downcast().ok()
    }

    /// Returns the sample rate of the caller's audio. Returns `None` before any audio has come.
    #[must_use]
    pub fn sample_rate(&self) -> Option<SampleRate> {
        self.control.sample_rate()
    }

    /// Returns the rate at which to answer the caller: the rate of the caller's latest audio, but 16 kHz at most. Returns
    /// 8 kHz before any audio has come. See [`SampleRate::answer_rate`] for the reasons.
    #[must_use]
    pub fn answer_rate(&self) -> SampleRate {
        self.sample_rate().unwrap_or_default().answer_rate()
    }

    /// Queues `audio` of any length after the audio that is already queued. The future waits for room, and is ready
    /// when all audio is queued. The audio leaves in frames of [`ptime`](audiosocket_proto::SessionConfig::ptime).
    ///
    /// Audio that is longer than [`max_playout`](audiosocket_proto::SessionConfig::max_playout) is split, and
    /// queued part by part. If several `play`s of a call wait, they queue their audio in the order in which they
    /// were first polled. A [mark](Self::mark) that is set while a `play` waits comes before the rest of its audio.
    ///
    /// The bytes are not copied. Audio that a thousand calls play is in memory once.
    ///
    /// # Errors
    ///
    /// - [`SendError::EmptyAudio`] for audio of no bytes.
    /// - [`SendError::NoCall`] before the call, after it, and after
    ///   [`hangup_after_playout`](Self::hangup_after_playout). A `play` that waits then returns at once.
    /// - [`SendError::Cleared`] if the playout was [cleared](Self::clear) while it waited.
    ///
    /// # Cancel safety
    ///
    /// If you drop the future, the audio that is already queued stays in the playout, and the rest is dropped.
    ///
    /// # Sample rate
    ///
    /// The audio leaves at its own rate, whatever the rate of the caller's audio: it is never resampled. Asterisk converts it
    /// to the codec of the call. But Asterisk before 20.17, 21.12, 22.7 and 23.1 knows only 8 kHz: callers receive nothing
    /// of wider audio, or the call ends. So play at the [answer rate](Self::answer_rate). `Prompt::at` of the crate
    /// `audiosocket-media` returns a prompt at any rate.
    ///
    /// # The first frames of a call
    ///
    /// In a `Dial(AudioSocket/…)`, Asterisk can lose the first audio before it has joined the two legs of the call.
    /// Asterisk 22.10.1 lost the first frame in 40 of 100 calls, and 180 ms in one of them. Begin such a call
    /// with some silence.
    pub fn play(&self, audio: impl Into<AudioBuf>) -> Play {
        Play::new(self.clone(), audio.into())
    }

    /// Queues `audio` like [`play`](Self::play), but never waits.
    ///
    /// # Errors
    ///
    /// [`SendError::PlayoutFull`] if more than
    /// [`max_playout`](audiosocket_proto::SessionConfig::max_playout) would wait, or if a `play` waits for room.
    /// An empty playout takes audio of any length. [`SendError::EmptyAudio`] and [`SendError::NoCall`]
    /// as for `play`.
    pub fn try_play(&self, audio: impl Into<AudioBuf>) -> Result<(), SendError> {
        self.control.try_play(audio.into(), CommandSource::Handle)
    }

    /// Drops all queued audio, and returns its amount. Use it for barge-in. The caller hears at most one more frame,
    /// unless the peer does not read.
    ///
    /// A [`play`](Self::play) that waits for room fails with [`SendError::Cleared`].
    pub fn clear(&self) -> Dropped {
        self.control.clear(CommandSource::Handle)
    }

    /// Queues a mark. [`Handler::on_mark`](crate::Handler::on_mark) gets it when all audio before it was played
    /// or cleared.
    ///
    /// # Errors
    ///
    /// [`SendError::PlayoutFull`] if 65,536 pieces and marks wait. [`SendError::NoCall`] before and after the
    /// call.
    pub fn mark(&self, mark: u64) -> Result<(), SendError> {
        self.control
            .mark(Mark::Handler(mark), CommandSource::Handle)
    }

    /// Waits until all audio that is queued now was played or cleared.
    ///
    /// It sets a [mark](Self::mark), which stays in the queue if you drop the future. If no mark can be set, the
    /// future returns [`MarkOutcome::CallOver`](audiosocket_proto::MarkOutcome::CallOver) at once: there is no
    /// call, or 65,536 pieces and marks wait.
    pub fn played(&self) -> Played {
        let (played, sender) = Played::new();
        // On an error the sender is dropped, and the outcome is `CallOver`.
        let _ = self
            .control
            .mark(Mark::Future(sender), CommandSource::Handle);
        played
    }

    /// Ends the call now, and drops all queued audio. Does nothing when the call is over.
    pub fn hangup(&self) {
        self.control.end(EndRequest::HangUp);
    }

    /// Ends the call once all audio that is queued now was played. No more audio can be queued.
    pub fn hangup_after_playout(&self) {
        self.control.hangup_after_playout(CommandSource::Handle);
    }

    /// Returns the counters of the call. Those of the session are from the last poll of the connection, and those
    /// of the playout are current. They are final once the call is over.
    #[must_use]
    pub fn stats(&self) -> CallStats {
        self.control.stats()
    }

    pub(crate) fn order(&self, request: EndRequest) {
        self.control.end(request);
    }

    /// Starts a timer on the clock of the connection. A call has one timer. A later one replaces it.
    pub(crate) fn timer(&self, after: Duration) -> TimerFuture {
        let (timer, future) = DeadlineTimer::new(after);
        self.control.set_timer(timer);
        future
    }

    /// Reports to the handler that the server began to shut down.
    pub(crate) fn notify_shutdown(&self) {
        self.control.notify_shutdown();
    }

    pub(crate) fn control(&self) -> &CallControl {
        &self.control
    }
}
