//! `audiosocket call`: calls a server as Asterisk does, and checks the answers.

mod args;
mod details;
mod digits;
mod figures;
mod headings;
mod junit;
mod limits;
mod progress;
mod recordings;
mod script;
mod summary;
mod verdict;

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_media::file::AudioReader;
use audiosocket_testing::load::{LoadError, LoadTest, Report, Scenario};
use serde::Serialize;

use crate::signals::Signals;
use crate::usage_error::usage_error;
use crate::{open_files, output};
use progress::ProgressDisplay;
use recordings::{RecordedCall, Recordings};

pub(crate) use args::CallArgs;
pub(crate) use figures::times;

/// The command, for its errors.
const COMMAND: &str = "audiosocket call";

/// The exit code of a shell for a program that SIGINT ended.
const INTERRUPTED: u8 = 130;

/// The longest file of `--audio`. It is held in memory: 230 MB at slin192.
const LONGEST_AUDIO: Duration = Duration::from_secs(600);

/// The report of the load generator, and the results that only this program has.
#[derive(Debug, Serialize)]
pub(crate) struct CallReport {
    #[serde(flatten)]
    pub(crate) report: Report,
    recordings: Option<Recordings>,
    /// Callers send silence.
    #[serde(skip)]
    listeners: bool,
}

pub(crate) fn run(args: &CallArgs) -> io::Result<ExitCode> {
    let report = place(args)?;
    if let Some(path) = &args.junit {
        junit::write(&report, path)?;
    }
    if args.json {
        report.print_json()?;
    } else if args.details {
        output::line(details::details(&report))?;
    } else {
        output::line(summary::summary(&report))?;
    }
    Ok(report.exit_code())
}

/// Places the calls, and returns when all of them have ended.
pub(crate) fn place(args: &CallArgs) -> io::Result<CallReport> {
    if let Err(problem) = args.check() {
        usage_error(COMMAND, &problem);
    }
    let mut test = args.load_test()?;
    if let Some(path) = args.audio_file() {
        let samples = read_audio(path, args.rate)?;
        if samples.is_empty() {
            let problem = format!("--audio {}: the file has no audio", path.display());
            usage_error(COMMAND, &problem);
        }
        test = test.audio(samples);
    }
    if let Some(path) = args.scenario() {
        test = match Scenario::read(path, args.rate) {
            Ok(scenario) => test.scenario(scenario),
            Err(error) => usage_error(COMMAND, &format!("--scenario {error}")),
        };
    }
    open_files::raise_limit();
    // One thread is enough for a thousand calls, and on it no call waits for the lock of another.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(place_all(args, test))
}

impl CallReport {
    pub(crate) fn print_json(&self) -> io::Result<()> {
        output::line(serde_json::to_string_pretty(self)?)
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match &self.report {
            report if report.calls.interrupted > 0 => ExitCode::from(INTERRUPTED),
            report if report.ok => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }
}

/// Places the calls, until they have ended or a signal comes.
async fn place_all(args: &CallArgs, mut test: LoadTest) -> io::Result<CallReport> {
    let mut signals = Signals::listen()?;
    let recorder = args.record.as_deref().map(recordings::start).transpose()?;
    let recorder = recorder.map(Arc::new);
    if let Some(recorder) = &recorder {
        let recorder = Arc::clone(recorder);
        test = test.tap(move |uuid| RecordedCall::start(&recorder, uuid));
    }
    let progress = ProgressDisplay::new(args.is_paced() && args.scenario().is_none());
    let test = test.on_progress(progress.hook());
    let stop = async {
        signals.next().await;
    };
    let report = test.run_until(stop).await;
    progress.finish();
    if let Err(LoadError::Config(error)) = &report {
        usage_error(COMMAND, &option_names(&error.to_string()));
    }
    let mut report = report?;
    let recordings = match (recorder, &args.record) {
        (Some(recorder), Some(name)) => {
            let recorder =
                Arc::into_inner(recorder).expect("the ended load test holds no recorder");
            Some(recordings::finish(recorder, name, signals.next()).await)
        }
        _ => None,
    };
    report.ok &= recordings.as_ref().is_none_or(|all| all.failed == 0);
    Ok(CallReport {
        report,
        recordings,
        listeners: args.is_listener(),
    })
}

/// Replaces the options of [`LoadTest`], which are in backticks, by the options of this program.
fn option_names(problem: &str) -> String {
    let parts = problem.split('`').enumerate();
    parts
        .map(|(index, part)| match index % 2 {
            0 => part.to_owned(),
            _ => format!("--{}", part.replace('_', "-")),
        })
        .collect()
}

/// Reads a file of `--audio` or `--say-at`.
fn read_audio(path: &Path, rate: SampleRate) -> io::Result<Vec<i16>> {
    let mut file = AudioReader::open(path)?;
    let samples = file.read_all(rate, LONGEST_AUDIO)?;
    for warning in file.warnings() {
        tracing::warn!(file = ?path, %warning, "damaged audio file");
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_load_test_names_the_options_of_the_program() {
        assert_eq!(
            option_names("`uuid` needs `calls_per_second` 1"),
            "--uuid needs --calls-per-second 1"
        );
    }
}
