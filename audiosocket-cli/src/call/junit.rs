//! The report as JUnit XML, for CI systems: a test case for each call, and one for the run as a whole.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::time::Duration;

use audiosocket_testing::load::{CallResult, StepResult};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::CallReport;
use super::verdict::{bad_frames, run_failures};
use crate::file_error::file_error;

/// The name of the suite without a scenario.
const NAME: &str = "audiosocket call";

/// See [`valid`].
const FORBIDDEN: [char; 2] = ['\u{fffe}', '\u{ffff}'];

/// Writes the report into a file, which is replaced.
pub(super) fn write(call: &CallReport, path: &Path) -> io::Result<()> {
    let written = File::create(path).and_then(|file| {
        let mut file = BufWriter::new(file);
        report(call)
            .serialize(&mut file)
            .map_err(io::Error::other)?;
        file.flush()
    });
    written.map_err(|error| file_error(path, &error))
}

fn report(call: &CallReport) -> Report {
    let figures = &call.report;
    let name = valid(figures.scenario.as_deref().unwrap_or(NAME));
    let time = seconds(figures.seconds);
    let mut suite = TestSuite::new(&*name);
    suite.set_time(time);
    suite.add_property(("server", &*valid(&figures.server)));
    suite.add_property(("seed", figures.seed.to_string().as_str()));
    if let Some(release) = &figures.asterisk {
        suite.add_property(("asterisk", release.as_str()));
    }
    suite.add_test_cases(figures.each_call.iter().map(test_case));
    let problems: Vec<_> = bad_frames(figures)
        .into_iter()
        .chain(run_failures(call))
        .collect();
    let status = match problems.is_empty() {
        true => TestCaseStatus::success(),
        false => failure(&problems.join("; ")),
    };
    suite.add_test_case(TestCase::new("limits, frames and recordings", status));
    for case in &mut suite.test_cases {
        case.set_classname(&*name);
    }
    let mut report = Report::new(NAME);
    report.set_time(time);
    report.add_test_suite(suite);
    report
}

fn test_case(call: &CallResult) -> TestCase {
    let status = match &call.failure {
        Some(reason) => {
            let at = call.steps.last().map(|step| step.until_s);
            let at = at.map_or_else(String::new, |at| format!(" (at {at:.3} s)"));
            failure(&format!("{reason}{at}"))
        }
        None if call.interrupted => {
            let mut status = TestCaseStatus::skipped();
            status.set_message("the run was interrupted");
            status
        }
        None => TestCaseStatus::success(),
    };
    let mut case = TestCase::new(format!("call {}", call.number), status);
    case.set_time(seconds(call.seconds));
    let mut output = format!("UUID {}\n", call.uuid);
    for step in &call.steps {
        // A string takes all that is written to it.
        let _ = writeln!(output, "{}", step_line(step));
    }
    case.set_system_out(valid(&output));
    case
}

/// Describes a step, with its times of the call.
fn step_line(step: &StepResult) -> String {
    let StepResult {
        step,
        text,
        from_s,
        until_s,
        failure,
        ..
    } = step;
    let result = failure.as_deref().unwrap_or("ok");
    format!("{from_s:.3} s to {until_s:.3} s: step {step}, {text}: {result}")
}

fn failure(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(valid(message));
    status
}

/// Replaces the characters that XML forbids and `quick_junit` 0.8.0 does not remove.
fn valid(text: &str) -> Cow<'_, str> {
    match text.contains(FORBIDDEN) {
        true => text.replace(FORBIDDEN, "\u{fffd}").into(),
        false => text.into(),
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
