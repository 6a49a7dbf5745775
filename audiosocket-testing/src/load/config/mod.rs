//! The checked configuration of a run, and of each of its calls.

mod durations;
mod error;
mod mode;
mod options;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use audiosocket_media::Encoding;
use audiosocket_proto::{MAX_PAYLOAD_LEN, SampleRate};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng as _;
use uuid::Uuid;

use super::scenario::Scenario;
use super::signal::{Speech, TAG_LEN, TestSignal, synthesize_speech};
use crate::usage::ObservedProcess;
use durations::CallDurations;
pub use error::{ConfigError, LoadError};
pub use mode::{Expect, LoadMode};
pub(super) use options::Options;

/// The time in which a caller sends by default, and the time for which it stays after it has barged in.
const DURATION: Duration = Duration::from_secs(5);

/// The time between the last connection and the measurement of the server's cost.
pub(in crate::load) const WARM_UP: Duration = Duration::from_secs(1);

/// The longest delay of a scenario by a busy machine.
const SCENARIO_SLACK: Duration = Duration::from_secs(60);

/// No useful time is longer. Without a limit, sums of times could overflow.
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The configuration that all calls of a run share.
#[derive(Debug)]
pub(in crate::load) struct RunConfig {
    pub(in crate::load) options: Options,
    /// The time between the starts of two calls.
    pub(in crate::load) interval: Duration,
    pub(in crate::load) durations: CallDurations,
    /// The length of a frame of audio in bytes.
    frame_len: usize,
    /// The audio of the callers. `None` for noise, which differs from call to call.
    speech: Option<Arc<Speech>>,
    /// The number of the frame with which callers barge in.
    pub(in crate::load) barge_in: Option<u64>,
    pub(in crate::load) seed: u64,
    pub(in crate::load) expect: Expect,
    /// What callers do beside their audio. Only with [`Expect::Scenario`] the call ends with it.
    pub(in crate::load) scenario: Scenario,
    /// The server's process, to measure the cost of the calls.
    pub(in crate::load) server_process: Option<ObservedProcess>,
}

/// The configuration of one call: a function of the seed and the number of the call.
#[derive(Debug)]
pub(in crate::load) struct CallConfig {
    pub(in crate::load) uuid: Uuid,
    pub(in crate::load) signal: TestSignal,
    /// The time from the start of the call to its first frame: less than a ptime. Real callers are
    /// not synchronized, and synchronized calls would delay each other.
    pub(in crate::load) phase: Duration,
    /// The number of frames that the caller sends.
    pub(in crate::load) frames: u64,
}

impl RunConfig {
    pub(in crate::load) fn new(mut options: Options) -> Result<Self, ConfigError> {
        apply_scenario(&mut options)?;
        check_times(&options)?;
        if options.calls == 0 {
            return Err(ConfigError::NoCalls);
        }
        if options.uuid.is_some() && options.calls > 1 {
            return Err(ConfigError::UuidForSeveralCalls);
        }
        let frame_len = frame_len(&options)?;
        let lead = options.barge_in_after.unwrap_or_default();
        let speech = speech(&options, lead, frame_len);
        let durations = CallDurations::new(durations(&options, &speech, lead)?, options.ptime)
            .ok_or(ConfigError::DurationTooShort)?;
        let barge_in = match &speech {
            Some(speech) if options.barge_in_after.is_some() => {
                Some(barge_in(speech, durations.shortest())?)
            }
            _ => None,
        };
        let expect = match (options.expect, barge_in) {
            (Some(Expect::Echo), Some(_)) => return Err(ConfigError::BargeInWithEcho),
            (Some(expect), _) => expect,
            (None, Some(_)) => Expect::Any,
            (None, None) if options.has_no_echo() => Expect::Any,
            (None, None) => Expect::Echo,
        };
        if expect == Expect::Echo && options.has_no_echo() {
            return Err(ConfigError::NoEcho);
        }
        if options.encoding != Encoding::Slin && options.rate != SampleRate::Hz8000 {
            return Err(ConfigError::EncodingRate);
        }
        if options.start_burst == 0 {
            return Err(ConfigError::NoStartBurst);
        }
        if let Some((at, _)) = options.cues.last()
            && at > durations.range().start()
        {
            return Err(ConfigError::CueTooLate { at: *at });
        }
        if options.mode != LoadMode::Paced && speech.is_some() {
            return Err(ConfigError::NothingToSend);
        }
        if matches!(options.mode, LoadMode::ClosedLoop(_)) && expect != Expect::Echo {
            return Err(ConfigError::ClosedLoopWithoutEcho);
        }
        let interval = match options.calls_per_second {
            Some(calls) if (0.001..=1e6).contains(&calls) => Duration::from_secs_f64(1.0 / calls),
            Some(_) => return Err(ConfigError::CallsPerSecond),
            None => Duration::ZERO,
        };
        let server_process = match options.server_pid {
            Some(pid) => {
                let until_last_start = interval * (options.calls - 1);
                if *durations.range().start() <= until_last_start + WARM_UP {
                    return Err(ConfigError::MeasurementTooShort { warm_up: WARM_UP });
                }
                let found = ObservedProcess::find(pid);
                Some(found.map_err(|error| ConfigError::ServerProcess { pid, error })?)
            }
            None => None,
        };
        Ok(Self {
            interval,
            durations,
            frame_len,
            speech: speech.map(Arc::new),
            barge_in,
            seed: options.seed.unwrap_or_else(random_seed),
            expect,
            scenario: match options.scenario.take() {
                Some(scenario) => scenario,
                None => Scenario::of_cues(std::mem::take(&mut options.cues)),
            },
            server_process,
            options,
        })
    }

    /// The number of frames that all callers together will send, if it is known.
    pub(in crate::load) fn frames(&self) -> Option<u64> {
        let frames = |number| self.call(number).frames;
        let all = || {
            (0..self.options.calls)
                .map(frames)
                .fold(0, u64::saturating_add)
        };
        (self.options.mode == LoadMode::Paced).then(all)
    }

    pub(in crate::load) fn is_closed_loop(&self) -> bool {
        matches!(self.options.mode, LoadMode::ClosedLoop(_))
    }

    /// The configuration of the call with this number.
    pub(in crate::load) fn call(&self, number: u32) -> CallConfig {
        // Each call has a random stream of its own, so that it does not depend on the number of calls.
        let mut rng = Pcg64::new(self.seed.into(), number.into());
        let drawn =
            uuid::Builder::from_u128(u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64()))
                .with_variant(uuid::Variant::RFC4122)
                .with_version(uuid::Version::Random)
                .into_uuid();
        CallConfig {
            uuid: self.options.uuid.unwrap_or(drawn),
            signal: match &self.speech {
                Some(speech) => TestSignal::Speech(Arc::clone(speech)),
                None => TestSignal::noise(rng.next_u64(), self.frame_len),
            },
            phase: self
                .options
                .ptime
                .mul_f64(f64::from(rng.next_u32()) / 2_f64.powi(32)),
            frames: self.durations.draw(&mut rng),
        }
    }
}

/// Sets the options that follow from the scenario.
fn apply_scenario(options: &mut Options) -> Result<(), ConfigError> {
    let Some(scenario) = &options.scenario else {
        return Ok(());
    };
    for (is_set, option) in [
        (options.audio.is_some(), "audio"),
        (options.barge_in_after.is_some(), "barge_in_after"),
        (!options.cues.is_empty(), "cue"),
        (!options.dtmf.is_empty(), "dtmf"),
        (options.durations.is_some(), "duration"),
        (options.expect.is_some(), "expect"),
        (options.mode != LoadMode::Paced, "mode"),
    ] {
        if is_set {
            return Err(ConfigError::OptionWithScenario { option });
        }
    }
    if scenario.steps().is_empty() {
        return Err(ConfigError::NoSteps);
    }
    if let Some(step) = scenario.step_after_end() {
        return Err(ConfigError::StepAfterEnd { step });
    }
    let longest = scenario.longest(options.rate);
    if longest > WEEK {
        return Err(ConfigError::TooLong { option: "scenario" });
    }
    let longest = longest + SCENARIO_SLACK;
    options.durations = Some(longest..=longest);
    // Silence follows the sample.
    options.audio = Some(vec![0]);
    options.expect = Some(Expect::Scenario);
    options.list_calls = true;
    Ok(())
}

fn check_times(options: &Options) -> Result<(), ConfigError> {
    let zero = Duration::ZERO;
    let longest = options
        .durations
        .as_ref()
        .map_or(zero, |range| *range.end());
    for (option, time) in [
        ("duration", longest),
        ("barge_in_after", options.barge_in_after.unwrap_or_default()),
        ("linger", options.linger),
        ("connect_timeout", options.connect_timeout),
        ("ptime", options.ptime),
    ] {
        if time > WEEK {
            return Err(ConfigError::TooLong { option });
        }
    }
    Ok(())
}

fn frame_len(options: &Options) -> Result<usize, ConfigError> {
    let len = options.rate.samples_in(options.ptime) * 2;
    match usize::try_from(len) {
        Ok(len) if len <= TAG_LEN => Err(ConfigError::FrameTooShort),
        Ok(len) if len <= MAX_PAYLOAD_LEN => Ok(len),
        _ => Err(ConfigError::FrameTooLong {
            len,
            rate: options.rate,
        }),
    }
}

/// The audio of all callers. `None` for noise.
fn speech(options: &Options, lead: Duration, frame_len: usize) -> Option<Speech> {
    let lead = lead.as_nanos().div_ceil(options.ptime.as_nanos());
    let lead = u64::try_from(lead).unwrap_or(u64::MAX);
    match &options.audio {
        Some(samples) => Some(Speech::new(samples, frame_len, lead)),
        None if lead > 0 => Some(Speech::new(
            &synthesize_speech(options.rate),
            frame_len,
            lead,
        )),
        None => None,
    }
}

fn durations(
    options: &Options,
    speech: &Option<Speech>,
    lead: Duration,
) -> Result<RangeInclusive<Duration>, ConfigError> {
    let durations = match (&options.durations, speech) {
        (Some(durations), _) => durations.clone(),
        (None, Some(speech)) if options.audio.is_some() => {
            let frames = u32::try_from(speech.frames()).unwrap_or(u32::MAX);
            let whole = options.ptime.saturating_mul(frames);
            whole..=whole
        }
        (None, _) => lead + DURATION..=lead + DURATION,
    };
    if options.audio.as_ref().is_some_and(Vec::is_empty) {
        return Err(ConfigError::NoAudio);
    }
    if durations.is_empty() {
        return Err(ConfigError::EmptyDurationRange);
    }
    Ok(durations)
}

fn barge_in(speech: &Speech, frames: u64) -> Result<u64, ConfigError> {
    let first_loud = speech.first_loud().ok_or(ConfigError::NotLoud)?;
    if first_loud >= frames {
        return Err(ConfigError::BargeInTooLate);
    }
    Ok(first_loud)
}

/// A seed that is small enough for every JSON reader. Many have no integers beyond 2^53.
fn random_seed() -> u64 {
    getrandom::u32()
        .expect("the system has random numbers")
        .into()
}
