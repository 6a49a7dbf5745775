//! What a caller does and expects, step by step.

mod expectation;
#[cfg(feature = "toml")]
mod file;
mod sound;

use std::fmt;
use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_proto::DtmfDigit;

use super::cue::{Cue, KEY_TONE};
pub use expectation::Expectation;
pub(in crate::load) use expectation::{Expected, SPEECH_PAUSE};
#[cfg(feature = "toml")]
pub use file::ScenarioError;
pub use sound::synthesize_noise;

/// The steps of a call, one after the other: what the caller does, and what it expects of the server.
///
/// [`LoadTest::scenario`](super::LoadTest::scenario) runs it. The caller sends silence while it says nothing. A call fails at
/// the first step whose expectation is not met, and the caller hangs up after the last step.
///
/// ```no_run
/// # async fn f() -> Result<(), audiosocket_testing::load::LoadError> {
/// use std::time::Duration;
///
/// use audiosocket_proto::SampleRate;
/// use audiosocket_testing::load::{Expectation, LoadTest, Scenario, synthesize_speech};
///
/// const SECOND: Duration = Duration::from_secs(1);
///
/// // The bot greets the caller, and stops within a second when the caller speaks.
/// let scenario = Scenario::new("barge-in")
///     .expect(Expectation::audio(3 * SECOND).lasting(SECOND))
///     .start_saying(synthesize_speech(SampleRate::Hz8000))
///     .expect(Expectation::silence(SECOND));
/// let report = LoadTest::new("127.0.0.1:9092").scenario(scenario).run().await?;
/// assert!(report.ok, "{:?}", report.failures);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a scenario does nothing until it runs"]
pub struct Scenario {
    name: String,
    steps: Vec<ScenarioStep>,
}

/// One step. A report numbers steps from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::load) struct ScenarioStep {
    pub(in crate::load) text: String,
    pub(in crate::load) actions: Vec<StepAction>,
}

/// The parts of a step. Each one begins when the one before it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::load) enum StepAction {
    /// Does this. It is over at once.
    Cue(Cue),
    Wait(Duration),
    /// Waits until this time of the call.
    WaitUntil(Duration),
    /// Waits until all audio has been said.
    WaitUntilSaid,
    Expect(Expectation),
    HangUp,
}

impl Scenario {
    /// Returns a scenario without steps. Reports have the name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            steps: Vec::new(),
        }
    }

    /// Says these samples, at the sample rate of the test, and waits until they have been said.
    pub fn say(self, samples: Vec<i16>) -> Self {
        let text = format!("say {} samples", samples.len());
        self.step(text, said(samples, false))
    }

    /// Says these samples, and continues at once with the next step.
    pub fn start_saying(self, samples: Vec<i16>) -> Self {
        let text = format!("start to say {} samples", samples.len());
        self.step(text, said(samples, true))
    }

    /// Presses these keys, with this time from one to the next. Each is a frame of kind 0x03.
    pub fn keys(self, keys: impl IntoIterator<Item = DtmfDigit>, gap: Duration) -> Self {
        let keys: Vec<_> = keys.into_iter().collect();
        self.step(keys_text(&keys, false), pressed(&keys, gap, false))
    }

    /// Presses these keys as tones in the audio, with this time from one to the next: at least 200 ms.
    pub fn key_tones(self, keys: impl IntoIterator<Item = DtmfDigit>, gap: Duration) -> Self {
        let keys: Vec<_> = keys.into_iter().collect();
        self.step(keys_text(&keys, true), pressed(&keys, gap, true))
    }

    /// Sends silence for this time.
    pub fn wait(self, time: Duration) -> Self {
        self.step(format!("wait {time:?}"), vec![StepAction::Wait(time)])
    }

    /// Sends no audio for this time, as a call on hold.
    pub fn hold(self, time: Duration) -> Self {
        self.step(format!("hold {time:?}"), held(time, false))
    }

    /// Does this, and continues at once with the next step.
    pub fn cue(self, cue: Cue) -> Self {
        self.step(cue.to_string(), vec![StepAction::Cue(cue)])
    }

    /// Waits until the server meets this expectation. The call fails if it does not.
    pub fn expect(self, expectation: Expectation) -> Self {
        let text = expectation.to_string();
        self.step(text, vec![StepAction::Expect(expectation)])
    }

    /// Hangs up. It is the last step, and may be left out.
    pub fn hang_up(self) -> Self {
        self.step("hang up".to_owned(), vec![StepAction::HangUp])
    }

    fn step(mut self, text: String, mut actions: Vec<StepAction>) -> Self {
        if actions.is_empty() {
            actions.push(StepAction::Wait(Duration::ZERO));
        }
        self.steps.push(ScenarioStep { text, actions });
        self
    }

    /// Cues at times of the call, in order, without expectations.
    pub(in crate::load) fn of_cues(cues: Vec<(Duration, Cue)>) -> Self {
        let actions = cues
            .into_iter()
            .flat_map(|(at, cue)| [StepAction::WaitUntil(at), StepAction::Cue(cue)]);
        Self::new("").step(String::new(), actions.collect())
    }

    pub(in crate::load) fn name(&self) -> &str {
        &self.name
    }

    pub(in crate::load) fn steps(&self) -> &[ScenarioStep] {
        &self.steps
    }

    /// Returns the number of the first step that comes after the end of the call.
    pub(in crate::load) fn step_after_end(&self) -> Option<usize> {
        let ends = self.steps.iter().position(ScenarioStep::ends_call)?;
        (ends + 1 < self.steps.len()).then_some(ends + 2)
    }

    /// Returns the longest time that the steps take, for audio at `rate`.
    pub(in crate::load) fn longest(&self, rate: SampleRate) -> Duration {
        let actions = self.steps.iter().flat_map(|step| &step.actions);
        actions.fold(Duration::ZERO, |sum, action| {
            sum.saturating_add(match action {
                StepAction::Cue(Cue::Say(samples)) => rate.duration_of(samples.len() as u64),
                StepAction::Cue(Cue::KeyTone(_)) => 2 * KEY_TONE,
                StepAction::Cue(Cue::Hold(time))
                | StepAction::Wait(time)
                | StepAction::WaitUntil(time) => *time,
                StepAction::Expect(expectation) => expectation.longest(),
                StepAction::Cue(_) | StepAction::WaitUntilSaid | StepAction::HangUp => {
                    Duration::ZERO
                }
            })
        })
    }
}

impl ScenarioStep {
    fn ends_call(&self) -> bool {
        self.actions.iter().any(|action| match action {
            StepAction::HangUp => true,
            StepAction::Expect(expectation) => expectation.expected() == Expected::Hangup,
            _ => false,
        })
    }
}

fn said(samples: Vec<i16>, in_background: bool) -> Vec<StepAction> {
    let mut actions = vec![StepAction::Cue(Cue::Say(samples))];
    actions.extend((!in_background).then_some(StepAction::WaitUntilSaid));
    actions
}

fn held(time: Duration, in_background: bool) -> Vec<StepAction> {
    let mut actions = vec![StepAction::Cue(Cue::Hold(time))];
    actions.extend((!in_background).then_some(StepAction::Wait(time)));
    actions
}

fn pressed(keys: &[DtmfDigit], gap: Duration, in_band: bool) -> Vec<StepAction> {
    let mut actions = Vec::new();
    for key in keys {
        if !actions.is_empty() {
            actions.push(StepAction::Wait(gap));
        }
        actions.push(StepAction::Cue(match in_band {
            true => Cue::KeyTone(*key),
            false => Cue::Key(*key),
        }));
    }
    actions.extend(in_band.then_some(StepAction::WaitUntilSaid));
    actions
}

fn keys_text(keys: &[DtmfDigit], in_band: bool) -> String {
    let keys: String = keys.iter().map(|key| key.as_char()).collect();
    let tones = if in_band { " as tones" } else { "" };
    format!("key {keys}{tones}")
}

impl fmt::Display for Cue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(&keys_text(&[*key], false)),
            Self::KeyTone(key) => f.write_str(&keys_text(&[*key], true)),
            Self::Say(samples) => write!(f, "start to say {} samples", samples.len()),
            Self::Hold(time) => write!(f, "start a hold of {time:?}"),
            Self::Error(flags) => write!(f, "error {}", flags.0),
            Self::SecondUuid => f.write_str("second UUID"),
            Self::Frame { kind, .. } => write!(f, "frame of kind {kind}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_longest_time_is_that_of_all_steps() {
        let five = DtmfDigit::new(b'5').unwrap();
        let scenario = Scenario::new("all")
            .say(vec![0; 8_000])
            .start_saying(vec![0; 4_000])
            .keys([five; 3], SECOND)
            .key_tones([five; 2], SECOND)
            .wait(SECOND)
            .hold(SECOND)
            .expect(Expectation::audio(SECOND).lasting(SECOND))
            .expect(Expectation::quiet(SECOND))
            .hang_up();
        let longest = scenario.longest(SampleRate::Hz8000);
        // The audio, the keys, their tones, the pauses, two holds at most, and half a second for each expectation.
        assert_eq!(
            longest,
            Duration::from_millis(1_500 + 2_000 + 1_400 + 3_000 + 2_500 + 1_500)
        );
    }

    #[test]
    fn a_step_after_the_end_of_the_call_is_found() {
        let ended = || Scenario::new("").wait(SECOND).hang_up();
        assert_eq!(ended().step_after_end(), None);
        assert_eq!(ended().wait(SECOND).step_after_end(), Some(3));
        let hung_up = Scenario::new("").expect(Expectation::hangup(SECOND));
        assert_eq!(hung_up.hang_up().step_after_end(), Some(2));
    }

    #[test]
    fn a_step_has_a_text() {
        let keys = b"1#".map(|key| DtmfDigit::new(key).unwrap());
        let scenario = Scenario::new("texts")
            .keys(keys, SECOND)
            .key_tones(keys, SECOND)
            .expect(Expectation::silence(SECOND))
            .expect(Expectation::quiet(3 * SECOND))
            .expect(Expectation::tone(440, SECOND).lasting(SECOND / 2));
        let texts: Vec<_> = scenario.steps().iter().map(|step| &step.text[..]).collect();
        assert_eq!(
            texts,
            [
                "key 1#",
                "key 1# as tones",
                "expect silence within 1s, for 500ms",
                "expect silence for 3s",
                "expect a tone of 440 Hz within 1s, for 500ms",
            ]
        );
    }
}
