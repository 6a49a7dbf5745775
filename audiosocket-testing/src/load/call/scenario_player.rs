//! Does the steps of a scenario, and checks its expectations.

use std::time::{Duration, Instant};

use super::cue_player::{CuePlayer, Queued};
use super::ending::Ending;
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

/// A step that failed.
#[derive(Clone, Debug)]
pub(in crate::load) struct FailedStep {
    /// The number of the step, from 1.
    pub(in crate::load) step: usize,
    pub(in crate::load) text: String,
    pub(in crate::load) fault: StepFault,
    /// The time of the call.
    pub(in crate::load) at: Duration,
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
    pub(super) fn act(
        &mut self,
        options: &Options,
        cues: &mut CuePlayer,
        client: &mut Client,
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
