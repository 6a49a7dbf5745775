//! `audiosocket call`: stands in for Asterisk.

mod args;
mod progress;
mod recordings;
mod report;

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_media::file::AudioReader;
use audiosocket_testing::load::{LoadError, LoadTest, Report};
use serde::Serialize;

use crate::signals::Signals;
use crate::usage_error::usage_error;
use crate::{open_files, output};
use progress::ProgressDisplay;
use recordings::{RecordedCall, Recordings};

pub(crate) use args::CallArgs;

/// As a shell reports a program that SIGINT ended.
const INTERRUPTED: u8 = 130;

/// A longer audio file is refused. The file is held in memory: 230 MB at slin192.
const LONGEST_AUDIO: Duration = Duration::from_secs(600);

/// The report with what only this program adds.
#[derive(Debug, Serialize)]
struct Summary {
    #[serde(flatten)]
    report: Report,
    recordings: Option<Recordings>,
}

pub(crate) fn run(args: &CallArgs) -> io::Result<ExitCode> {
    if let Err(problem) = args.check() {
        usage_error(&problem);
    }
    let mut test = args.load_test();
    if let Some(path) = &args.audio {
        let samples = read(path, args.rate)?;
        if samples.is_empty() {
            usage_error("there is no audio in the file that --audio names");
        }
        test = test.audio(samples);
    }
    open_files::raise_limit();
    // One thread: the calls then never wait for what they share, and one core is enough for a
    // thousand calls.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let summary = runtime.block_on(place_all(args, test))?;
    if args.json {
        output::line(serde_json::to_string_pretty(&summary)?)?;
    } else {
        output::line(report::table(&summary))?;
    }
    Ok(match &summary.report {
        report if report.calls.interrupted > 0 => ExitCode::from(INTERRUPTED),
        report if report.ok => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Places all calls, until they have ended or a signal comes.
async fn place_all(args: &CallArgs, mut test: LoadTest) -> io::Result<Summary> {
    let mut signals = Signals::listen()?;
    let recorder = args.record.as_deref().map(recordings::start).transpose()?;
    let recorder = recorder.map(Arc::new);
    if let Some(recorder) = &recorder {
        let recorder = Arc::clone(recorder);
        test = test.tap(move |uuid| RecordedCall::start(&recorder, uuid));
    }
    let progress = ProgressDisplay::new(args.is_paced());
    let test = test.on_progress(progress.hook());
    let stop = async {
        signals.next().await;
    };
    let report = test.run_until(stop).await;
    progress.finish();
    if let Err(LoadError::Config(error)) = &report {
        usage_error(&option_names(&error.to_string()));
    }
    let mut report = report?;
    let recordings = match (recorder, &args.record) {
        (Some(recorder), Some(name)) => {
            let recorder = Arc::into_inner(recorder).expect("the test has dropped its tap");
            Some(recordings::finish(recorder, name, signals.next()).await)
        }
        _ => None,
    };
    report.ok &= recordings.as_ref().is_none_or(|all| all.failed == 0);
    Ok(Summary { report, recordings })
}

/// Replaces the options of [`LoadTest`], in backticks, by those of the command line.
fn option_names(problem: &str) -> String {
    let parts = problem.split('`').enumerate();
    parts
        .map(|(index, part)| match index % 2 {
            0 => part.to_owned(),
            _ => format!("--{}", part.replace('_', "-")),
        })
        .collect()
}

/// Reads an audio file of any rate as samples at `rate`.
fn read(path: &Path, rate: SampleRate) -> io::Result<Vec<i16>> {
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
    fn options_have_the_names_of_the_command_line() {
        assert_eq!(
            option_names("`uuid` needs `calls_per_second` 1"),
            "--uuid needs --calls-per-second 1"
        );
    }
}
