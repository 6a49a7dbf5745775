use crate::CallHandle;
use crate::CallStats;
use crate::call::control::Mark;
use audiosocket_proto::silence_after;
use audiosocket_proto::{
    Audio, MarkOutcome, Playout, PlayoutOutput, SampleRate, SendError, Session, Timestamp,
};

/// What a call says: its session, with what is played on it.
///
/// The playout is asked when something is due, which on a call that is only echoed it never is: each answer
/// puts silence off.
#[derive(Debug)]
pub(crate) struct Outbound {
    pub(crate) session: Session,
    handle: CallHandle,
    /// When to ask the playout.
    due: Option<Timestamp>,
    /// That is for silence, which what is sent puts off.
    due_for_silence: bool,
    /// Ask it in any case.
    stirred: bool,
    awaits_drain: bool,
    /// When silence may begin behind all that was sent.
    silence_from: Timestamp,
    /// The rate of what was sent last, if the playout does not know of it.
    sent: Option<SampleRate>,
    heard: Option<SampleRate>,
}

/// What the playout came to.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Something that asks for nothing more.
    Done,
    Mark(u64, MarkOutcome),
    Hangup,
}

impl Outbound {
    pub(crate) fn new(session: Session, handle: CallHandle) -> Self {
        Self {
            session,
            handle,
            due: None,
            due_for_silence: false,
            stirred: false,
            awaits_drain: false,
            silence_from: Timestamp::ZERO,
            sent: None,
            heard: None,
        }
    }

    pub(crate) fn start(&mut self, now: Timestamp) {
        self.handle.desk().with(|playout| playout.start(now));
        self.stirred = true;
    }

    pub(crate) fn send(&mut self, now: Timestamp, audio: Audio<'_>) -> Result<(), SendError> {
        self.session.send(now, audio)?;
        let lasts = audio.rate().duration_of(audio.len() as u64 / 2);
        self.silence_from = silence_after(self.silence_from, now, lasts);
        if self.due_for_silence {
            self.due = self.due.map(|due| due.max(self.silence_from));
        }
        self.sent = Some(audio.rate());
        Ok(())
    }

    /// The caller sent audio of this rate.
    pub(crate) fn hear(&mut self, rate: SampleRate) {
        self.heard = Some(rate);
    }

    pub(crate) fn transmitted(&mut self, now: Timestamp, written: usize) {
        self.session.transmitted(now, written);
        self.stirred |= self.awaits_drain && self.session.unsent() == 0;
    }

    /// Changes what is played, from within the call.
    pub(crate) fn change<R>(&mut self, act: impl FnOnce(&mut Playout<Mark>) -> R) -> R {
        self.stirred = true;
        self.handle.desk().with(act)
    }

    /// The playout was changed from elsewhere.
    pub(crate) fn stir(&mut self) {
        self.stirred = true;
    }

    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        self.session
            .poll_timeout()
            .into_iter()
            .chain(self.due)
            .min()
    }

    /// Whether there is a [`turn`](Self::turn) to take.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.stirred || self.due.is_some_and(|due| due <= now)
    }

    /// Does the next thing that the playout asks for.
    pub(crate) fn turn(&mut self, now: Timestamp) -> Turn {
        let drained = self.session.unsent() == 0;
        let (sent, heard) = (self.sent.take(), self.heard.take());
        // Dropped when the lock is not held, since that may run others' code.
        let mut spent = Vec::new();
        let (mark, output) = self.handle.desk().with(|playout| {
            if let Some(rate) = heard {
                playout.heard(rate);
            }
            if let Some(rate) = sent {
                playout.put_silence_off(self.silence_from, rate);
            }
            let mark = playout.poll_mark(drained);
            let output = match mark {
                Some(_) => PlayoutOutput::Idle,
                None => playout.act(now, drained, &mut spent),
            };
            self.due = playout.poll_timeout();
            self.due_for_silence = playout.puts_silence_off();
            self.awaits_drain = playout.awaits_drain();
            (mark, output)
        });
        self.stirred = mark.is_some();
        if let Some((mark, outcome)) = mark {
            return match mark.reached(outcome) {
                Some(mark) => Turn::Mark(mark, outcome),
                None => Turn::Done,
            };
        }
        match output {
            PlayoutOutput::Frame(rate, frame) => {
                let sent = self.session.send(now, Audio::new(rate, &frame));
                if sent == Err(SendError::NoCall) {
                    self.end();
                }
                Turn::Done
            }
            PlayoutOutput::Hangup => Turn::Hangup,
            PlayoutOutput::Idle => Turn::Done,
        }
    }

    /// There is more to do than may be done at once.
    pub(crate) fn go_on_at(&mut self, now: Timestamp) {
        if self.stirred {
            self.due = Some(now);
            self.due_for_silence = false;
        }
    }

    /// Nothing more is played.
    pub(crate) fn end(&mut self) {
        self.handle.desk().end(self.session.stats());
        self.due = None;
        self.stirred = false;
        self.awaits_drain = false;
    }

    /// Ends the session; tells whether it was not over before.
    pub(crate) fn hang_up(&mut self, now: Timestamp) -> bool {
        self.session.hangup(now).is_some()
    }

    pub(crate) fn stats(&self) -> CallStats {
        let playout = self.handle.desk().with(|playout| playout.stats());
        CallStats::new(self.session.stats(), playout)
    }

    pub(crate) fn handle(&self) -> &CallHandle {
        &self.handle
    }
}
