//! The playout of a call: it cuts audio into frames, paces them, and fills gaps with silence.

mod bed;
mod cut;
mod extras;
mod output;
mod prebuffer;
mod queue;
mod schedule;
mod silence;
mod slin;
mod snapshot;
mod stats;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use crate::{AudioBuf, Ptime, SampleRate, SendError, SessionConfig, Timestamp};
use extras::Extras;
use queue::{Length, Queue};
use stats::Counts;

pub use bed::Bed;
pub use output::{MarkOutcome, PlayoutOutput};
pub use silence::silence_after;
pub use snapshot::PlayoutSnapshot;
pub use stats::{Dropped, PlayoutStats};

/// The maximum number of pieces and marks that wait. It limits the memory of the queue itself.
const MAX_ENTRIES: usize = 65_536;

/// Plays audio of any length on a call, in frames that leave on time.
///
/// Asterisk forwards frames without a buffer and without pacing (`apps/app_audiosocket.c`,
/// `channels/chan_audiosocket.c`). A second of audio that is sent at once becomes noise. A playout queues the
/// audio, and sends it in frames:
///
/// - The schedule is absolute. Each frame is due one [`Ptime`] after the frame before it *was due*, so delays
///   do not add up. After a frame that is late by more than half a ptime, the schedule skips the missed time.
///   It never sends frames faster to catch up.
/// - Pieces join without gaps. If a piece does not fill a frame, the next piece does. If there is no next
///   piece, the frame is padded with silence.
/// - While the peer does not read, frames stay in the queue, where they can be cleared.
/// - Each piece leaves at its own rate.
/// - [`pause`](Self::pause) stops the queue within one frame, and [`resume`](Self::resume) continues it.
/// - Audio that comes in parts can wait until a part of it is queued; see [`prebuffer`](Self::prebuffer).
/// - A [bed](Self::set_bed) loops under the played audio and in place of silence.
/// - With an empty queue, it sends silence, unless [`SessionConfig::fill_silence`] is off. Silence has the rate of the audio
///   that was sent last, or else the [answer rate](SampleRate::answer_rate) of the caller's audio, or else 8 kHz.
///
/// Like a [`Session`](crate::Session), it has no clock. Its driver does these things:
///
/// - It calls [`start`](Self::start) when the UUID has come, and [`close`](Self::close) at the end.
/// - It calls [`poll`](Self::poll) at the time that [`poll_timeout`](Self::poll_timeout) returns, and sends the
///   frame that `poll` returns.
/// - It calls [`poll_mark`](Self::poll_mark) after each `poll`, and when all bytes are written.
/// - It reports audio that it sends in another way with [`sent`](Self::sent).
///
/// `CallDriver` of `audiosocket-server` does all this. `M` is the type of a mark.
///
/// Dropping [`Bytes`] can run code of their owner, which is not safe under a lock. So methods that remove audio
/// from the queue push it to `dropped`, and the driver drops it later.
///
/// ```
/// use audiosocket_proto::{AudioBuf, Playout, PlayoutOutput, SampleRate, SessionConfig, Timestamp};
/// use core::time::Duration;
///
/// let mut playout: Playout<&str> = Playout::new(&SessionConfig::default());
/// let mut dropped = Vec::new();
/// let start = Timestamp::ZERO;
/// playout.start(start);
/// playout.play(AudioBuf::new(SampleRate::Hz8000, vec![1; 400]), &mut dropped)?;
/// playout.mark("said")?;
///
/// let PlayoutOutput::Frame(frame) = playout.poll(start, true, &mut dropped) else { panic!() };
/// assert_eq!(frame.bytes().len(), 320);
/// assert_eq!(playout.poll(start, true, &mut dropped), PlayoutOutput::Idle);
/// let next = start + Duration::from_millis(20);
/// assert_eq!(playout.poll_timeout(), Some(next));
///
/// let PlayoutOutput::Frame(frame) = playout.poll(next, true, &mut dropped) else { panic!() };
/// assert_eq!((&frame.bytes()[..80], &frame.bytes()[80..]), (&[1; 80][..], &[0; 240][..]));
/// assert_eq!(playout.poll_mark(true).map(|(mark, _)| mark), Some("said"));
/// # Ok::<(), audiosocket_proto::SendError>(())
/// ```
#[derive(Debug)]
pub struct Playout<M> {
    ptime: Ptime,
    fill_silence: bool,
    fade_cuts: bool,
    /// [`SessionConfig::max_playout`].
    max_millis: u32,
    /// [`SessionConfig::hangup_tail`].
    tail_millis: u16,
    state: PlayoutState,
    queue: Queue<M>,
    /// Marks that have left the queue, in order. The audio before a played mark may still wait to be written.
    reached: VecDeque<(M, MarkOutcome)>,
    /// The rate of silence.
    rate: Rate,
    /// The earliest time of the next frame.
    next: Timestamp,
    /// No silence is due before this time: [`SILENCE_AFTER_SENDING`] after the end of sent audio.
    silence_from: Timestamp,
    /// A frame has left, and `next` is one ptime after it was due.
    running: bool,
    /// A frame is due, and waits until all earlier bytes are written.
    held: bool,
    /// The last frame was from the queue, and no clear came after it.
    speaking: bool,
    /// The time at which the queue ran empty during speech.
    dry_since: Option<Timestamp>,
    stats: Counts,
    /// `None` until one of them is needed.
    extras: Option<Box<Extras>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PlayoutState {
    New,
    Open,
    Paused,
    Closed,
}

/// The rate of silence: the rate of the audio that was sent last, or else the answer rate of the caller's audio.
#[derive(Clone, Copy, Debug)]
enum Rate {
    Received(SampleRate),
    Sent(SampleRate),
}

impl Rate {
    fn sample_rate(self) -> SampleRate {
        let (Self::Received(rate) | Self::Sent(rate)) = self;
        rate
    }
}

impl<M> Playout<M> {
    /// Creates a playout for a call that has not begun.
    #[must_use]
    pub fn new(config: &SessionConfig) -> Self {
        Self {
            ptime: config.ptime,
            fill_silence: config.fill_silence,
            fade_cuts: config.fade_cuts,
            max_millis: u32::try_from(config.max_playout.as_millis()).unwrap_or(u32::MAX),
            tail_millis: u16::try_from(config.hangup_tail.as_millis()).unwrap_or(u16::MAX),
            state: PlayoutState::New,
            queue: Queue::new(),
            reached: VecDeque::new(),
            rate: Rate::Received(SampleRate::default()),
            next: Timestamp::ZERO,
            silence_from: Timestamp::ZERO,
            running: false,
            held: false,
            speaking: false,
            dry_since: None,
            stats: Counts::default(),
            extras: None,
        }
    }

    /// Starts the schedule: the first frame is due at `now`.
    pub fn start(&mut self, now: Timestamp) {
        self.state = PlayoutState::Open;
        self.next = now;
    }

    /// Queues `audio` of any length, without a copy. The next piece completes a half sample at its end. Refused
    /// audio goes to `dropped`.
    ///
    /// # Errors
    ///
    /// - [`SendError::EmptyAudio`] for audio of no bytes.
    /// - [`SendError::PlayoutFull`] if more than [`SessionConfig::max_playout`] or more than 65,536 pieces and
    ///   marks would wait. An empty queue takes a piece of any length.
    /// - [`SendError::NoCall`] before the call, after it, and after [`hangup`](Self::hangup).
    pub fn play(&mut self, audio: AudioBuf, dropped: &mut Vec<Bytes>) -> Result<(), SendError> {
        let refusal = self.check(&audio);
        match refusal {
            Ok(()) => self.queue.push(audio),
            Err(_) => dropped.push(audio.into_bytes()),
        }
        refusal
    }

    fn check(&self, audio: &AudioBuf) -> Result<(), SendError> {
        let queued = self.queue.audio();
        let fits = || queued.plus(Length::of(audio)).duration() <= self.capacity();
        if !self.is_open() {
            Err(SendError::NoCall)
        } else if audio.is_empty() {
            Err(SendError::EmptyAudio)
        } else if self.queue.len() >= MAX_ENTRIES || (queued.bytes > 0 && !fits()) {
            Err(self.full())
        } else {
            Ok(())
        }
    }

    /// Returns whether audio can be queued: the call has begun, is not over, and no [`hangup`](Self::hangup) is queued.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_in_call() && !self.queue.ends_in_hangup()
    }

    fn is_in_call(&self) -> bool {
        matches!(self.state, PlayoutState::Open | PlayoutState::Paused)
    }

    /// Returns the duration of the audio that still fits the queue: at least one ptime if no audio waits, and zero if
    /// 65,536 pieces and marks wait.
    #[must_use]
    pub fn room(&self) -> Duration {
        let queued = self.queue.audio();
        if self.queue.len() >= MAX_ENTRIES {
            Duration::ZERO
        } else if queued.bytes == 0 {
            self.capacity().max(self.ptime.duration())
        } else {
            self.capacity().saturating_sub(queued.duration())
        }
    }

    /// Returns [`SessionConfig::max_playout`], in whole milliseconds, and 49 days at most.
    #[must_use]
    pub fn capacity(&self) -> Duration {
        Duration::from_millis(self.max_millis.into())
    }

    /// Queues a mark. [`poll_mark`](Self::poll_mark) returns it when all audio before it was played or cleared.
    ///
    /// # Errors
    ///
    /// [`SendError::PlayoutFull`] if 65,536 pieces and marks wait. [`SendError::NoCall`] before and after the
    /// call.
    pub fn mark(&mut self, mark: M) -> Result<(), SendError> {
        if !self.is_in_call() {
            return Err(SendError::NoCall);
        }
        if self.queue.len() + self.reached.len() >= MAX_ENTRIES {
            return Err(self.full());
        }
        let reached = self.queue.push_mark(mark).into_iter();
        let played = reached.map(|mark| (mark, MarkOutcome::Played));
        self.reached.extend(played);
        Ok(())
    }

    /// Queues a hangup after the audio that waits now. No audio can be queued after it. The hangup comes one
    /// [tail](SessionConfig::hangup_tail) after the end of the audio. After a [`clear`](Self::clear), it comes instead of
    /// the next frame.
    pub fn hangup(&mut self) {
        if self.is_in_call() {
            self.queue.push_hangup();
        }
    }

    /// Reports that audio at `rate` was sent, other than by this playout. Silence then has this rate, and begins
    /// at `silence_from`, which [`silence_after`] returns.
    pub fn sent(&mut self, rate: SampleRate, silence_from: Timestamp) {
        self.rate = Rate::Sent(rate);
        self.silence_from = silence_from;
        if self.ready_from().is_none() {
            self.stop_schedule();
            self.speaking = false;
        }
    }

    /// Reports that the caller sends audio at `rate`. Silence has its answer rate until audio is sent or played.
    pub fn received(&mut self, rate: SampleRate) {
        if let Rate::Received(received) = &mut self.rate {
            *received = rate.answer_rate();
        }
    }

    /// Closes the playout at the end of the call. Moves all queued audio to `dropped`. Returns all marks that
    /// [`poll_mark`](Self::poll_mark) has not returned.
    pub fn close(&mut self, dropped: &mut Vec<Bytes>) -> VecDeque<(M, MarkOutcome)> {
        self.state = PlayoutState::Closed;
        self.held = false;
        self.drop_queue(dropped);
        self.remove_bed(dropped);
        self.extras = None;
        core::mem::take(&mut self.reached)
    }

    /// Returns the counters of this playout.
    #[must_use]
    pub fn stats(&self) -> PlayoutStats {
        self.stats.with(self.queue.audio().duration())
    }

    /// Returns when the first frame left that counts as [late](PlayoutStats::late).
    #[must_use]
    pub fn first_late(&self) -> Option<Timestamp> {
        self.stats.first_late
    }

    /// Returns when the first gap ended that counts as an [underrun](PlayoutStats::underruns).
    #[must_use]
    pub fn first_underrun(&self) -> Option<Timestamp> {
        self.stats.first_underrun
    }

    fn full(&self) -> SendError {
        SendError::PlayoutFull {
            queued: self.queue.audio().duration(),
        }
    }
}
