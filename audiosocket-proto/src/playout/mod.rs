//! What is played on a call: cut into frames, paced, and kept going with silence.

mod queue;
mod stats;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use crate::{Ptime, SampleRate, SendError, SessionConfig, Timestamp};
use queue::{Length, Queue, QueueHead};
use stats::Counts;

pub use stats::{Dropped, PlayoutStats};

/// How long after the end of what was sent by other means silence begins. Such a call is paced by
/// whoever sends, often by the caller's own frames, which come with jitter: silence that stepped in
/// at once would be inserted again and again.
const SILENCE_AFTER_SENDING: Duration = Duration::from_millis(200);

/// Audio that comes this soon after the queue ran dry was meant to join what was played.
const UNDERRUN_WITHIN: Duration = Duration::from_millis(500);

/// Pieces and marks that may wait: a bound for what takes memory and is no audio.
const MAX_ENTRIES: usize = 65_536;

static SILENCE: [u8; Ptime::MAX.frame_len(SampleRate::Hz192000)] =
    [0; Ptime::MAX.frame_len(SampleRate::Hz192000)];

/// Plays audio of any length on a call, in frames that leave on time.
///
/// Asterisk hands on what it gets without a buffer and without pacing (`apps/app_audiosocket.c`,
/// `channels/chan_audiosocket.c`), so a second of audio sent at once is a second of noise. Here
/// audio waits in a queue and leaves frame by frame:
///
/// - on an absolute schedule: each frame is due one [`Ptime`] after the one before it *was due*, so
///   delays do not add up. Behind a frame that is late by more than half of that, the schedule skips
///   what was missed, in whole ptimes; nothing is ever sent faster to catch up;
/// - without gaps between pieces: what does not fill a frame is joined by the next piece. Only when
///   nothing follows, the frame is padded with silence;
/// - not while the peer takes nothing: frames then wait in the queue, where they can be cleared;
/// - with silence when there is nothing to play, unless [`SessionConfig::fill_silence`] says
///   otherwise.
///
/// Like a [`Session`](crate::Session) it has no clock. Whoever drives it
///
/// - [starts](Self::start) it when the UUID has come, and [closes](Self::close) it at the end;
/// - calls [`poll`](Self::poll) at the time of [`poll_timeout`](Self::poll_timeout), sends what it
///   returns, and asks again;
/// - calls [`poll_mark`](Self::poll_mark) after that and whenever all has been written;
/// - tells it of what is sent beside it by [`sent`](Self::sent).
///
/// [`CallDriver`](crate::server::CallDriver) does all this. It stands apart from the session so that a
/// [`CallHandle`](crate::server::CallHandle) on another thread can have its answers at once: whether
/// there was room, how much was cleared. `M` is what a mark is.
///
/// ```
/// use audiosocket_proto::{Bytes, Playout, PlayoutOutput, SampleRate, SessionConfig, Timestamp};
/// use core::time::Duration;
///
/// let mut playout: Playout<&str> = Playout::new(&SessionConfig::default());
/// let start = Timestamp::ZERO;
/// playout.start(start);
/// playout.play(SampleRate::Hz8000, Bytes::from(vec![1; 400]))?;
/// playout.mark("said")?;
///
/// let PlayoutOutput::Frame(_, frame) = playout.poll(start, true) else { panic!() };
/// assert_eq!(frame.len(), 320);
/// assert_eq!(playout.poll(start, true), PlayoutOutput::Idle);
/// assert_eq!(playout.poll_timeout(), Some(start + Duration::from_millis(20)));
///
/// let PlayoutOutput::Frame(_, frame) = playout.poll(start + Duration::from_millis(20), true) else { panic!() };
/// assert_eq!((&frame[..80], &frame[80..]), (&[1; 80][..], &[0; 240][..]));
/// assert_eq!(playout.poll_mark(true).map(|(mark, _)| mark), Some("said"));
/// # Ok::<(), audiosocket_proto::SendError>(())
/// ```
#[derive(Debug)]
pub struct Playout<M> {
    ptime: Ptime,
    max: Duration,
    fill_silence: bool,
    state: State,
    queue: Queue<M>,
    /// Marks that have left the queue, in order. What those tell that were played may still wait to
    /// be written.
    reached: VecDeque<(M, MarkOutcome)>,
    /// The rate of silence.
    rate: Rate,
    /// No frame is due earlier.
    next: Timestamp,
    /// Nor is silence due earlier than this, which is [`SILENCE_AFTER_SENDING`] after the end of what
    /// was sent by other means.
    silence_from: Timestamp,
    /// The frame before was given out, so `next` is one ptime after it was due.
    running: bool,
    /// A frame is due and waits for the peer to take what was sent before.
    held: bool,
    /// The frame before was one of the queue, of which nothing was cleared since.
    speaking: bool,
    /// When a frame was due behind such a one, and the queue had none.
    dry_since: Option<Timestamp>,
    stats: Counts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Open,
    Closed,
}

/// What the silence follows: what we sent last, else what the caller sends.
#[derive(Clone, Copy, Debug)]
enum Rate {
    Heard(SampleRate),
    Sent(SampleRate),
}

/// What has to be done to play; see [`Playout::poll`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a driver that ignores an instruction does not play"
)]
pub enum PlayoutOutput {
    /// Nothing until [`Playout::poll_timeout`].
    Idle,
    /// Send this as one frame.
    Frame(SampleRate, Bytes),
    /// All has been played that was there before [`Playout::hangup`]: hang up.
    Hangup,
}

/// What became of a mark, and so of the audio that was queued ahead of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MarkOutcome {
    /// Its last sample has been written to the connection.
    Played,
    /// It was cleared, at least in part.
    Cleared,
    /// The call was over first. Only a future is told that: nothing comes after the end of a call.
    CallOver,
}

impl<M> Playout<M> {
    /// A playout for a call that has not begun.
    #[must_use]
    pub fn new(config: &SessionConfig) -> Self {
        Self {
            ptime: config.ptime,
            max: config.max_playout,
            fill_silence: config.fill_silence,
            state: State::New,
            queue: Queue::new(),
            reached: VecDeque::new(),
            rate: Rate::Heard(SampleRate::default()),
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
        self.state = State::Open;
        self.next = now;
    }

    /// Queues `audio`, in bytes of slin at `rate`. It is not copied: one piece of audio that is
    /// played on a thousand calls is in memory once. A half sample at its end is completed by the
    /// next piece.
    ///
    /// # Errors
    ///
    /// [`SendError::EmptyAudio`]; [`SendError::PlayoutFull`] if audio waits and this would make it
    /// more than [`SessionConfig::max_playout`], so that an empty queue takes a piece of any
    /// length; [`SendError::NoCall`] before the call, after it, and after
    /// [`hangup`](Self::hangup).
    pub fn play(&mut self, rate: SampleRate, audio: Bytes) -> Result<(), SendError> {
        self.offer(rate, audio).map_err(|(error, _)| error)
    }

    /// [`play`](Self::play), with what has to be dropped if it is refused.
    pub fn offer(&mut self, rate: SampleRate, audio: Bytes) -> Result<(), (SendError, Bytes)> {
        if self.state != State::Open || self.queue.ends_in_hangup() {
            return Err((SendError::NoCall, audio));
        }
        if audio.is_empty() {
            return Err((SendError::EmptyAudio, audio));
        }
        let queued = self.queue.audio();
        let sum = queued.plus(Length::of(rate, audio.len()));
        let fits = queued.bytes == 0 || sum.duration() <= self.max;
        if !fits || self.queue.len() >= MAX_ENTRIES {
            return Err((self.full(), audio));
        }
        self.queue.push(rate, audio);
        Ok(())
    }

    /// Queues a mark, which [`poll_mark`](Self::poll_mark) returns when all that was queued before
    /// it has been played or cleared.
    ///
    /// # Errors
    ///
    /// [`SendError::PlayoutFull`] if 65,536 pieces and marks wait; [`SendError::NoCall`] before
    /// and after the call.
    pub fn mark(&mut self, mark: M) -> Result<(), SendError> {
        if self.state != State::Open {
            return Err(SendError::NoCall);
        }
        if self.queue.len() + self.reached.len() >= MAX_ENTRIES {
            return Err(self.full());
        }
        let reached = self.queue.push_mark(mark);
        self.reached
            .extend(reached.map(|mark| (mark, MarkOutcome::Played)));
        Ok(())
    }

    /// Drops what waits to be played. No sample of it is in any frame that is given out after this.
    pub fn clear(&mut self) -> Dropped {
        self.take().0
    }

    /// [`clear`](Self::clear), with what has to be dropped.
    pub fn take(&mut self) -> (Dropped, Vec<Bytes>) {
        let audio = self.queue.audio();
        let dropped = Dropped {
            samples: audio.samples(),
            duration: audio.duration(),
        };
        self.stats.samples_dropped += dropped.samples;
        self.speaking = false;
        self.dry_since = None;
        let reached = &mut self.reached;
        let audio = self
            .queue
            .clear(&mut |mark| reached.push_back((mark, MarkOutcome::Cleared)));
        (dropped, audio)
    }

    /// Asks for a hangup once what waits has been played. Nothing can be played after it; what
    /// waits can still be cleared, and the hangup then comes in place of the next frame.
    pub fn hangup(&mut self) {
        if self.state == State::Open {
            self.queue.push_hangup();
        }
    }

    /// Audio of `rate` that lasts `duration` was sent by other means, so silence is not needed for
    /// a while. It goes on 200 ms after the end of all that was sent so.
    pub fn sent(&mut self, now: Timestamp, rate: SampleRate, duration: Duration) {
        let from = silence_after(self.silence_from, now, duration);
        self.put_silence_off(from, rate);
    }

    /// Audio was sent by other means, the last of it of `rate`, and silence begins only then.
    pub fn put_silence_off(&mut self, from: Timestamp, rate: SampleRate) {
        self.rate = Rate::Sent(rate);
        self.silence_from = from;
        if self.queue.is_empty() {
            self.running = false;
            self.speaking = false;
        }
    }

    /// Whether [`poll_timeout`](Self::poll_timeout) is for silence, and so late because of what was sent.
    /// It changes then as soon as anything is queued.
    pub fn puts_silence_off(&self) -> bool {
        !self.running && self.queue.is_empty() && self.next < self.silence_from
    }

    /// The caller sends audio of `rate`: that of silence, as long as nothing was sent or played.
    pub fn heard(&mut self, rate: SampleRate) {
        if let Rate::Heard(heard) = &mut self.rate {
            *heard = rate;
        }
    }

    /// When to call [`poll`](Self::poll) next; `None` for not before something is queued, or
    /// everything has been written.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        if self.state != State::Open || self.held {
            None
        } else if self.running || !self.queue.is_empty() {
            // Of an empty queue, to learn that it ran dry.
            Some(self.next)
        } else {
            let silence = self.next.max(self.silence_from);
            self.fill_silence.then_some(silence)
        }
    }

    /// What is due. `drained` says whether all that was sent before has been written: if not, what
    /// is due waits for that, and whoever calls this calls it again then.
    pub fn poll(&mut self, now: Timestamp, drained: bool) -> PlayoutOutput {
        self.act(now, drained, &mut Vec::new())
    }

    /// [`poll`](Self::poll), with what has to be dropped.
    pub fn act(&mut self, now: Timestamp, drained: bool, spent: &mut Vec<Bytes>) -> PlayoutOutput {
        self.held &= !drained;
        let Some(due) = self.poll_timeout().filter(|due| *due <= now) else {
            return PlayoutOutput::Idle;
        };
        if !drained {
            self.held = true;
            return PlayoutOutput::Idle;
        }
        let reached = &mut self.reached;
        let mut passed = |mark| reached.push_back((mark, MarkOutcome::Played));
        match self.queue.pop(self.ptime, &mut passed, spent) {
            QueueHead::Frame(rate, frame) => {
                self.stats.late += u64::from(self.advance(now, due));
                self.stats.frames += 1;
                let dry_since = self.dry_since.take();
                let underrun =
                    dry_since.is_some_and(|since| now.saturating_since(since) < UNDERRUN_WITHIN);
                self.stats.underruns += u64::from(underrun);
                self.speaking = true;
                self.rate = Rate::Sent(rate);
                PlayoutOutput::Frame(rate, frame)
            }
            QueueHead::Hangup => {
                self.state = State::Closed;
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
    /// all that was sent has been written, without which nothing counts as played.
    pub fn poll_mark(&mut self, drained: bool) -> Option<(M, MarkOutcome)> {
        match self.reached.front() {
            Some((_, MarkOutcome::Played)) if !drained => None,
            _ => self.reached.pop_front(),
        }
    }

    /// Whether there is something to ask for once everything has been written: a frame that is due,
    /// or a mark.
    #[must_use]
    pub fn awaits_drain(&self) -> bool {
        self.held || !self.reached.is_empty()
    }

    /// The call is over. Drops what waits, without a word of the marks.
    pub fn close(&mut self) {
        drop(self.end());
    }

    /// [`close`](Self::close), with what has to be dropped.
    pub fn end(&mut self) -> (Vec<Bytes>, VecDeque<(M, MarkOutcome)>) {
        self.state = State::Closed;
        self.held = false;
        let (_, audio) = self.take();
        (audio, core::mem::take(&mut self.reached))
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
        let (Rate::Heard(rate) | Rate::Sent(rate)) = self.rate;
        let frame = &SILENCE[..self.ptime.frame_len(rate)];
        PlayoutOutput::Frame(rate, Bytes::from_static(frame))
    }

    /// A frame was given out at `now`; tells whether it was late.
    ///
    /// What was missed is skipped by whole ptimes: calls that begun anew when a stall ends would all
    /// be due at the same moment from then on, each time the last of them later.
    fn advance(&mut self, now: Timestamp, due: Timestamp) -> bool {
        let ptime = self.ptime.duration();
        if !self.running {
            self.running = true;
            self.next = now + ptime;
            return false;
        }
        self.next = due + ptime;
        let missed = (now + ptime / 2).saturating_since(self.next);
        let whole_ptimes = missed.as_nanos().div_ceil(ptime.as_nanos()) * ptime.as_nanos();
        self.next =
            self.next + Duration::from_nanos(u64::try_from(whole_ptimes).unwrap_or(u64::MAX));
        !missed.is_zero()
    }
}

/// When silence begins that was to begin `before`, now that audio is sent which lasts so long.
pub fn silence_after(before: Timestamp, now: Timestamp, lasts: Duration) -> Timestamp {
    before.max(now + SILENCE_AFTER_SENDING) + lasts
}
