use std::convert::Infallible;
use std::io;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use audiosocket_proto::SampleRate;
use audiosocket_testing::load::{self, LoadMode, LoadTest};
use clap::{Parser, ValueEnum};
use uuid::Uuid;

use super::digits::{Digits, digits};
use super::headings::{AUDIO, CALLS};
use super::limits::LimitArgs;
use super::recordings::PLACEHOLDER;
use super::script::ScriptArgs;
use crate::{address, duration};

/// The length of a call without `--duration`, the default of [`LoadTest`].
const DURATION: Duration = Duration::from_secs(5);

/// The arguments of `audiosocket call`. `-h` does not show those with `hide`.
#[derive(Debug, Parser)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CallArgs {
    /// The server, HOST:PORT
    #[arg(value_name = "ADDR", help_heading = CALLS, display_order = 0, value_parser = address::parse)]
    server: String,
    /// Number of calls
    #[arg(long, value_name = "N", help_heading = CALLS, display_order = 1, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    calls: u32,
    /// Calls started per second [default: all at once]
    #[arg(long, value_name = "N", help_heading = CALLS, hide = true, value_parser = calls_per_second)]
    calls_per_second: Option<f64>,
    /// Length, or a range: 1s-60s [default: 5s]
    #[arg(long, value_name = "TIME", help_heading = CALLS, value_parser = duration::parse_range)]
    duration: Option<RangeInclusive<Duration>>,
    /// Answer that counts as good [default: echo]
    #[arg(long, value_name = "echo|any", help_heading = CALLS, value_enum, hide_possible_values = true)]
    expect: Option<ExpectOption>,
    /// Do and expect the steps of this TOML file
    #[arg(long, value_name = "FILE", help_heading = CALLS, conflicts_with_all = EXCLUDED)]
    scenario: Option<PathBuf>,
    /// Time to connect
    #[arg(long, value_name = "TIME", help_heading = CALLS, hide = true, default_value = "5s", value_parser = duration::parse_positive)]
    connect_timeout: Duration,
    /// Wait for the last echoes
    #[arg(long, value_name = "TIME", help_heading = CALLS, hide = true, default_value = "1s", value_parser = duration::parse)]
    echo_timeout: Duration,
    /// UUID of the only call [default: random]
    #[arg(long, value_name = "UUID", help_heading = CALLS, hide = true)]
    uuid: Option<Uuid>,
    /// Repeat audio, UUIDs and durations of a run
    #[arg(long, value_name = "N", help_heading = CALLS, hide = true)]
    seed: Option<u64>,
    /// Print all figures, not the summary
    #[arg(long, help_heading = CALLS, conflicts_with = "json")]
    pub(super) details: bool,
    /// Print all figures as one JSON object
    #[arg(long, help_heading = CALLS)]
    pub(super) json: bool,
    /// Write a JUnit report to this file
    #[arg(long, value_name = "FILE", help_heading = CALLS, hide = true)]
    pub(super) junit: Option<PathBuf>,
    /// Measure a local server process (Linux)
    #[arg(long, value_name = "PID", help_heading = CALLS, hide = true, value_parser = clap::value_parser!(u32).range(1..))]
    server_pid: Option<u32>,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    script: ScriptArgs,
    /// FILE, noise (default), silence (default of any)
    #[arg(long, value_name = "AUDIO", help_heading = AUDIO, value_parser = caller_audio)]
    audio: Option<CallerAudio>,
    /// Sample rate, slin to slin192
    #[arg(long, value_name = "RATE", help_heading = AUDIO, hide = true, default_value_t = SampleRate::Hz8000)]
    pub(super) rate: SampleRate,
    /// Milliseconds of audio in a frame
    #[arg(long, value_name = "MS", help_heading = AUDIO, hide = true, default_value_t = 20, value_parser = clap::value_parser!(u16).range(2..=1000))]
    ptime: u16,
    /// Press these keys at the start: 0-9 * # A-D
    #[arg(long, value_name = "KEYS", help_heading = AUDIO, default_value = "", hide_default_value = true, value_parser = digits)]
    dtmf: Digits,
    /// Be silent, then interrupt the server's speech
    #[arg(long, value_name = "TIME", help_heading = AUDIO, value_parser = duration::parse_positive)]
    barge_in_after: Option<Duration>,
    /// Send N frames, and N more after their echoes
    #[arg(long, value_name = "N", help_heading = AUDIO, hide = true, value_parser = clap::value_parser!(u32).range(1..=200))]
    closed_loop: Option<u32>,
    /// Send no audio, only the UUID and keys
    #[arg(long, help_heading = AUDIO, hide = true)]
    no_audio: bool,
    /// Write received audio to this file; {uuid} in it
    #[arg(long, value_name = "FILE", help_heading = AUDIO)]
    pub(super) record: Option<String>,
}

const AFTER_HELP: &str = crate::help::examples!(
    "testing.md",
    "audiosocket call 127.0.0.1:9092 --calls 100 --duration 10s",
    "audiosocket call voicebot:9092 --scenario dialogue.toml --junit calls.xml",
    "audiosocket call voicebot:9092 --barge-in-after 2s --record heard.wav",
);

/// The options for what a scenario has.
const EXCLUDED: [&str; 14] = [
    "audio",
    "barge_in_after",
    "closed_loop",
    "dtmf",
    "dtmf_at",
    "duration",
    "error_at",
    "expect",
    "hold",
    "inband_keys",
    "no_audio",
    "replay",
    "say_at",
    "uuid_at",
];

/// The values of `--audio`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum CallerAudio {
    Noise,
    Silence,
    File(PathBuf),
}

/// The values of `--expect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExpectOption {
    Echo,
    Any,
}

impl CallArgs {
    /// The calls of `audiosocket demo`. All other options have their defaults.
    pub(crate) fn of_demo(server: &str, calls: u32, duration: Duration) -> Self {
        Self {
            calls,
            duration: Some(duration..=duration),
            ..Self::parse_from(["call", server])
        }
    }

    /// Checks the options that [`LoadTest`] does not have.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.closed_loop.is_some() && self.no_audio {
            return Err(
                "--closed-loop sends audio and --no-audio sends none; give one of them".to_owned(),
            );
        }
        if self.closed_loop.is_some() && self.record.is_some() {
            return Err(
                "--record needs audio in real time; --closed-loop is faster than that".to_owned(),
            );
        }
        if self.barge_in_after.is_some()
            && matches!(self.audio, Some(CallerAudio::Noise | CallerAudio::Silence))
        {
            return Err(
                "--barge-in-after needs speech: use --audio FILE, or leave --audio out".to_owned(),
            );
        }
        if let Some(name) = &self.record
            && self.calls > 1
            && !name.contains(PLACEHOLDER)
        {
            return Err(format!(
                "--record {name:?} is one file for {} calls; write {PLACEHOLDER} in the name, for the UUID of the call",
                self.calls
            ));
        }
        Ok(())
    }

    /// Returns whether callers send silence: noise from the first frame on would interrupt the greeting of a bot.
    pub(super) fn is_listener(&self) -> bool {
        let silent = match self.audio {
            Some(CallerAudio::Silence) => true,
            Some(_) => false,
            None => {
                let listens = self.expect == Some(ExpectOption::Any) || self.script.has_speech();
                listens && self.barge_in_after.is_none()
            }
        };
        silent && self.is_paced()
    }

    /// Returns the WAV file that callers send.
    pub(super) fn audio_file(&self) -> Option<&Path> {
        match &self.audio {
            Some(CallerAudio::File(path)) => Some(path),
            _ => None,
        }
    }

    /// Returns the file with the scenario of the calls.
    pub(super) fn scenario(&self) -> Option<&Path> {
        self.scenario.as_deref()
    }

    /// Returns whether callers send a frame each ptime.
    pub(super) fn is_paced(&self) -> bool {
        self.closed_loop.is_none() && !self.no_audio && !self.script.is_replay()
    }

    /// The test, without audio and recordings.
    ///
    /// # Errors
    ///
    /// If a file cannot be read.
    pub(super) fn load_test(&self) -> io::Result<LoadTest> {
        let mode = match self.closed_loop.and_then(NonZeroU32::new) {
            Some(frames) => LoadMode::ClosedLoop(frames),
            None if self.no_audio => LoadMode::Quiet,
            None => LoadMode::Paced,
        };
        let mut test = LoadTest::new(&self.server)
            .calls(self.calls)
            .mode(mode)
            .rate(self.rate)
            .ptime(Duration::from_millis(self.ptime.into()))
            .linger(self.echo_timeout)
            .connect_timeout(self.connect_timeout)
            .list_calls(self.junit.is_some());
        if let Some(calls) = self.calls_per_second {
            test = test.calls_per_second(calls);
        }
        if let Some(durations) = &self.duration {
            test = test.durations(durations.clone());
        }
        if let Some(time) = self.barge_in_after {
            test = test.barge_in_after(time);
        }
        if let Some(uuid) = self.uuid {
            test = test.uuid(uuid);
        }
        if let Some(seed) = self.seed {
            test = test.seed(seed);
        }
        if let Some(expect) = self.expect {
            test = test.expect(expect.into());
        }
        if self.is_listener() {
            // Silence follows the last sample. `audio` alone would set the duration to one frame.
            test = test.audio(vec![0]);
            if self.duration.is_none() {
                test = test.duration(DURATION);
            }
        }
        if let Some(pid) = self.server_pid {
            test = test.server_pid(pid);
        }
        let (has_uuid, has_duration) = (self.uuid.is_some(), self.duration.is_some());
        let test = self.script.apply(test, self.rate, &self.dtmf)?;
        let test = self
            .script
            .apply_replay(test, has_uuid || self.calls > 1, has_duration)?;
        Ok(self.limits.apply(test))
    }
}

impl From<ExpectOption> for load::Expect {
    fn from(expect: ExpectOption) -> Self {
        match expect {
            ExpectOption::Echo => Self::Echo,
            ExpectOption::Any => Self::Any,
        }
    }
}

fn calls_per_second(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(calls) if (0.001..=1e6).contains(&calls) => Ok(calls),
        _ => Err("expected a number between 0.001 and 1000000".to_owned()),
    }
}

fn caller_audio(text: &str) -> Result<CallerAudio, Infallible> {
    Ok(match text {
        "noise" => CallerAudio::Noise,
        "silence" => CallerAudio::Silence,
        _ => CallerAudio::File(text.into()),
    })
}
