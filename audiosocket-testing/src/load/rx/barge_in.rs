//! The time in which a server continues to speak after a barge-in.

use std::time::{Duration, Instant};

use super::jitter::PlayedFrame;
use crate::load::scenario::SPEECH_PAUSE;

/// Follows the server's speech as a telephone plays it. Speech is all audio that is not silence.
/// Audio that was sent ahead is still played.
#[derive(Debug, Default)]
pub(super) struct BargeInMeter {
    /// The end of the speech so far.
    speech_until: Option<Instant>,
    barged_in: Option<BargedIn>,
}

#[derive(Clone, Copy, Debug)]
struct BargedIn {
    at: Instant,
    /// The server spoke at that time.
    interrupted: bool,
    /// The time for which the server then continued.
    continued: Option<Duration>,
}

/// The result of a barge-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::load) enum BargeInOutcome {
    /// The call ended before the caller barged in.
    NotReached,
    /// The server did not speak when the caller barged in.
    WasSilent,
    /// The server spoke until the end of the call.
    NeverSilent,
    /// The server fell silent after this time.
    FellSilent(Duration),
}

impl BargeInMeter {
    /// Begins the barge-in: the caller sends its first loud frame.
    pub(super) fn barge_in(&mut self, now: Instant) {
        let interrupted = self
            .speech_until
            .is_some_and(|until| now < until + SPEECH_PAUSE);
        self.barged_in.get_or_insert(BargedIn {
            at: now,
            interrupted,
            continued: None,
        });
    }

    /// Takes a frame of speech that the telephone plays.
    pub(super) fn speech(&mut self, played: PlayedFrame) {
        if let (Some(barged_in), Some(until)) = (&mut self.barged_in, self.speech_until)
            && played.from >= until.max(barged_in.at) + SPEECH_PAUSE
        {
            // The server speaks again.
            barged_in.continued.get_or_insert(until - barged_in.at);
        }
        self.speech_until = Some(played.until);
    }

    /// Ends the call. The server ended it if `by_server` is true.
    pub(super) fn finish(self, now: Instant, by_server: bool) -> BargeInOutcome {
        let Some(BargedIn {
            at,
            interrupted,
            continued,
        }) = self.barged_in
        else {
            return BargeInOutcome::NotReached;
        };
        match (self.speech_until, continued) {
            (Some(_), Some(continued)) if interrupted => BargeInOutcome::FellSilent(continued),
            // The end of the call ends the speech, too.
            (Some(until), None) if interrupted && by_server => {
                BargeInOutcome::FellSilent(until.min(now) - at)
            }
            (Some(until), None) if interrupted && now < until.max(at) + SPEECH_PAUSE => {
                BargeInOutcome::NeverSilent
            }
            (Some(until), None) if interrupted => BargeInOutcome::FellSilent(until - at),
            _ => BargeInOutcome::WasSilent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::jitter::PhonePlayout;
    use super::*;

    const PTIME: Duration = Duration::from_millis(20);

    /// Returns the outcome of a barge-in at 1 s, if frames of speech come at these times, in milliseconds,
    /// and the call ends at 5 s.
    fn outcome(speech: impl IntoIterator<Item = u64>, by_server: bool) -> BargeInOutcome {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut playout = PhonePlayout::default();
        let mut call = BargeInMeter::default();
        let mut barged_in = false;
        for arrival in speech {
            if arrival >= 1_000 && !barged_in {
                call.barge_in(at(1_000));
                barged_in = true;
            }
            call.speech(playout.play(at(arrival), PTIME));
        }
        if !barged_in {
            call.barge_in(at(1_000));
        }
        call.finish(at(5_000), by_server)
    }

    fn fell_silent(millis: u64) -> BargeInOutcome {
        BargeInOutcome::FellSilent(Duration::from_millis(millis))
    }

    #[test]
    fn speech_ends_when_the_last_frame_was_played() {
        for by_server in [false, true] {
            let speech = (0..=1_100).step_by(20);
            assert_eq!(outcome(speech, by_server), fell_silent(120));
            let speech = (7..1_000).step_by(20);
            assert_eq!(outcome(speech, by_server), fell_silent(7));
        }
    }

    #[test]
    fn pauses_between_words_are_part_of_speech() {
        let before = (0..800).step_by(20);
        assert_eq!(outcome(before.clone(), false), fell_silent(0));
        let after = (1_200..1_300).step_by(20);
        assert_eq!(outcome(before.chain(after), false), fell_silent(300));
    }

    #[test]
    fn an_answer_after_the_silence_is_no_part_of_the_speech() {
        let speech = (0..1_100).step_by(20).chain((1_620..4_900).step_by(20));
        assert_eq!(outcome(speech, false), fell_silent(100));
        let speech = (0..1_100).step_by(20).chain((1_580..4_900).step_by(20));
        assert_eq!(outcome(speech, false), BargeInOutcome::NeverSilent);
    }

    #[test]
    fn a_server_that_speaks_to_the_end_never_falls_silent() {
        assert_eq!(
            outcome((0..4_600).step_by(20), false),
            BargeInOutcome::NeverSilent
        );
        assert_eq!(outcome((0..4_480).step_by(20), false), fell_silent(3_480));
        assert_eq!(outcome((0..4_600).step_by(20), true), fell_silent(3_600));
    }

    #[test]
    fn audio_sent_ahead_is_still_played() {
        // A hundred frames come at once. They last two seconds.
        assert_eq!(outcome([0; 100], false), fell_silent(1_000));
        // The frames last nine seconds.
        assert_eq!(outcome([0; 450], false), BargeInOutcome::NeverSilent);
        assert_eq!(outcome([0; 450], true), fell_silent(4_000));
    }

    #[test]
    fn a_silent_server_is_not_interrupted() {
        assert_eq!(outcome([], false), BargeInOutcome::WasSilent);
        assert_eq!(outcome([0, 20, 40], false), BargeInOutcome::WasSilent);
        assert_eq!(
            outcome((1_040..2_000).step_by(20), false),
            BargeInOutcome::WasSilent
        );
        assert_eq!(outcome([0, 20, 40, 4_900], true), BargeInOutcome::WasSilent);
    }

    #[test]
    fn a_call_may_end_before_the_barge_in() {
        let mut call = BargeInMeter::default();
        let now = Instant::now();
        let played = PhonePlayout::default().play(now, PTIME);
        call.speech(played);
        assert_eq!(call.finish(now, true), BargeInOutcome::NotReached);
    }
}
