//! Audio that is played on a call: cut into frames, paced, and kept going with silence.

mod output;
mod queue;
mod silence;
mod stats;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use crate::time::CompactDuration;
use crate::{AudioBuf, Ptime, SampleRate, SendError, SessionConfig, Timestamp};
use queue::{Length, Queue, QueueHead};
use stats::Counts;

pub use output::{MarkOutcome, PlayoutOutput};
pub use silence::silence_after;
pub use stats::{Dropped, PlayoutStats};

/// Audio that comes this soon after the queue ran dry was meant to join the audio before it.
const UNDERRUN_WITHIN: Duration = Duration::from_millis(500);

/// Pieces and marks that may wait: a limit for memory that is not audio.
const MAX_ENTRIES: usize = 65_536;

/// Plays audio of any length on a call, in frames that leave on time.
///
/// Asterisk forwards the frames that it gets without a buffer and without pacing
/// (`apps/app_audiosocket.c`, `channels/chan_audiosocket.c`), so a second of audio sent at once is a
/// second of noise. Here audio waits in a queue and leaves frame by frame:
///
/// - on an absolute schedule: each frame is due one [`Ptime`] after the frame before it *was due*, so
///   delays do not add up. Behind a frame that is late by more than half a ptime, the schedule skips
///   the missed time; nothing is ever sent faster to catch up;
/// - without gaps between pieces: the next piece completes a frame that a piece did not fill. Only
///   when nothing follows, the frame is padded with silence;
/// - not while the peer takes nothing: frames then wait in the queue, where they can be cleared;
/// - with silence when there is nothing to play, unless [`SessionConfig::fill_silence`] is off.
///
/// Like a [`Session`](crate::Session) it has no clock. Its driver
///
/// - calls [`start`](Self::start) when the UUID has come, and [`close`](Self::close) at the end;
/// - calls [`poll`](Self::poll) at the time of [`poll_timeout`](Self::poll_timeout), sends the frame
///   that it returns, and asks again;
/// - calls [`poll_mark`](Self::poll_mark) after that and whenever all bytes have been written;
/// - reports audio that it sends beside the playout by [`sent`](Self::sent).
///
/// The server's `CallDriver` does all this. `M` is the type of a mark.
///
/// Dropping [`Bytes`] can run code of their owner. So nothing is dropped in here: methods that take
/// audio out of the queue push it to `dropped`, for a driver that holds a lock while it calls them.
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
    max: CompactDuration,
    fill_silence: bool,
    state: PlayoutState,
    queue: Queue<M>,
    /// Marks that have left the queue, in order. Audio ahead of a mark that was played may still wait
    /// to be written.
    reached: VecDeque<(M, MarkOutcome)>,
    /// The rate of silence.
    rate: Rate,
    /// No frame is due earlier.
    next: Timestamp,
    /// Nor is silence due earlier than this, which is [`SILENCE_AFTER_SENDING`] after the end of the
    /// audio that was sent by other means.
    silence_from: Timestamp,
    /// The last frame was given out; `next` is one ptime after it was due.
    running: bool,
    /// A frame is due and waits for the peer to take the bytes that were sent before.
    held: bool,
    /// The frame before was one of the queue, and nothing was cleared since.
    speaking: bool,
    /// When a frame was due behind such a frame, and the queue had none.
    dry_since: Option<Timestamp>,
    stats: Counts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PlayoutState {
    New,
    Open,
    Closed,
}

/// The rate that silence has: that of the audio that was sent last, else that of the caller's audio.
#[derive(Clone, Copy, Debug)]
enum Rate {
    Received(SampleRate),
    Sent(SampleRate),
}

impl<M> Playout<M> {
    /// A playout for a call that has not begun.
    #[must_use]
    pub fn new(config: &SessionConfig) -> Self {
        Self {
            ptime: config.ptime,
            max: config.max_playout.into(),
            fill_silence: config.fill_silence,
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
        }
    }

    /// The call has begun; the first frame is due now.
    pub fn start(&mut self, now: Timestamp) {
        self.state = PlayoutState::Open;
        self.next = now;
    }

    /// Queues `audio`, of any length and without a copy. A half sample at its end is completed by the
    /// next piece. Audio that is refused goes to `dropped`.
    ///
    /// # Errors
    ///
    /// [`SendError::EmptyAudio`]; [`SendError::PlayoutFull`] if audio waits and this would make it
    /// more than [`SessionConfig::max_playout`], so that an empty queue takes a piece of any
    /// length; [`SendError::NoCall`] before the call, after it, and after
    /// [`hangup`](Self::hangup).
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

    /// Whether the call has begun, and neither [`hangup`](Self::hangup) nor its end has come.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == PlayoutState::Open && !self.queue.ends_in_hangup()
    }

    /// How much more audio may be queued now; at least one ptime if no audio waits. Zero if 65,536
    /// pieces and marks wait.
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

    /// See [`SessionConfig::max_playout`].
    #[must_use]
    pub fn capacity(&self) -> Duration {
        self.max.duration()
    }

    /// Queues a mark, which [`poll_mark`](Self::poll_mark) returns when everything that was queued
    /// before it has been played or cleared.
    ///
    /// # Errors
    ///
    /// [`SendError::PlayoutFull`] if 65,536 pieces and marks wait; [`SendError::NoCall`] before
    /// and after the call.
    pub fn mark(&mut self, mark: M) -> Result<(), SendError> {
        if self.state != PlayoutState::Open {
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

    /// Moves the audio that waits to be played to `dropped`. No sample of it is in any frame that is
    /// given out after this.
    pub fn clear(&mut self, dropped: &mut Vec<Bytes>) -> Dropped {
        let audio = self.queue.audio();
        let (samples, duration) = (audio.samples(), audio.duration());
        let cleared = Dropped { samples, duration };
        self.stats.samples_dropped += cleared.samples;
        self.speaking = false;
        self.dry_since = None;
        let mut passed = |mark| self.reached.push_back((mark, MarkOutcome::Cleared));
        self.queue.clear(&mut passed, dropped);
        cleared
    }

    /// Asks for a hangup once the audio that waits has been played. Nothing can be played after it.
    /// [`clear`](Self::clear) still works; the hangup then comes in place of the next frame.
    pub fn hangup(&mut self) {
        if self.state == PlayoutState::Open {
            self.queue.push_hangup();
        }
    }

    /// Audio of `rate` was sent by other means. Silence has this rate now, and begins at
    /// `silence_from`, which [`silence_after`] computes.
    pub fn sent(&mut self, rate: SampleRate, silence_from: Timestamp) {
        self.rate = Rate::Sent(rate);
        self.silence_from = silence_from;
        if self.queue.is_empty() {
            self.running = false;
            self.speaking = false;
        }
    }

    /// The caller sends audio of `rate`. Silence has this rate until something is sent or played.
    pub fn received(&mut self, rate: SampleRate) {
        if let Rate::Received(received) = &mut self.rate {
            *received = rate;
        }
    }

    /// When to call [`poll`](Self::poll) next; `None` for not before something is queued, or
    /// everything has been written.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        if self.state != PlayoutState::Open || self.held {
            None
        } else if self.running || !self.queue.is_empty() {
            // With an empty queue, in order to notice that it ran dry.
            Some(self.next)
        } else {
            let silence = self.next.max(self.silence_from);
            self.fill_silence.then_some(silence)
        }
    }

    /// Whether [`poll_timeout`](Self::poll_timeout) is for silence, which audio that is [sent](Self::sent) moves.
    #[must_use]
    pub fn awaits_silence(&self) -> bool {
        !self.running && self.queue.is_empty() && self.next < self.silence_from
    }

    /// The frame that is due, or another thing to do. `drained` says whether all bytes that were sent
    /// before have been written. If not, the frame waits for that: poll again then. Pieces of audio
    /// that were copied into the frame go to `dropped`.
    pub fn poll(
        &mut self,
        now: Timestamp,
        drained: bool,
        dropped: &mut Vec<Bytes>,
    ) -> PlayoutOutput {
        self.held &= !drained;
        let Some(due) = self.poll_timeout().filter(|due| *due <= now) else {
            return PlayoutOutput::Idle;
        };
        if !drained {
            self.held = true;
            return PlayoutOutput::Idle;
        }
        let mut passed = |mark| self.reached.push_back((mark, MarkOutcome::Played));
        match self.queue.pop(self.ptime, &mut passed, dropped) {
            QueueHead::Frame(frame) => {
                self.stats.late += u64::from(self.advance(now, due));
                self.stats.frames += 1;
                let is_underrun = |since| now.saturating_since(since) < UNDERRUN_WITHIN;
                let underrun = self.dry_since.take().is_some_and(is_underrun);
                self.stats.underruns += u64::from(underrun);
                self.speaking = true;
                self.rate = Rate::Sent(frame.rate);
                PlayoutOutput::Frame(frame)
            }
            QueueHead::Hangup => {
                self.state = PlayoutState::Closed;
                PlayoutOutput::Hangup
            }
            QueueHead::Nothing => {
                if core::mem::take(&mut self.speaking) {
                    self.dry_since = Some(due);
                }
                self.silence(now, due)
            }
        }
    }

    /// The next mark that was reached, in the order in which they were set. `drained` says whether
    /// all bytes that were sent have been written; without that, no mark counts as played.
    pub fn poll_mark(&mut self, drained: bool) -> Option<(M, MarkOutcome)> {
        match self.reached.front() {
            Some((_, MarkOutcome::Played)) if !drained => None,
            _ => self.reached.pop_front(),
        }
    }

    /// Whether to [poll](Self::poll) once everything has been written: a frame is due, or a mark was
    /// reached.
    #[must_use]
    pub fn awaits_drain(&self) -> bool {
        self.held || !self.reached.is_empty()
    }

    /// The call is over. Moves the audio that waits to `dropped`, and returns the marks, which
    /// [`poll_mark`](Self::poll_mark) does not return any more.
    pub fn close(&mut self, dropped: &mut Vec<Bytes>) -> VecDeque<(M, MarkOutcome)> {
        self.state = PlayoutState::Closed;
        self.held = false;
        self.clear(dropped);
        core::mem::take(&mut self.reached)
    }

    /// Counters of this call, from its start.
    #[must_use]
    pub fn stats(&self) -> PlayoutStats {
        self.stats.with(self.queue.audio().duration())
    }

    fn full(&self) -> SendError {
        SendError::PlayoutFull {
            queued: self.queue.audio().duration(),
        }
    }

    fn silence(&mut self, now: Timestamp, due: Timestamp) -> PlayoutOutput {
        if !self.fill_silence || now < self.silence_from {
            self.running = false;
            return PlayoutOutput::Idle;
        }
        self.advance(now, due);
        self.stats.silence += 1;
        let (Rate::Received(rate) | Rate::Sent(rate)) = self.rate;
        PlayoutOutput::Frame(silence::frame(self.ptime, rate))
    }

    /// A frame was given out at `now`. Returns whether it was late.
    ///
    /// The schedule skips missed time by whole ptimes. If calls began a new schedule when a stall
    /// ends, all of them would be due at the same moment from then on, and each time the last of them
    /// would be later.
    fn advance(&mut self, now: Timestamp, due: Timestamp) -> bool {
        let ptime = self.ptime.duration();
        if !self.running {
            self.running = true;
            self.next = now + ptime;
            return false;
        }
        self.next = due + ptime;
        let missed = (now + ptime / 2).saturating_since(self.next);
        if missed.is_zero() {
            return false;
        }
        let whole_ptimes = missed.as_nanos().div_ceil(ptime.as_nanos()) * ptime.as_nanos();
        self.next =
            self.next + Duration::from_nanos(u64::try_from(whole_ptimes).unwrap_or(u64::MAX));
        true
    }
}
