use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::call::commands::EndRequest;
use crate::call::control::{CallControl, CommandSource, Mark};
use crate::call::deadline_timer::{DeadlineTimer, TimerFuture};
use crate::call::play::Play;
use crate::{CallStats, CallTimes, LastEvent, Peer, Played, Prebuffer};
use audiosocket_proto::{AudioBuf, Bed, Dropped, SampleRate, SendError};

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
    pub(crate) fn new(control: CallControl) -> Self {
        Self {
            control: Arc::new(control),
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

    /// Begins audio that comes in parts, such as the speech of a synthesiser that streams. Until you drop the result, the
    /// playout waits for `amount` of audio before it begins, and after each gap. So short delays between the parts are no
    /// gaps. Drop it when all parts are queued: the rest leaves without waiting.
    ///
    /// A later prebuffer replaces an earlier one. A [`clear`](Self::clear) ends it. For the details, see
    /// [`Playout::prebuffer`](audiosocket_proto::Playout::prebuffer).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use audiosocket_server::CallHandle;
    /// # use audiosocket_proto::{AudioBuf, SendError};
    /// # async fn say(call: CallHandle, parts: Vec<AudioBuf>) -> Result<(), SendError> {
    /// let speech = call.prebuffer(Duration::from_millis(200));
    /// for part in parts {
    ///     call.play(part).await?;
    /// }
    /// drop(speech);
    /// # Ok(())
    /// # }
    /// ```
    pub fn prebuffer(&self, amount: Duration) -> Prebuffer {
        Prebuffer::new(self.clone(), amount)
    }

    /// Drops all queued audio, and returns its amount. Use it for barge-in. The caller hears at most one more frame,
    /// unless the peer does not read. So that the cut does not click, that frame begins with a fade of 5 ms, unless
    /// [`fade_cuts`](audiosocket_proto::SessionConfig::fade_cuts) is off.
    ///
    /// A [`play`](Self::play) that waits for room fails with [`SendError::Cleared`]. A [pause](Self::pause) ends.
    pub fn clear(&self) -> Dropped {
        self.control.clear(CommandSource::Handle)
    }

    /// Keeps all queued audio in the queue until [`resume`](Self::resume) or [`clear`](Self::clear), and sends silence
    /// instead. It takes effect with the next frame. Use it to decide whether the caller interrupts.
    ///
    /// Marks and a [hangup after the playout](Self::hangup_after_playout) stay in the queue too. More audio can be queued.
    /// [`stats`](Self::stats) has the duration of the audio that is not sent yet
    /// ([`depth`](audiosocket_proto::PlayoutStats::depth)) and the number of samples that were sent
    /// ([`samples_played`](audiosocket_proto::PlayoutStats::samples_played)). Both stay the same during the pause.
    pub fn pause(&self) {
        self.control.pause(CommandSource::Handle);
    }

    /// Ends a [pause](Self::pause). The queue continues with the next frame, at the sample at which it stopped.
    pub fn resume(&self) {
        self.control.resume(CommandSource::Handle);
    }

    /// Loops `bed` in place of silence and, at a lower volume, under played audio, until [`remove_bed`](Self::remove_bed). It
    /// replaces an earlier bed. Use it for hold music, or for a ringback tone while a model connects. The bytes are not
    /// copied. A bed has a rate: use the [answer rate](Self::answer_rate) of the call. For the details, see
    /// [`Playout::set_bed`](audiosocket_proto::Playout::set_bed).
    ///
    /// # Errors
    ///
    /// [`SendError::EmptyAudio`] for a bed without a sample. [`SendError::NoCall`] before and after the call.
    pub fn set_bed(&self, bed: impl Into<Bed>) -> Result<(), SendError> {
        self.control.set_bed(bed.into(), CommandSource::Handle)
    }

    /// Ends the bed, with a fade of 5 ms. Does nothing without a bed.
    pub fn remove_bed(&self) {
        self.control.remove_bed(CommandSource::Handle);
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
    ///
    /// A phone drops the audio in its buffer at a hangup, usually 60 ms. Set
    /// [`hangup_tail`](audiosocket_proto::SessionConfig::hangup_tail) so that the caller hears the end.
    pub fn hangup_after_playout(&self) {
        self.control.hangup_after_playout(CommandSource::Handle);
    }

    /// Returns the counters of the call. Those of the session are from the last poll of the connection, and those
    /// of the playout are current. They are final once the call is over.
    #[must_use]
    pub fn stats(&self) -> CallStats {
        self.control.stats()
    }

    /// Returns the time since the connection came. It goes on after the end of the call.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.control.age()
    }

    /// Returns the last event of the call other than audio, and its time since the connection came, in milliseconds.
    /// Returns `None` before the call has started.
    #[must_use]
    pub fn last_event(&self) -> Option<(LastEvent, Duration)> {
        self.control.last_event()
    }

    /// Returns the name of the codec that [`Call::set_codec`](crate::Call::set_codec) set. Returns `None` if nothing set it.
    #[must_use]
    pub fn codec(&self) -> Option<&'static str> {
        self.control.codec()
    }

    /// Returns when audio came and left. The times are current, and final once the call is over.
    #[must_use]
    pub fn times(&self) -> CallTimes {
        self.control.times()
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
