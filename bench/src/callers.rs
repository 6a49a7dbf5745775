//! Callers of a server, by the load generator of `audiosocket-testing`.

use std::io::{self, Read as _};
use std::ops::RangeInclusive;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use audiosocket_testing::load::{Expect, LoadMode, LoadTest, Quantiles, Report};
use serde::{Deserialize, Serialize};

use crate::cores::Cores;

/// The callers of one test.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Callers {
    pub(crate) calls: u32,
    /// `None` if all start at once.
    pub(crate) calls_per_second: Option<f64>,
    pub(crate) durations: RangeInclusive<Duration>,
    pub(crate) mode: LoadMode,
    pub(crate) expect: Expect,
    /// How long callers wait for late echoes.
    pub(crate) linger: Duration,
    /// The process of the server, to measure what callers cost it.
    pub(crate) server_pid: Option<u32>,
}

/// A process of callers. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct CallerProcess(Child);

impl Callers {
    /// Calls of this duration that start at once and expect an echo.
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

    /// Places the calls in this thread, on the callers' core.
    pub(crate) fn run(&self, server: &str, cores: &Cores) -> io::Result<Report> {
        cores.on_load(|| self.place(server))?
    }

    /// Starts a process that places the calls, on the callers' core. `program` makes the command
    /// that runs this program.
    pub(crate) fn spawn(
        &self,
        server: &str,
        mut command: Command,
        cores: &Cores,
    ) -> io::Result<CallerProcess> {
        command
            .args(["callers", server, &serde_json::to_string(self)?])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        Ok(CallerProcess(cores.on_load(|| command.spawn())??))
    }

    /// The other side of [`spawn`](Self::spawn): places the calls and prints the report.
    pub(crate) fn place_and_print(callers: &str, server: &str) -> io::Result<()> {
        let callers: Self = serde_json::from_str(callers)?;
        println!("{}", serde_json::to_string(&callers.place(server)?)?);
        Ok(())
    }

    fn place(&self, server: &str) -> io::Result<Report> {
        let mut test = LoadTest::new(server)
            .calls(self.calls)
            .durations(self.durations.clone())
            .mode(self.mode)
            .expect(self.expect)
            .linger(self.linger);
        if let Some(calls) = self.calls_per_second {
            test = test.calls_per_second(calls);
        }
        if let Some(pid) = self.server_pid {
            test = test.server_pid(pid);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(runtime.block_on(test.run())?)
    }
}

impl CallerProcess {
    /// Waits until all calls have ended.
    pub(crate) fn report(mut self) -> io::Result<Report> {
        let mut json = String::new();
        if let Some(mut stdout) = self.0.stdout.take() {
            stdout.read_to_string(&mut json)?;
        }
        Ok(serde_json::from_str(&json)?)
    }
}

impl Drop for CallerProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The report, or an error if a call failed or a frame was lost.
pub(crate) fn good(report: Report) -> io::Result<Report> {
    if !report.ok {
        let report = serde_json::to_string(&report)?;
        return Err(io::Error::other(format!("calls failed: {report}")));
    }
    Ok(report)
}

/// One of the quantiles in milliseconds; not a number if nothing was measured.
pub(crate) fn millis(times: Option<Quantiles>, of: impl Fn(&Quantiles) -> u64) -> f64 {
    times.map_or(f64::NAN, |times| of(&times) as f64 / 1e3)
}
