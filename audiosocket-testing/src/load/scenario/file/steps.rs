//! The steps of a scenario file.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use audiosocket_media::file::AudioReader;
use audiosocket_media::{SampleRate, tone};
use audiosocket_proto::{DtmfDigit, ErrorFlags};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::load::cue::{Cue, KEY_TONE};
use crate::load::scenario::{
    Expectation, ScenarioStep, StepAction, held, keys_text, pressed, said, synthesize_noise,
};
use crate::load::signal::synthesize_speech;

/// How long generated audio lasts without `for`.
const SAID: Duration = Duration::from_secs(2);

/// The longest audio of a step. It is held in memory.
const LONGEST_AUDIO: Duration = Duration::from_secs(600);

/// The time from one key to the next without `gap`.
const KEY_GAP: Duration = Duration::from_millis(100);

/// A step as the file has it: one of the actions, and keys that belong to it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepTable {
    say: Option<String>,
    key: Option<KeysValue>,
    wait: Option<TimeValue>,
    hold: Option<TimeValue>,
    expect: Option<ExpectedValue>,
    hang_up: Option<bool>,
    error: Option<u8>,
    second_uuid: Option<bool>,
    within: Option<TimeValue>,
    #[serde(rename = "for")]
    lasting: Option<TimeValue>,
    hz: Option<u32>,
    background: Option<bool>,
    gap: Option<TimeValue>,
    in_band: Option<bool>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum ExpectedValue {
    Audio,
    Tone,
    Silence,
    Hangup,
}

#[derive(Clone, Copy)]
struct TimeValue(Duration);

struct KeysValue(Vec<DtmfDigit>);

impl<'de> Deserialize<'de> for TimeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match humantime::parse_duration(&text) {
            Ok(time) => Ok(Self(time)),
            Err(error) => Err(D::Error::custom(format_args!(
                "{text:?} is no time: {error}; write it like 5s, 500ms or 1m30s"
            ))),
        }
    }
}

impl<'de> Deserialize<'de> for KeysValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Err(D::Error::custom(
                "there are no keys; write them like \"15#\"",
            ));
        }
        let keys = text.chars().map(|key| {
            let digit = u8::try_from(key).ok().and_then(DtmfDigit::new);
            digit.ok_or_else(|| {
                D::Error::custom(format_args!("{key:?} is not one of the keys 0-9 * # A-D"))
            })
        });
        keys.collect::<Result<_, _>>().map(Self)
    }
}

/// What the steps of a file depend on.
pub(super) struct StepsReader<'f> {
    pub(super) directory: &'f Path,
    pub(super) rate: SampleRate,
}

impl StepsReader<'_> {
    /// Returns the step, or what is wrong with it.
    pub(super) fn read(&self, mut table: StepTable) -> Result<ScenarioStep, String> {
        let action = table.action()?;
        let step = match action {
            "say" => self.say(&mut table)?,
            "key" => key(&mut table),
            "wait" => {
                let time = time(table.wait.take());
                step(format!("wait {time:?}"), vec![StepAction::Wait(time)])
            }
            "hold" => {
                let time = time(table.hold.take());
                let in_background = table.background.take() == Some(true);
                let start = if in_background {
                    "start a hold of"
                } else {
                    "hold"
                };
                step(format!("{start} {time:?}"), held(time, in_background))
            }
            "expect" => expect(&mut table)?,
            "error" => cue(Cue::Error(ErrorFlags(
                table.error.take().unwrap_or_default(),
            ))),
            "second_uuid" => cue(Cue::SecondUuid),
            _ => step("hang up".to_owned(), vec![StepAction::HangUp]),
        };
        match table.left_over() {
            Some(key) => Err(format!("`{key}` does not belong to `{action}`; remove it")),
            None => Ok(step),
        }
    }

    fn say(&self, table: &mut StepTable) -> Result<ScenarioStep, String> {
        let sound = table.say.take().unwrap_or_default();
        let is_generated = matches!(sound.as_str(), "speech" | "noise" | "tone");
        let lasting = match is_generated {
            true => table.lasting.take().map_or(SAID, |time| time.0),
            false => Duration::ZERO,
        };
        if lasting > LONGEST_AUDIO {
            return Err(format!(
                "`for` is {lasting:?}; the longest is {LONGEST_AUDIO:?}"
            ));
        }
        let (what, samples) = match sound.as_str() {
            "speech" => ("speech".to_owned(), speech(self.rate, lasting)),
            "noise" => ("noise".to_owned(), synthesize_noise(self.rate, lasting)),
            "tone" => {
                let hz = table.hz.take().unwrap_or(440);
                let highest = self.rate.hz() / 2;
                if hz > highest {
                    return Err(format!(
                        "`hz` is {hz}; the highest at this rate is {highest}"
                    ));
                }
                (format!("a tone of {hz} Hz"), tone(self.rate, hz, lasting))
            }
            file => (format!("{file:?}"), self.read_audio(file)?),
        };
        let what = match is_generated {
            true => format!("{what} for {lasting:?}"),
            false => what,
        };
        let in_background = table.background.take() == Some(true);
        let start = if in_background { "start to say" } else { "say" };
        Ok(step(
            format!("{start} {what}"),
            said(samples, in_background),
        ))
    }

    fn read_audio(&self, file: &str) -> Result<Vec<i16>, String> {
        let path = self.directory.join(file);
        let read = AudioReader::open(&path).and_then(|mut reader| {
            let samples = reader.read_all(self.rate, LONGEST_AUDIO)?;
            for warning in reader.warnings() {
                tracing::warn!(file = ?path, %warning, "damaged audio file");
            }
            Ok(samples)
        });
        read.map_err(|error| match std::io::Error::from(error) {
            error if error.kind() == std::io::ErrorKind::NotFound => format!(
                "{:?} does not exist; `say` is speech, noise, tone or an audio file",
                path
            ),
            error => error.to_string(),
        })
    }
}

impl StepTable {
    /// Returns the key of the only action.
    fn action(&self) -> Result<&'static str, String> {
        for (value, key) in [(self.hang_up, "hang_up"), (self.second_uuid, "second_uuid")] {
            if value == Some(false) {
                return Err(format!("write {key} = true, or leave it out"));
            }
        }
        let actions = [
            (self.say.is_some(), "say"),
            (self.key.is_some(), "key"),
            (self.wait.is_some(), "wait"),
            (self.hold.is_some(), "hold"),
            (self.expect.is_some(), "expect"),
            (self.hang_up.is_some(), "hang_up"),
            (self.error.is_some(), "error"),
            (self.second_uuid.is_some(), "second_uuid"),
        ];
        let mut given = actions.iter().filter(|it| it.0).map(|it| it.1);
        match (given.next(), given.next()) {
            (Some(action), None) => Ok(action),
            (Some(first), Some(second)) => Err(format!(
                "`{first}` and `{second}` are two steps; write one after the other"
            )),
            (None, _) => {
                let names: Vec<_> = actions.iter().map(|it| format!("`{}`", it.1)).collect();
                Err(format!(
                    "nothing to do; a step has one of {}",
                    names.join(", ")
                ))
            }
        }
    }

    /// Returns a key that the action has not used.
    fn left_over(&self) -> Option<&'static str> {
        let keys = [
            (self.within.is_some(), "within"),
            (self.lasting.is_some(), "for"),
            (self.hz.is_some(), "hz"),
            (self.background.is_some(), "background"),
            (self.gap.is_some(), "gap"),
            (self.in_band.is_some(), "in_band"),
        ];
        keys.iter().find(|it| it.0).map(|it| it.1)
    }
}

fn key(table: &mut StepTable) -> ScenarioStep {
    let keys = table.key.take().map_or_else(Vec::new, |keys| keys.0);
    let in_band = table.in_band.take() == Some(true);
    let gap = if in_band { 2 * KEY_TONE } else { KEY_GAP };
    let gap = table.gap.take().map_or(gap, |gap| gap.0);
    step(keys_text(&keys, in_band), pressed(&keys, gap, in_band))
}

fn expect(table: &mut StepTable) -> Result<ScenarioStep, String> {
    let (expected, within) = (table.expect.take(), table.within.take());
    let lasting = match expected {
        Some(ExpectedValue::Hangup) => None,
        _ => table.lasting.take().map(|time| time.0),
    };
    let mut expectation = match (expected, within) {
        (Some(ExpectedValue::Audio), Some(time)) => Expectation::audio(time.0),
        (Some(ExpectedValue::Tone), Some(time)) => {
            let hz = table.hz.take();
            Expectation::tone(hz.ok_or("a tone needs its frequency: hz = 440")?, time.0)
        }
        (Some(ExpectedValue::Silence), Some(time)) => Expectation::silence(time.0),
        (Some(ExpectedValue::Hangup), Some(time)) => Expectation::hangup(time.0),
        (Some(ExpectedValue::Silence), None) => match lasting {
            Some(time) => Expectation::quiet(time),
            None => {
                return Err(
                    "silence needs `within` (the server stops within this time) or `for` (it says nothing for this time)"
                        .to_owned(),
                );
            }
        },
        _ => return Err("`expect` needs the longest wait: within = \"3s\"".to_owned()),
    };
    if let Some(time) = lasting {
        expectation = expectation.lasting(time);
    }
    let text = expectation.to_string();
    Ok(step(text, vec![StepAction::Expect(expectation)]))
}

fn step(text: String, actions: Vec<StepAction>) -> ScenarioStep {
    ScenarioStep { text, actions }
}

fn cue(cue: Cue) -> ScenarioStep {
    step(cue.to_string(), vec![StepAction::Cue(cue)])
}

fn time(value: Option<TimeValue>) -> Duration {
    value.map_or(Duration::ZERO, |time| time.0)
}

/// Repeats synthesized speech for this time.
fn speech(rate: SampleRate, lasting: Duration) -> Vec<i16> {
    let samples = usize::try_from(rate.samples_in(lasting)).unwrap_or(usize::MAX);
    let speech = synthesize_speech(rate);
    speech.iter().copied().cycle().take(samples).collect()
}

impl fmt::Debug for StepTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepTable").finish_non_exhaustive()
    }
}
