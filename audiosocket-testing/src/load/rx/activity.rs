//! When the server sends audio, for the expectations of a scenario.

use std::time::{Duration, Instant};

use audiosocket_media::pcm;
use audiosocket_proto::Audio;

use super::jitter::PlayedFrame;
use crate::load::scenario::{Expectation, Expected, SPEECH_PAUSE};

/// Quieter audio is silence: -50 dB of full scale, as the power of a sample.
const QUIETEST: f64 = 32_768.0 * 32_768.0 * 1e-5;

/// The audio of the server as a telephone plays it, since the start of the call and since the current expectation.
#[derive(Debug)]
pub(in crate::load) struct AudioActivity {
    /// The end of all audio so far.
    until: Option<Instant>,
    /// The frequency of the expected tone.
    tone: Option<u32>,
    begun: Instant,
    /// The start and the end of the last expected audio since `begun`. Pauses of less than [`SPEECH_PAUSE`] are part of it.
    stretch: Option<(Instant, Instant)>,
    /// Kept for its memory.
    samples: Vec<i16>,
}

/// Whether an expectation is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::load) enum ExpectationState {
    Open,
    Met,
    Missed(StepFault),
}

/// Why a step of a scenario failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::load) enum StepFault {
    NoAudio,
    /// The audio lasted only this long.
    Short(Duration),
    /// Audio came during the silence, or did not end.
    NoSilence,
    NoHangup,
    /// The server sent a hangup frame.
    HungUp,
    /// The server closed the connection without a hangup frame.
    Closed,
    /// The call ended for another reason.
    Over,
}

impl AudioActivity {
    pub(in crate::load) fn new(now: Instant) -> Self {
        Self {
            until: None,
            tone: None,
            begun: now,
            stretch: None,
            samples: Vec::new(),
        }
    }

    /// An expectation begins at `now`. Audio that is played then is part of it.
    pub(in crate::load) fn begin(&mut self, expectation: Expectation, now: Instant) {
        self.begun = now;
        self.tone = match expectation.expected() {
            Expected::Tone(hz) => Some(hz),
            _ => None,
        };
        let playing = self
            .until
            .filter(|until| *until > now && self.tone.is_none());
        self.stretch = playing.map(|until| (now, until));
    }

    /// Takes a frame that a telephone plays.
    pub(super) fn receive(&mut self, audio: Audio<'_>, played: PlayedFrame) {
        self.samples.clear();
        pcm::from_slin(audio.payload(), &mut self.samples);
        let power = power(&self.samples);
        if power < QUIETEST {
            return;
        }
        self.until = Some(played.until);
        let is_tone = |hz| power_at(hz, audio.rate().hz(), &self.samples) >= power / 2.0;
        if !self.tone.is_none_or(is_tone) {
            return;
        }
        let from = match self.stretch {
            Some((from, until)) if played.from < until + SPEECH_PAUSE => from,
            _ => played.from.max(self.begun),
        };
        self.stretch = Some((from, played.until));
    }

    /// Returns whether the current expectation is met at `now`. All audio before `now` was received.
    pub(in crate::load) fn state(
        &self,
        expectation: Expectation,
        now: Instant,
    ) -> ExpectationState {
        let (within, lasts) = (expectation.within(), expectation.lasts());
        let latest = self.begun + within;
        match expectation.expected() {
            Expected::Audio | Expected::Tone(_) => self.state_of_audio(latest, lasts, now),
            Expected::Silence => {
                let from = self.until.map_or(self.begun, |until| until.max(self.begun));
                if from > latest {
                    ExpectationState::Missed(StepFault::NoSilence)
                } else if now >= from + lasts {
                    ExpectationState::Met
                } else {
                    ExpectationState::Open
                }
            }
            Expected::Hangup if now > latest => ExpectationState::Missed(StepFault::NoHangup),
            Expected::Hangup => ExpectationState::Open,
        }
    }

    fn state_of_audio(&self, latest: Instant, lasts: Duration, now: Instant) -> ExpectationState {
        match self.stretch {
            Some((from, until)) if from <= latest => {
                let lasted = until - from;
                if lasted >= lasts && now >= from + lasts {
                    ExpectationState::Met
                } else if now > latest.max(until + SPEECH_PAUSE) {
                    ExpectationState::Missed(StepFault::Short(lasted))
                } else {
                    ExpectationState::Open
                }
            }
            _ if now > latest => ExpectationState::Missed(StepFault::NoAudio),
            _ => ExpectationState::Open,
        }
    }

    /// Returns whether the end of the call by the server at `now` meets the current expectation.
    pub(in crate::load) fn state_at_hangup(
        &self,
        expectation: Expectation,
        now: Instant,
    ) -> ExpectationState {
        match (self.state(expectation, now), expectation.expected()) {
            (ExpectationState::Open, Expected::Hangup) => ExpectationState::Met,
            // The end of the call ends the audio, too.
            (ExpectationState::Open, Expected::Silence)
                if now <= self.begun + expectation.within() =>
            {
                ExpectationState::Met
            }
            (state, _) => state,
        }
    }
}

/// The mean power of the samples; 0 for none.
fn power(samples: &[i16]) -> f64 {
    let squares = samples.iter().map(|sample| f64::from(*sample).powi(2));
    squares.sum::<f64>() / samples.len().max(1) as f64
}

/// The mean power at a frequency.
fn power_at(hz: u32, rate: u32, samples: &[i16]) -> f64 {
    let step = std::f64::consts::TAU * f64::from(hz) / f64::from(rate);
    let (mut cosine, mut sine) = (0.0, 0.0);
    for (index, sample) in samples.iter().enumerate() {
        let phase = step * index as f64;
        cosine += f64::from(*sample) * phase.cos();
        sine += f64::from(*sample) * phase.sin();
    }
    2.0 * (cosine * cosine + sine * sine) / (samples.len().max(1) as f64).powi(2)
}

#[cfg(test)]
mod tests {
    use audiosocket_media::{SampleRate, tone};

    use super::super::jitter::PhonePlayout;
    use super::*;

    const PTIME: Duration = Duration::from_millis(20);
    const SECOND: Duration = Duration::from_secs(1);

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// One call: its start, and what has been played.
    struct Rig {
        start: Instant,
        playout: PhonePlayout,
        activity: AudioActivity,
    }

    impl Rig {
        fn new(expectation: Expectation) -> Self {
            let start = Instant::now();
            let mut activity = AudioActivity::new(start);
            activity.begin(expectation, start);
            Self {
                start,
                playout: PhonePlayout::default(),
                activity,
            }
        }

        fn receive(&mut self, at: u64, samples: &[i16]) {
            let slin: Vec<u8> = samples.iter().flat_map(|it| it.to_le_bytes()).collect();
            let played = self.playout.play(self.start + millis(at), PTIME);
            let audio = Audio::new(SampleRate::Hz8000, &slin);
            self.activity.receive(audio, played);
        }

        /// Frames of a tone of 440 Hz that arrive at these times.
        fn audio(&mut self, times: impl IntoIterator<Item = u64>) {
            let tone = tone(SampleRate::Hz8000, 440, PTIME);
            times.into_iter().for_each(|at| self.receive(at, &tone));
        }

        fn state(&self, expectation: Expectation, at: u64) -> ExpectationState {
            self.activity.state(expectation, self.start + millis(at))
        }
    }

    use ExpectationState::{Met, Missed, Open};

    #[test]
    fn audio_has_to_begin_in_time_and_to_last() {
        let one = Expectation::audio(SECOND);
        let mut rig = Rig::new(one);
        assert_eq!(rig.state(one, 1_000), Open);
        assert_eq!(rig.state(one, 1_001), Missed(StepFault::NoAudio));
        rig.receive(900, &[40; 160]);
        assert_eq!(rig.state(one, 920), Open, "-58 dB is silence");
        rig.audio([1_000]);
        assert_eq!(rig.state(one, 1_001), Met);

        let long = one.lasting(millis(400));
        let mut rig = Rig::new(long);
        // With a pause between words.
        rig.audio((900..1_000).step_by(20).chain((1_200..1_300).step_by(20)));
        assert_eq!(rig.state(long, 1_299), Open);
        assert_eq!(rig.state(long, 1_300), Met);

        let mut rig = Rig::new(long);
        rig.audio((900..1_000).step_by(20));
        assert_eq!(rig.state(long, 1_500), Open);
        let short = Missed(StepFault::Short(millis(100)));
        assert_eq!(rig.state(long, 1_501), short);
        rig.audio((1_600..2_000).step_by(20));
        assert_eq!(rig.state(long, 2_000), Missed(StepFault::NoAudio), "late");
    }

    #[test]
    fn audio_that_was_sent_ahead_is_still_played() {
        let quiet = Expectation::silence(SECOND);
        let mut rig = Rig::new(quiet);
        rig.audio([0; 51]);
        assert_eq!(rig.state(quiet, 10), Missed(StepFault::NoSilence));
        let mut rig = Rig::new(quiet);
        rig.audio([0; 50]);
        assert_eq!(rig.state(quiet, 1_499), Open);
        assert_eq!(rig.state(quiet, 1_500), Met);
        let long = Expectation::audio(SECOND).lasting(millis(900));
        assert_eq!(rig.state(long, 899), Open);
        assert_eq!(rig.state(long, 900), Met);
    }

    #[test]
    fn silence_must_not_be_interrupted() {
        let quiet = Expectation::quiet(SECOND);
        let mut rig = Rig::new(quiet);
        assert_eq!(rig.state(quiet, 999), Open);
        assert_eq!(rig.state(quiet, 1_000), Met);
        rig.audio([970]);
        assert_eq!(rig.state(quiet, 1_000), Missed(StepFault::NoSilence));
        let stops = Expectation::silence(SECOND);
        assert_eq!(rig.state(stops, 1_489), Open);
        assert_eq!(rig.state(stops, 1_490), Met);
        rig.audio([990]);
        assert_eq!(rig.state(stops, 1_100), Missed(StepFault::NoSilence));
    }

    #[test]
    fn audio_that_is_played_already_begins_with_the_step() {
        let audio = Expectation::audio(SECOND).lasting(millis(100));
        let mut rig = Rig::new(audio);
        rig.audio([0; 50]);
        rig.activity.begin(audio, rig.start + millis(500));
        assert_eq!(rig.state(audio, 599), Open);
        assert_eq!(rig.state(audio, 600), Met);
    }

    #[test]
    fn a_tone_has_its_frequency() {
        let expected = Expectation::tone(440, SECOND);
        for (hz, state) in [
            (440, Met),
            (455, Met),
            (1_000, Missed(StepFault::NoAudio)),
            (500, Missed(StepFault::NoAudio)),
        ] {
            let mut rig = Rig::new(expected);
            rig.receive(100, &tone(SampleRate::Hz8000, hz, PTIME));
            assert_eq!(rig.state(expected, 1_001), state, "{hz}");
        }
    }

    #[test]
    fn the_end_of_a_call_is_a_hangup_and_ends_the_audio() {
        let at_hangup = |expectation, at| {
            let mut rig = Rig::new(expectation);
            rig.audio([300]);
            let now = rig.start + millis(at);
            rig.activity.state_at_hangup(expectation, now)
        };
        assert_eq!(at_hangup(Expectation::hangup(SECOND), 1_000), Met);
        let late = at_hangup(Expectation::hangup(SECOND), 1_001);
        assert_eq!(late, Missed(StepFault::NoHangup));
        assert_eq!(at_hangup(Expectation::silence(SECOND), 310), Met);
        let no_audio = at_hangup(Expectation::quiet(SECOND), 310);
        assert_eq!(no_audio, Missed(StepFault::NoSilence));
        let long = Expectation::audio(SECOND).lasting(SECOND);
        assert_eq!(at_hangup(long, 310), Open);
    }
}
