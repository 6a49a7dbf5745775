//! The callers: `audiosocket call`, in a process on the other core than the server.

use std::io;
use std::ops::RangeInclusive;
use std::time::Duration;

use audiosocket_testing::load::{Expect, LoadMode, Quantiles, Report};
use audiosocket_testing::process::Process;

/// The callers of one test.
#[derive(Clone, Debug)]
pub(crate) struct Callers {
    pub(crate) calls: u32,
    /// `None` if all calls start at once.
    pub(crate) calls_per_second: Option<f64>,
    pub(crate) durations: RangeInclusive<Duration>,
    pub(crate) mode: LoadMode,
    pub(crate) expect: Expect,
    /// The time that callers wait for late echoes.
    pub(crate) linger: Duration,
    /// The process id of the server, to measure the cost of the calls.
    pub(crate) server_pid: Option<u32>,
}

/// A process of callers. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct CallerProcess(pub(crate) Process);

impl Callers {
    /// Returns callers whose calls have this duration, start at once and expect an echo.
    pub(crate) fn new(calls: u32, duration: Duration) -> Self {
        Self {
            calls,
            calls_per_second: None,
            durations: duration..=duration,
            mode: LoadMode::Paced,
            expect: Expect::Echo,
            linger: Duration::from_secs(1),
            server_pid: None,
        }
    }

    /// Returns the options of `audiosocket call`.
    pub(crate) fn args(&self) -> Vec<String> {
        let [shortest, longest] =
            [self.durations.start(), self.durations.end()].map(Duration::as_millis);
        let mut args = vec![
            "--json".to_owned(),
            format!("--calls={}", self.calls),
            format!("--duration={shortest}ms-{longest}ms"),
            format!("--echo-timeout={}ms", self.linger.as_millis()),
        ];
        args.extend(match self.mode {
            LoadMode::ClosedLoop(frames) => Some(format!("--closed-loop={frames}")),
            LoadMode::Quiet => Some("--no-audio".to_owned()),
            _ => None,
        });
        args.extend(match self.expect {
            Expect::Any => Some("--expect=any".to_owned()),
            _ => None,
        });
        let rate = self.calls_per_second;
        args.extend(rate.map(|calls| format!("--calls-per-second={calls}")));
        args.extend(self.server_pid.map(|pid| format!("--server-pid={pid}")));
        args
    }
}

impl CallerProcess {
    /// Waits until all calls have ended. The report may have failures.
    pub(crate) fn report(mut self) -> io::Result<Report> {
        let output = self.0.wait()?;
        let report = serde_json::from_str(&output.stdout);
        report.map_err(|error| {
            io::Error::other(format!(
                "no report: {error}; callers wrote: {}",
                output.stderr
            ))
        })
    }
}

/// Returns the report, or an error if a call failed or a frame was lost.
pub(crate) fn good(report: Report) -> io::Result<Report> {
    if !report.ok {
        let report = serde_json::to_string(&report)?;
        return Err(io::Error::other(format!("calls failed: {report}")));
    }
    Ok(report)
}

/// Returns one of the quantiles in milliseconds, or NaN if nothing was measured.
pub(crate) fn millis(times: Option<Quantiles>, of: impl Fn(&Quantiles) -> u64) -> f64 {
    times.map_or(f64::NAN, |times| of(&times) as f64 / 1e3)
}
