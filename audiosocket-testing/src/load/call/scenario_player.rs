//! Does the steps of a scenario, and checks its expectations.

use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};

use super::cue_player::{CuePlayer, Queued};
use super::ending::Ending;
use super::outcome::FailedStep;
use crate::client::Client;
use crate::load::config::Options;
use crate::load::report::StepResult;
use crate::load::report::summary::seconds;
use crate::load::rx::{AudioActivity, ExpectationState, StepFault};
use crate::load::scenario::{Expectation, Scenario, ScenarioStep, StepAction};

/// The position in a scenario. Cues at certain times are a scenario too, without expectations.
#[derive(Debug)]
pub(super) struct ScenarioPlayer<'s> {
    steps: &'s [ScenarioStep],
    start: Instant,
    /// The index of the step, and of its action.
    at: (usize, usize),
    /// When the step began, and when its action did.
    step_begun: Instant,
    begun: Instant,
    /// The activity has the current expectation.
    is_expecting: bool,
    done: Vec<StepResult>,
    fault: Option<FailedStep>,
}

impl<'s> ScenarioPlayer<'s> {
    pub(super) fn new(scenario: &'s Scenario, start: Instant) -> Self {
        Self {
            steps: scenario.steps(),
            start,
            at: (0, 0),
            step_begun: start,
            begun: start,
            is_expecting: false,
            done: Vec::new(),
            fault: None,
        }
    }

    /// Returns when the next action is due, if a time decides that.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.action()? {
            StepAction::Cue(_) | StepAction::HangUp => Some(self.begun),
            StepAction::Wait(time) => Some(self.begun + *time),
            StepAction::WaitUntil(time) => Some(self.begun.max(self.start + *time)),
            StepAction::WaitUntilSaid | StepAction::Expect(_) => None,
        }
    }

    /// Does the next action if it is due at `now`. Returns what it has queued, or `None` if it is not due.
    pub(super) fn act<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        options: &Options,
        cues: &mut CuePlayer,
        client: &mut Client<S>,
        now: Instant,
    ) -> Option<Queued> {
        let due = self.due().filter(|due| *due <= now)?;
        let mut queued = Queued::default();
        if let Some(StepAction::Cue(cue)) = self.action() {
            queued = cues.play(cue, options, client, due);
        }
        self.next(due);
        Some(queued)
    }

    /// Checks whether the audio to say has been said, and whether the expectation is met. All audio before `now` was received.
    /// Returns whether the next action began.
    pub(super) fn check(
        &mut self,
        cues: &CuePlayer,
        activity: &mut AudioActivity,
        now: Instant,
    ) -> bool {
        let over = match self.action() {
            Some(StepAction::WaitUntilSaid) => cues.has_said_all(),
            Some(StepAction::Expect(expectation)) => {
                self.expect(*expectation, activity);
                match activity.state(*expectation, now) {
                    ExpectationState::Open => false,
                    ExpectationState::Met => true,
                    ExpectationState::Missed(fault) => {
                        self.fail(fault, now);
                        return false;
                    }
                }
            }
            _ => false,
        };
        if over {
            self.next(now);
        }
        over
    }

    /// Returns whether the call is over for the scenario: all steps are done, or one failed.
    pub(super) fn is_over(&self) -> bool {
        self.fault.is_some() || self.at.0 == self.steps.len()
    }

    /// The call ended at `now`. The last audio came before that.
    pub(super) fn finish(
        mut self,
        cues: &CuePlayer,
        activity: &mut AudioActivity,
        ending: &Ending,
        now: Instant,
    ) -> (Vec<StepResult>, Option<FailedStep>) {
        while let (Some(fault), Some(action)) = (ending.fault_of_server(), self.action()) {
            match action {
                StepAction::Expect(expectation) => {
                    self.expect(*expectation, activity);
                    match activity.state_at_hangup(*expectation, now) {
                        ExpectationState::Met => self.next(now),
                        ExpectationState::Missed(fault) => self.fail(fault, now),
                        ExpectationState::Open => self.fail(fault, now),
                    }
                }
                // Nothing is left to do.
                StepAction::HangUp => self.next(now),
                _ if self.check(cues, activity, now) => {}
                _ => self.fail(fault, now),
            }
        }
        if !self.is_over() {
            self.fail(StepFault::Over, now);
        }
        (self.done, self.fault)
    }

    fn action(&self) -> Option<&'s StepAction> {
        let step = self.steps.get(self.at.0).filter(|_| self.fault.is_none())?;
        step.actions.get(self.at.1)
    }

    fn expect(&mut self, expectation: Expectation, activity: &mut AudioActivity) {
        if !self.is_expecting {
            activity.begin(expectation, self.begun);
            self.is_expecting = true;
        }
    }

    /// The current action is over at `now`.
    fn next(&mut self, now: Instant) {
        self.at.1 += 1;
        self.begun = now;
        self.is_expecting = false;
        if self.at.1 == self.steps[self.at.0].actions.len() {
            self.end_step(None, now);
            self.at = (self.at.0 + 1, 0);
            self.step_begun = now;
        }
    }

    fn fail(&mut self, fault: StepFault, now: Instant) {
        let failed = FailedStep {
            step: self.at.0 + 1,
            text: self.steps[self.at.0].text.clone(),
            fault,
            at: now - self.start,
        };
        self.end_step(Some(failed.fault.to_string()), now);
        self.fault = Some(failed);
    }

    fn end_step(&mut self, failure: Option<String>, now: Instant) {
        let seconds = |at: Instant| seconds(at - self.start);
        self.done.push(StepResult {
            step: self.at.0 + 1,
            text: self.steps[self.at.0].text.clone(),
            from_s: seconds(self.step_begun),
            until_s: seconds(now),
            failure,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use audiosocket_proto::client::ClientEnd;
    use audiosocket_proto::{DtmfDigit, SampleRate, Uuid};
    use tokio::io::{DuplexStream, duplex};

    use super::*;
    use crate::load::cue::Cue;

    const SECOND: Duration = Duration::from_secs(1);

    /// A call without audio from the server.
    struct Rig {
        start: Instant,
        options: Options,
        cues: CuePlayer,
        client: Client<DuplexStream>,
        activity: AudioActivity,
    }

    impl Rig {
        fn new() -> Self {
            let start = Instant::now();
            let rate = SampleRate::Hz8000;
            Self {
                start,
                options: Options::new(String::new()),
                cues: CuePlayer::new(Uuid::nil()),
                client: Client::new(duplex(64).0, Uuid::nil(), rate, None),
                activity: AudioActivity::new(start),
            }
        }

        fn at(&self, millis: u64) -> Instant {
            self.start + Duration::from_millis(millis)
        }

        /// Does all that is possible at this time. Returns the number of keys.
        fn run(&mut self, player: &mut ScenarioPlayer<'_>, millis: u64) -> u64 {
            let (now, mut keys) = (self.at(millis), 0);
            loop {
                let acted = player.act(&self.options, &mut self.cues, &mut self.client, now);
                keys += acted.map_or(0, |queued| queued.digits);
                if acted.is_none() && !player.check(&self.cues, &mut self.activity, now) {
                    return keys;
                }
            }
        }
    }

    fn five() -> DtmfDigit {
        DtmfDigit::new(b'5').unwrap()
    }

    #[test]
    fn cues_are_due_at_their_times_and_a_late_one_delays_none() {
        let at = [0, 20, 20, 90].map(Duration::from_millis);
        let scenario = Scenario::of_cues(at.map(|at| (at, Cue::Key(five()))).into());
        let mut rig = Rig::new();
        let mut player = ScenarioPlayer::new(&scenario, rig.start);
        assert_eq!(player.due(), Some(rig.start));
        assert_eq!(rig.run(&mut player, 0), 1);
        assert_eq!(player.due(), Some(rig.at(20)));
        assert_eq!(rig.run(&mut player, 50), 2);
        assert_eq!(player.due(), Some(rig.at(90)));
        assert_eq!(rig.run(&mut player, 89), 0);
        assert_eq!(rig.run(&mut player, 90), 1);
        assert_eq!(player.due(), None);
    }

    #[test]
    fn a_step_begins_when_the_step_before_it_is_over() {
        let scenario = Scenario::new("")
            .say(vec![1; 160])
            .keys([five(); 3], SECOND / 10)
            .expect(Expectation::quiet(SECOND))
            .hang_up();
        let mut rig = Rig::new();
        let mut player = ScenarioPlayer::new(&scenario, rig.start);
        assert_eq!(rig.run(&mut player, 0), 0);
        let mut frame = vec![0; 320];
        rig.cues.overwrite(&mut frame);
        assert_eq!(frame, [1, 0].repeat(160));
        assert_eq!(rig.run(&mut player, 20), 1, "all was said");
        assert_eq!(rig.run(&mut player, 119), 0);
        assert_eq!(rig.run(&mut player, 130), 1);
        assert_eq!(rig.run(&mut player, 220), 1, "a late key delays none");
        assert_eq!(rig.run(&mut player, 1_219), 0);
        assert!(!player.is_over());
        assert_eq!(rig.run(&mut player, 1_220), 0);
        assert!(player.is_over());
        let now = rig.at(1_220);
        let (steps, failed) =
            player.finish(&rig.cues, &mut rig.activity, &Ending::CallerHungUp, now);
        assert!(failed.is_none(), "{failed:?}");
        let times: Vec<_> = steps
            .iter()
            .map(|step| (step.from_s, step.until_s))
            .collect();
        assert_eq!(
            times,
            [(0.0, 0.02), (0.02, 0.22), (0.22, 1.22), (1.22, 1.22)]
        );
    }

    #[test]
    fn a_hangup_of_the_server_fails_all_steps_that_do_not_expect_it() {
        let new = || Scenario::new("").wait(SECOND);
        for (scenario, failed) in [
            (new().expect(Expectation::hangup(SECOND)), None),
            (new().expect(Expectation::silence(SECOND)), None),
            (new().expect(Expectation::silence(SECOND)).hang_up(), None),
            (
                new().expect(Expectation::silence(SECOND)).wait(SECOND),
                Some(3),
            ),
            (new().expect(Expectation::audio(SECOND)), Some(2)),
            (new().expect(Expectation::quiet(SECOND)), Some(2)),
            (
                new().wait(SECOND).expect(Expectation::hangup(SECOND)),
                Some(2),
            ),
            (new().keys([five()], SECOND).wait(SECOND), Some(3)),
        ] {
            let mut rig = Rig::new();
            let mut player = ScenarioPlayer::new(&scenario, rig.start);
            rig.run(&mut player, 1_000);
            let ending = Ending::ByServer(ClientEnd::ServerHungUp);
            let now = rig.at(1_500);
            let (steps, step) = player.finish(&rig.cues, &mut rig.activity, &ending, now);
            assert_eq!(step.as_ref().map(|step| step.step), failed, "{scenario:?}");
            let failures = steps.iter().filter(|step| step.failure.is_some());
            assert_eq!(failures.count(), usize::from(failed.is_some()));
            if let Some(step) = step {
                assert_eq!(step.fault, StepFault::HungUp, "{scenario:?}");
                assert_eq!(step.at, Duration::from_millis(1_500));
            }
        }
    }

    #[test]
    fn a_step_fails_if_its_expectation_is_not_met() {
        let scenario = Scenario::new("")
            .expect(Expectation::audio(SECOND))
            .wait(SECOND);
        let mut rig = Rig::new();
        let mut player = ScenarioPlayer::new(&scenario, rig.start);
        rig.run(&mut player, 1_000);
        assert!(!player.is_over());
        rig.run(&mut player, 1_020);
        assert!(player.is_over());
        let ending = Ending::CallerHungUp;
        let now = rig.at(1_020);
        let (steps, failed) = player.finish(&rig.cues, &mut rig.activity, &ending, now);
        let failed = failed.unwrap();
        assert_eq!((failed.step, failed.fault), (1, StepFault::NoAudio));
        assert_eq!(failed.text, "expect audio within 1s");
        assert_eq!(steps.len(), 1, "the call ends with the step");
    }
}
