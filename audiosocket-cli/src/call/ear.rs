//! What one caller hears, and what is to be known about it.

use std::time::Instant;

use audiosocket_proto::{Audio, SampleRate};
use audiosocket_record::{Recorder, Track};

use super::Run;
use super::args::Expect;
use super::barge_in::{BargeIn, Reaction};
use super::echo_check::{Counts, EchoCheck, Sent, is_silence};
use super::hearing::{Jitter, Playout, Steadiness};
use super::live::Live;
use super::plan::Identity;

#[derive(Debug)]
pub(super) struct Ear<'r> {
    live: &'r Live,
    format: SampleRate,
    frames: Frames,
    /// If the caller talks, or is quiet, in real time; in a closed loop nothing can be late.
    clock: Option<Clock>,
    /// If echo is expected.
    echo: Option<EchoCheck>,
    /// If the caller barges in.
    barge_in: Option<BargeIn>,
    /// The recording of this call, with `--record`.
    track: Option<Track>,
}

/// When audio is heard, and how steadily.
#[derive(Debug, Default)]
struct Clock {
    playout: Playout,
    jitter: Jitter,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Frames {
    pub(super) received: u64,
    /// Of these.
    pub(super) silence: u64,
}

/// What a caller has heard when its call is over.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heard {
    pub(super) frames: Frames,
    pub(super) echo: Counts,
    pub(super) steadiness: Steadiness,
    /// `None` if the caller was not to barge in.
    pub(super) reaction: Option<Reaction>,
}

impl<'r> Ear<'r> {
    /// For a call that begins now.
    pub(super) fn new(run: &'r Run, identity: &Identity) -> Self {
        let plan = &run.plan;
        let echo = || EchoCheck::new(identity.voice.clone());
        // A recording that cannot start counts as failed.
        let track = |recorder: &Recorder| recorder.track(identity.uuid).ok();
        Self {
            live: &run.live,
            format: plan.format,
            frames: Frames::default(),
            clock: (!plan.is_closed_loop()).then(Clock::default),
            echo: (plan.expect == Expect::Echo).then(echo),
            barge_in: plan.barge_in.map(|_| BargeIn::default()),
            track: run.recorder.as_ref().and_then(track),
        }
    }

    /// `audio` was read at `now`.
    pub(super) fn hear(&mut self, audio: Audio<'_>, now: Instant) {
        let silence = is_silence(&audio);
        self.frames.received += 1;
        self.frames.silence += u64::from(silence);
        self.live.received();
        if let Some(Clock { playout, jitter }) = &mut self.clock {
            let duration = audio.rate().duration_of(audio.samples().len() as u64);
            let played = playout.play(now, duration);
            if let Some(deviation) = jitter.frame(now, duration, played.pause) {
                self.live.heard(deviation);
            }
            if let Some(barge_in) = &mut self.barge_in
                && !silence
            {
                barge_in.speech(played);
            }
        }
        if let Some(track) = &mut self.track {
            track.write(now, audio);
        }
        let Some(echo) = &mut self.echo else {
            return;
        };
        if audio.rate() == self.format {
            let (live, in_real_time) = (self.live, self.clock.is_some());
            echo.receive(&audio, |sent| {
                live.echoed(now - sent.at, in_real_time.then(|| now - sent.due));
            });
        } else {
            echo.receive_foreign(&audio);
        }
    }

    /// The caller said a frame that has to come back.
    pub(super) fn said(&mut self, sent: Sent) {
        if let Some(echo) = &mut self.echo {
            echo.sent(sent);
        }
    }

    /// All that the caller said has come back. Never, if that is not expected.
    pub(super) fn has_heard_all(&self) -> bool {
        let heard = |echo: &EchoCheck| echo.outstanding() == 0;
        self.echo.as_ref().is_some_and(heard)
    }

    /// The caller barges in at `now`.
    pub(super) fn barge_in(&mut self, now: Instant) {
        if let Some(call) = &mut self.barge_in {
            call.barge_in(now);
        }
    }

    pub(super) fn finish(self, now: Instant, by_server: bool) -> Heard {
        Heard {
            frames: self.frames,
            echo: self.echo.map_or_else(Counts::default, EchoCheck::finish),
            steadiness: self
                .clock
                .map_or_else(Steadiness::default, |clock| clock.jitter.steadiness()),
            reaction: self.barge_in.map(|call| call.finish(now, by_server)),
        }
    }
}
