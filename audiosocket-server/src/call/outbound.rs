//! The outbound half of a call.

use std::task::Waker;

use crate::call::commands::Commands;
use crate::call::sent::SentObservers;
use crate::{CallHandle, CallStats, Exception};
use audiosocket_proto::{
    Audio, MarkOutcome, PlayoutOutput, SampleRate, SendError, Session, Timestamp, silence_after,
};

/// The most bytes that fit one TCP segment on nearly all networks: IPv6 in a tunnel, with the longest options of TCP.
pub(crate) const SEGMENT: usize = 1300;

/// The most bytes of audio in a frame that fits one segment: whole samples, after the header of 3 bytes.
const SEGMENT_AUDIO: usize = SEGMENT - 4;

/// The session of a call, and the schedule of its playout.
///
/// The playout is behind a lock, so it is polled only when a frame or silence is due. An echoed call never polls
/// it, because each answer delays the silence.
#[derive(Debug)]
pub(crate) struct Outbound {
    pub(crate) session: Session,
    pub(crate) handle: CallHandle,
    /// When to poll the playout.
    pub(crate) playout_due: Option<Timestamp>,
    /// Whether `playout_due` is the time of silence, which sent audio delays.
    pub(crate) due_for_silence: bool,
    /// Whether to poll the playout in any case.
    pub(crate) playout_changed: bool,
    /// Whether to poll the playout once all bytes are written.
    pub(crate) awaits_drain: bool,
    /// Answers were dropped and reported, and the peer has not caught up.
    pub(crate) is_behind: bool,
    /// The server began to shut down, and the handler was not called for it.
    pub(crate) shutdown_began: bool,
    /// When silence may begin after the audio that was sent.
    pub(crate) silence_from: Timestamp,
    /// The rate of the last sent frame.
    pub(crate) rate_sent: Option<SampleRate>,
    /// The rate of the last sent audio, until the playout gets it.
    pub(crate) sent: Option<SampleRate>,
    /// The rate of the caller's audio.
    pub(crate) received: Option<SampleRate>,
    /// The waker that the handles wake.
    waker: Option<Waker>,
    /// The observers of sent audio. In a box, since most calls have none.
    pub(crate) observers: Option<Box<SentObservers>>,
}

/// The outcome of a poll of the playout.
#[derive(Debug)]
pub(crate) enum PlayoutStep {
    Done,
    Mark(u64, MarkOutcome),
    Hangup,
    /// An observer of sent audio has panicked.
    Panicked(Exception),
}

impl Outbound {
    pub(crate) fn new(session: Session, handle: CallHandle) -> Self {
        Self {
            session,
            handle,
            playout_due: None,
            due_for_silence: false,
            playout_changed: false,
            awaits_drain: false,
            is_behind: false,
            shutdown_began: false,
            silence_from: Timestamp::ZERO,
            rate_sent: None,
            sent: None,
            received: None,
            waker: None,
            observers: None,
        }
    }

    /// Returns the time at which the connection came.
    #[inline]
    pub(crate) fn accepted_at(&self) -> Timestamp {
        self.handle.control().times.accepted_at()
    }

    /// Starts the playout.
    pub(crate) fn start(&mut self, now: Timestamp) {
        self.handle.control().lock().playout.start(now);
        self.playout_changed = true;
    }

    /// Sends one frame now.
    #[inline]
    pub(crate) fn send(&mut self, now: Timestamp, audio: Audio<'_>) -> Result<(), SendError> {
        self.session.send(now, audio)?;
        self.silence_from = silence_after(self.silence_from, now, audio.duration());
        if self.due_for_silence {
            self.playout_due = self.playout_due.map(|due| due.max(self.silence_from));
        }
        self.handle.control().times.sent(now, audio);
        self.sent = Some(audio.rate());
        self.rate_sent = self.sent;
        if self.observers.is_some() {
            self.observe(audio, now, false);
        }
        Ok(())
    }

    /// Passes a sent frame to the observers. If one of them panics, the next poll of the playout reports it.
    fn observe(&mut self, audio: Audio<'_>, at: Timestamp, on_schedule: bool) {
        if let Some(observers) = &mut self.observers {
            self.playout_changed |= observers.notify(audio, at, on_schedule);
        }
    }

    /// Notes whether bytes wait to be written.
    #[inline]
    pub(crate) fn note_waiting(&self, now: Timestamp) {
        let unsent = self.session.unsent();
        self.handle.control().times.waiting(now, unsent);
    }

    /// Notes the time of a frame of the caller, and stores its rate.
    #[inline]
    pub(crate) fn received(&mut self, now: Timestamp, audio: Audio<'_>) {
        self.handle.control().times.received(now, audio);
        self.set_received(audio.rate());
    }

    /// Stores the rate of the caller's audio, if it is new.
    #[inline]
    pub(crate) fn set_received(&mut self, rate: SampleRate) {
        if self.received != Some(rate) {
            self.received = Some(rate);
            self.handle.control().received(rate);
        }
    }

    /// Takes the commands of handles and of the server, if there are any. Later ones wake `waker`.
    #[inline]
    pub(crate) fn take_commands(&mut self, waker: &Waker) -> Option<Commands> {
        let control = self.handle.control();
        control.publish(self.session.stats(), self.rate_sent);
        if !control.has_commands() && self.knows_waker(waker) {
            return None;
        }
        self.waker = Some(waker.clone());
        Some(control.take_commands(waker))
    }

    /// Whether the handles wake this waker.
    #[inline]
    pub(crate) fn knows_waker(&self, waker: &Waker) -> bool {
        let known = self.waker.as_ref();
        known.is_some_and(|known| known.will_wake(waker))
    }

    /// Whether to poll the playout.
    #[inline]
    pub(crate) fn is_playout_due(&self, now: Timestamp) -> bool {
        self.playout_changed
            || self.playout_due.is_some_and(|due| due <= now)
            || (self.awaits_drain && self.session.unsent() == 0)
    }

    /// Polls the playout, and sends the frame that is due.
    pub(crate) fn poll_playout(&mut self, now: Timestamp) -> PlayoutStep {
        let panic = self.observers.as_mut().and_then(|it| it.panic.take());
        if let Some(panic) = panic {
            return PlayoutStep::Panicked(panic);
        }
        let drained = self.session.unsent() == 0;
        // Dropped and woken without the lock: both can run code of other crates.
        let mut dropped = Vec::new();
        let (mark, output, frame_time, waker) = {
            let inner = &mut *self.handle.control().lock();
            let playout = &mut inner.playout;
            if let Some(rate) = self.sent.take() {
                playout.sent(rate, self.silence_from);
            }
            let mark = playout.poll_mark(drained);
            let output = match mark {
                Some(_) => PlayoutOutput::Idle,
                None => playout.poll(now, drained, &mut dropped),
            };
            self.playout_due = playout.poll_timeout();
            self.due_for_silence = playout.awaits_silence();
            self.awaits_drain = playout.awaits_drain();
            let rare = inner.rare.as_mut();
            let waker = rare.and_then(|rare| rare.waiting_plays.wake(playout));
            (mark, output, playout.frame_time(), waker)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        self.playout_changed = mark.is_some();
        if let Some((mark, outcome)) = mark {
            let mark = mark.reached(outcome);
            return mark.map_or(PlayoutStep::Done, |mark| PlayoutStep::Mark(mark, outcome));
        }
        match output {
            PlayoutOutput::Frame(frame) => {
                match self.send_in_segments(now, frame.as_audio()) {
                    Ok(()) => {
                        self.rate_sent = Some(frame.rate());
                        self.handle.control().times.sent(now, frame.as_audio());
                        self.observe(frame.as_audio(), frame_time, true);
                    }
                    Err(SendError::NoCall) => self.close_playout(),
                    Err(_) => {}
                }
                PlayoutStep::Done
            }
            PlayoutOutput::Hangup => PlayoutStep::Hangup,
            PlayoutOutput::Idle => PlayoutStep::Done,
        }
    }

    /// Sends played audio in equal frames that each fit one TCP segment. Asterisk ends a call if the second segment of a frame
    /// comes late, because it was lost.
    fn send_in_segments(&mut self, now: Timestamp, audio: Audio<'_>) -> Result<(), SendError> {
        let frames = audio.len().div_ceil(SEGMENT_AUDIO).max(1);
        let len = audio.len().div_ceil(frames).next_multiple_of(2).max(2);
        for part in audio.payload().chunks(len) {
            self.session.send(now, Audio::new(audio.rate(), part))?;
        }
        Ok(())
    }

    /// Sets `now` as the time of the next poll, if the playout has more to do.
    pub(crate) fn yield_playout(&mut self, now: Timestamp) {
        if self.playout_changed {
            self.playout_due = Some(now);
            self.due_for_silence = false;
        }
    }

    /// Closes the playout.
    pub(crate) fn close_playout(&mut self) {
        let control = self.handle.control();
        control.publish(self.session.stats(), self.rate_sent);
        control.close_playout();
        self.playout_due = None;
        self.playout_changed = false;
        self.awaits_drain = false;
    }

    pub(crate) fn stats(&self) -> CallStats {
        let control = self.handle.control();
        let playout = control.lock().playout.stats();
        CallStats {
            session: *self.session.stats(),
            playout,
            rate_sent: self.rate_sent,
            retransmissions: control.retransmissions.load(),
        }
    }
}
