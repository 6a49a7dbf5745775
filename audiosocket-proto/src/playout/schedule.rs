//! The times at which frames of a playout leave.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::queue::QueueHead;
use super::{MarkOutcome, Playout, PlayoutOutput, PlayoutState, Rate, silence};
use crate::{AudioBuf, Timestamp};

/// If audio comes within this time after the queue ran empty, the gap counts as an underrun.
const UNDERRUN_WITHIN: Duration = Duration::from_millis(500);

impl<M> Playout<M> {
    /// Returns when to call [`poll`](Self::poll) next. Returns `None` if there is nothing to do until audio is
    /// queued or all bytes are written.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        if !self.is_in_call() || self.held {
            None
        } else if self.running {
            // Poll with an empty queue too: that poll notices that the queue ran empty.
            Some(self.next)
        } else {
            let fills = self.fill_silence || self.has_bed();
            let silence = fills.then_some(self.silence_from);
            let earliest = [self.ready_from(), silence].into_iter().flatten().min();
            earliest.map(|earliest| self.next.max(earliest))
        }
    }

    /// Returns the time in the schedule of the frame that the last [`poll`](Self::poll) returned. The next frame is
    /// due one ptime later. This time is at most half a ptime from the time of that poll.
    ///
    /// It has no meaning if the last `poll` did not return a frame.
    #[must_use]
    pub fn frame_time(&self) -> Timestamp {
        let ptime = self.ptime.duration().as_nanos() as u64;
        Timestamp::from_nanos(self.next.as_nanos().saturating_sub(ptime))
    }

    /// Returns whether [`poll_timeout`](Self::poll_timeout) is the time of silence. [Sent](Self::sent) audio moves that time.
    #[must_use]
    pub fn awaits_silence(&self) -> bool {
        !self.running && self.ready_from().is_none() && self.next < self.silence_from
    }

    /// Returns the frame or the hangup that is due at `now`.
    ///
    /// Set `drained` if all earlier bytes are written. If they are not, a due frame waits: poll again when they are.
    /// Pieces of audio that were copied into the frame go to `dropped`.
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
        let queued = self.queue.audio().bytes;
        let head = if self.ready_from().is_some_and(|ready| ready <= now) {
            let mut passed = |mark| self.reached.push_back((mark, MarkOutcome::Played));
            self.queue.pop(self.ptime, &mut passed, dropped)
        } else {
            QueueHead::Nothing
        };
        match head {
            QueueHead::Frame(frame) => {
                let lateness = self.advance(now, due);
                let played = queued - self.queue.audio().bytes;
                self.stats.samples_played += played.div_ceil(2);
                let is_short = |since| now.saturating_since(since) < UNDERRUN_WITHIN;
                let dry_since = self.dry_since.take();
                let underrun =
                    dry_since.is_some_and(|since| is_short(since) || self.is_incomplete());
                self.stats.played(now, lateness, self.ptime, underrun);
                self.speaking = true;
                self.rate = Rate::Sent(frame.rate);
                PlayoutOutput::Frame(self.mix_into(frame, true, dropped))
            }
            QueueHead::Hangup => {
                self.state = PlayoutState::Closed;
                PlayoutOutput::Hangup
            }
            QueueHead::Nothing => {
                self.end_speech(due);
                self.silence(now, due, dropped)
            }
        }
    }

    /// Returns the next mark that was reached. Marks come in the order in which they were set. Set `drained` if all
    /// bytes are written. Until then, no mark counts as played.
    pub fn poll_mark(&mut self, drained: bool) -> Option<(M, MarkOutcome)> {
        match self.reached.front() {
            Some((_, MarkOutcome::Played)) if !drained => None,
            _ => self.reached.pop_front(),
        }
    }

    /// Returns whether to [poll](Self::poll) once all bytes are written: a frame is due, or a mark was reached.
    #[must_use]
    pub fn awaits_drain(&self) -> bool {
        self.held || !self.reached.is_empty()
    }

    /// Returns the time from which on the front of the queue leaves. Returns `None` if the queue is empty or waits.
    pub(super) fn ready_from(&self) -> Option<Timestamp> {
        if self.state != PlayoutState::Open || self.queue.is_empty() || self.is_filling() {
            None
        } else if self.queue.starts_with_hangup() {
            let speech_end = if self.speaking {
                Some(self.next)
            } else {
                self.dry_since
            };
            let tail = Duration::from_millis(self.tail_millis.into());
            Some(speech_end.map_or(Timestamp::ZERO, |end| end + tail))
        } else {
            Some(Timestamp::ZERO)
        }
    }

    /// Notes that no audio of the queue leaves at `due`.
    fn end_speech(&mut self, due: Timestamp) {
        if !core::mem::take(&mut self.speaking) {
            return;
        }
        if self.state != PlayoutState::Paused {
            self.dry_since = Some(due);
        } else if let Some(extras) = &mut self.extras {
            extras.fades_in |= extras.fade_out.is_some();
        }
    }

    /// Ends the schedule. The next frame begins a new one.
    pub(super) fn stop_schedule(&mut self) {
        self.running = false;
        if let Some(extras) = &mut self.extras {
            extras.stop();
        }
    }

    fn silence(
        &mut self,
        now: Timestamp,
        due: Timestamp,
        dropped: &mut Vec<Bytes>,
    ) -> PlayoutOutput {
        let may_fill = now >= self.silence_from;
        let extras = self.extras.as_ref();
        let rate = match extras.and_then(|extras| extras.rate(may_fill)) {
            Some(rate) => rate,
            None if self.fill_silence && may_fill => self.rate.sample_rate(),
            None => {
                self.stop_schedule();
                return PlayoutOutput::Idle;
            }
        };
        if self.has_bed() {
            self.rate = Rate::Sent(rate);
        }
        self.advance(now, due);
        self.stats.silence += 1;
        let frame = silence::frame(self.ptime, rate);
        PlayoutOutput::Frame(self.mix_into(frame, false, dropped))
    }

    fn mix_into(&mut self, frame: AudioBuf, is_played: bool, dropped: &mut Vec<Bytes>) -> AudioBuf {
        match &mut self.extras {
            None => frame,
            Some(extras) => extras.mix_into(frame, is_played, self.ptime, dropped),
        }
    }

    /// Moves the schedule after a frame that was due at `due` and left at `now`. Returns its lateness.
    ///
    /// The schedule skips missed time by whole ptimes. If it started again at the end of a stall, all calls would
    /// be due at the same moment from then on, and the last of them would always be late.
    fn advance(&mut self, now: Timestamp, due: Timestamp) -> Duration {
        let ptime = self.ptime.duration();
        if !self.running {
            self.running = true;
            self.next = now + ptime;
            return Duration::ZERO;
        }
        self.next = due + ptime;
        let missed = (now + ptime / 2).saturating_since(self.next);
        let whole_ptimes = missed.as_nanos().div_ceil(ptime.as_nanos()) * ptime.as_nanos();
        self.next =
            self.next + Duration::from_nanos(u64::try_from(whole_ptimes).unwrap_or(u64::MAX));
        now.saturating_since(due)
    }
}
