//! The errors of a load test.

use std::fmt;
use std::io;
use std::time::Duration;

use audiosocket_proto::{MAX_PAYLOAD_LEN, SampleRate};

/// The error of a load test that did not run.
///
/// A failed call is no error: the [`Report`](crate::load::Report) has it.
#[derive(Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// The options of the test are invalid. No call was placed.
    Config(ConfigError),
    /// The name of the server cannot be resolved, or the system lacks resources.
    Io(io::Error),
}

/// The error of invalid options.
///
/// The texts have the names of options in backticks, as in [`LoadTest`](crate::load::LoadTest).
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// `calls` is 0.
    NoCalls,
    /// `calls_per_second` is not between 0.001 and 1,000,000.
    CallsPerSecond,
    /// A UUID was given for more than one call.
    UuidForSeveralCalls,
    /// A time is longer than a week.
    TooLong {
        /// The name of the option.
        option: &'static str,
    },
    /// A frame takes 8 bytes or less.
    FrameTooShort,
    /// A frame takes more than 65,535 bytes.
    FrameTooLong {
        /// The length of the frame in bytes.
        len: u64,
        /// The sample rate of the frame.
        rate: SampleRate,
    },
    /// The given audio has no samples.
    NoAudio,
    /// The maximum duration is less than the minimum.
    EmptyDurationRange,
    /// The duration is shorter than one frame.
    DurationTooShort,
    /// No frame of the given audio is loud enough for a barge-in.
    NotLoud,
    /// The call ends before the barge-in.
    BargeInTooLate,
    /// A call with a barge-in expects an echo.
    BargeInWithEcho,
    /// A closed loop or a quiet call was given audio or a barge-in.
    NothingToSend,
    /// An echo is expected of audio that has none: A-law, µ-law, or a cue that changes the audio.
    NoEcho,
    /// A-law and µ-law have 8 kHz only.
    EncodingRate,
    /// A cue comes after the end of the call.
    CueTooLate {
        /// The time of the cue.
        at: Duration,
    },
    /// The `scenario` has no steps.
    NoSteps,
    /// A step of the `scenario` comes after the end of the call.
    StepAfterEnd {
        /// The number of the step, from 1.
        step: usize,
    },
    /// The `scenario` already sets what this option sets.
    OptionWithScenario {
        /// The name of the option.
        option: &'static str,
    },
    /// `start_burst` is 0.
    NoStartBurst,
    /// A closed loop does not expect an echo.
    ClosedLoopWithoutEcho,
    /// The calls end before the server can be measured.
    MeasurementTooShort {
        /// The time between the last connection and the measurement.
        warm_up: Duration,
    },
    /// The server's process cannot be observed.
    ServerProcess {
        /// The id of the process.
        pid: u32,
        /// The reason.
        error: io::Error,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LoadError {}

impl From<ConfigError> for LoadError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<io::Error> for LoadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<LoadError> for io::Error {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Config(error) => Self::new(io::ErrorKind::InvalidInput, error),
            LoadError::Io(error) => error,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCalls => f.write_str("`calls` is 0"),
            Self::CallsPerSecond => {
                f.write_str("`calls_per_second` is not between 0.001 and 1000000")
            }
            Self::UuidForSeveralCalls => f.write_str("`uuid` names one call, but `calls` is more"),
            Self::TooLong { option } => write!(f, "`{option}` is longer than a week"),
            Self::FrameTooShort => f.write_str("`ptime` is too short: a frame has 8 bytes or less"),
            Self::FrameTooLong { len, rate } => {
                let longest = rate.duration_of(MAX_PAYLOAD_LEN as u64 / 2).as_millis();
                write!(
                    f,
                    "`ptime` is too long: a frame has {len} bytes of {rate}; the maximum is {MAX_PAYLOAD_LEN} bytes, which is {longest} ms"
                )
            }
            Self::NoAudio => f.write_str("`audio` has no samples"),
            Self::EmptyDurationRange => {
                f.write_str("the maximum of `duration` is less than the minimum")
            }
            Self::DurationTooShort => f.write_str("`duration` is shorter than one frame (`ptime`)"),
            Self::NotLoud => {
                f.write_str("no frame of `audio` is loud enough to barge in with (-40 dB)")
            }
            Self::BargeInTooLate => f.write_str("`duration` is over before the caller barges in"),
            Self::BargeInWithEcho => {
                f.write_str("a caller cannot barge in on an echo: `barge_in_after` needs `expect` any")
            }
            Self::NothingToSend => f.write_str(
                "a quiet call or a closed loop sends no `audio` and cannot barge in (`barge_in_after`)",
            ),
            Self::NoEcho => f.write_str(
                "the audio of a cue, A-law and µ-law have no echo that can be checked: use `expect` any",
            ),
            Self::EncodingRate => f.write_str("A-law and µ-law have a `rate` of 8 kHz"),
            Self::CueTooLate { at } => {
                write!(f, "`duration` is over before something that happens at {at:?}")
            }
            Self::NoSteps => f.write_str("the `scenario` has no steps"),
            Self::StepAfterEnd { step } => write!(
                f,
                "step {step} of the `scenario` comes after the end of the call; remove it, or the hangup before it"
            ),
            Self::OptionWithScenario { option } => write!(
                f,
                "the `scenario` sets what the caller sends and expects: leave `{option}` out"
            ),
            Self::NoStartBurst => f.write_str("`start_burst` is 0"),
            Self::ClosedLoopWithoutEcho => {
                f.write_str("a closed loop waits for echoes: it needs `expect` echo")
            }
            Self::MeasurementTooShort { warm_up } => write!(
                f,
                "`server_pid` measures from {warm_up:?} after the last call has started until the first call stops; `duration` is too short for that"
            ),
            Self::ServerProcess { pid, error } => write!(f, "`server_pid` {pid}: {error}"),
        }
    }
}

impl std::error::Error for ConfigError {}
