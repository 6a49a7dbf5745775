//! For how long a server speaks on when its caller barges in.

use std::time::{Duration, Instant};

use super::hearing::Played;

/// After so long without speech a server has fallen silent. Longer than the pauses between words,
/// and shorter than a bot takes to answer.
pub(super) const SILENT_AFTER: Duration = Duration::from_millis(500);

/// Watches the server's speech, which is all audio that is not silence, as the caller hears it:
/// what was sent ahead is speech that goes on.
#[derive(Debug, Default)]
pub(super) struct BargeIn {
    /// Until when there is speech to be heard so far.
    speech_until: Option<Instant>,
    barged_in: Option<BargedIn>,
}

#[derive(Clone, Copy, Debug)]
struct BargedIn {
    at: Instant,
    /// The server spoke then.
    interrupted: bool,
    /// And did so for that much longer.
    went_on: Option<Duration>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reaction {
    /// The call was over before.
    NotReached,
    /// The server was silent anyway.
    WasSilent,
    /// The server spoke on until the end of the call.
    SpokeOn,
    /// The server spoke on for that long.
    FellSilent(Duration),
}

impl BargeIn {
    /// The caller sends its first loud frame.
    pub(super) fn barge_in(&mut self, now: Instant) {
        let interrupted = self
            .speech_until
            .is_some_and(|until| now < until + SILENT_AFTER);
        self.barged_in.get_or_insert(BargedIn {
            at: now,
            interrupted,
            went_on: None,
        });
    }

    /// The caller hears a frame of speech.
    pub(super) fn speech(&mut self, played: Played) {
        if let (Some(barged_in), Some(until)) = (&mut self.barged_in, self.speech_until)
            && played.from >= until.max(barged_in.at) + SILENT_AFTER
        {
            // The server speaks again.
            barged_in.went_on.get_or_insert(until - barged_in.at);
        }
        self.speech_until = Some(played.until);
    }

    /// The call is over, by the server or by the caller.
    pub(super) fn finish(self, now: Instant, by_server: bool) -> Reaction {
        let Some(BargedIn {
            at,
            interrupted,
            went_on,
        }) = self.barged_in
        else {
            return Reaction::NotReached;
        };
        match (self.speech_until, went_on) {
            (Some(_), Some(went_on)) if interrupted => Reaction::FellSilent(went_on),
            // The end of the call ends speech, too.
            (Some(until), None) if interrupted && by_server => {
                Reaction::FellSilent(until.min(now) - at)
            }
            (Some(until), None) if interrupted && now < until.max(at) + SILENT_AFTER => {
                Reaction::SpokeOn
            }
            (Some(until), None) if interrupted => Reaction::FellSilent(until - at),
            _ => Reaction::WasSilent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hearing::Playout;
    use super::*;

    const PTIME: Duration = Duration::from_millis(20);

    /// What comes of a barge-in at 1 s, if frames of speech come at these times, in milliseconds,
    /// and the call is over at 5 s.
    fn reaction(speech: impl IntoIterator<Item = u64>, by_server: bool) -> Reaction {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut playout = Playout::default();
        let mut call = BargeIn::default();
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

    fn fell_silent(millis: u64) -> Reaction {
        Reaction::FellSilent(Duration::from_millis(millis))
    }

    #[test]
    fn speech_goes_on_until_the_last_frame_has_been_heard() {
        for by_server in [false, true] {
            let speech = (0..=1_100).step_by(20);
            assert_eq!(reaction(speech, by_server), fell_silent(120));
            let speech = (7..1_000).step_by(20);
            assert_eq!(reaction(speech, by_server), fell_silent(7));
        }
    }

    #[test]
    fn pauses_between_words_are_part_of_speech() {
        let before = (0..800).step_by(20);
        assert_eq!(reaction(before.clone(), false), fell_silent(0));
        let after = (1_200..1_300).step_by(20);
        assert_eq!(reaction(before.chain(after), false), fell_silent(300));
    }

    #[test]
    fn an_answer_after_the_silence_is_not_part_of_it() {
        let speech = (0..1_100).step_by(20).chain((1_620..4_900).step_by(20));
        assert_eq!(reaction(speech, false), fell_silent(100));
        let speech = (0..1_100).step_by(20).chain((1_580..4_900).step_by(20));
        assert_eq!(reaction(speech, false), Reaction::SpokeOn);
    }

    #[test]
    fn a_server_that_speaks_to_the_end_never_falls_silent() {
        assert_eq!(reaction((0..4_600).step_by(20), false), Reaction::SpokeOn);
        assert_eq!(reaction((0..4_480).step_by(20), false), fell_silent(3_480));
        assert_eq!(reaction((0..4_600).step_by(20), true), fell_silent(3_600));
    }

    #[test]
    fn what_was_sent_ahead_goes_on() {
        // A hundred frames in one go: two seconds.
        assert_eq!(reaction([0; 100], false), fell_silent(1_000));
        // And nine seconds.
        assert_eq!(reaction([0; 450], false), Reaction::SpokeOn);
        assert_eq!(reaction([0; 450], true), fell_silent(4_000));
    }

    #[test]
    fn who_is_silent_cannot_be_interrupted() {
        assert_eq!(reaction([], false), Reaction::WasSilent);
        assert_eq!(reaction([0, 20, 40], false), Reaction::WasSilent);
        assert_eq!(
            reaction((1_040..2_000).step_by(20), false),
            Reaction::WasSilent
        );
        assert_eq!(reaction([0, 20, 40, 4_900], true), Reaction::WasSilent);
    }

    #[test]
    fn a_call_may_be_over_before() {
        let mut call = BargeIn::default();
        let now = Instant::now();
        let played = Playout::default().play(now, PTIME);
        call.speech(played);
        assert_eq!(call.finish(now, true), Reaction::NotReached);
    }
}
