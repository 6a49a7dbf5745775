use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_testing::load::{Expect, Report};
use audiosocket_testing::usage::ProcessUsage;

use super::Times;
use super::log::Log;
use crate::callers::Callers;
use crate::cores::Cores;
use crate::program::{Program, Serve, Server};
use crate::runtime::Runtime;

/// The time in which a server must release the resources of its last calls.
const REST: Duration = Duration::from_secs(30);

/// A server before its calls.
pub(super) struct Served {
    runtime: Runtime,
    what: &'static str,
    server: Server,
    log: PathBuf,
}

/// A server after its calls.
pub(super) struct Outcome {
    pub(super) runtime: Runtime,
    /// Echo or play.
    pub(super) what: &'static str,
    /// The usage before the first call, and after the last.
    before: ProcessUsage,
    after: ProcessUsage,
    /// The usage during the calls, with the time since the first call.
    pub(super) samples: Vec<(Duration, ProcessUsage)>,
    pub(super) log: Log,
    /// The report of the callers.
    pub(super) report: Report,
}

impl Served {
    pub(super) fn start(
        program: &Program,
        runtime: Runtime,
        what: Serve<'_>,
        directory: &Path,
        cores: &Cores,
    ) -> io::Result<Self> {
        let name = match what {
            Serve::Echo | Serve::OperatedEcho(_) => "echo",
            Serve::Play(_) => "play",
        };
        let log = directory.join(format!("{}-{name}.log", runtime.name()));
        let server = program.serve(what, runtime, Some(File::create(&log)?), cores)?;
        Ok(Self {
            runtime,
            what: name,
            server,
            log,
        })
    }

    /// Places the calls, and observes the server until it is at rest again.
    pub(super) fn soak(
        self,
        program: &Program,
        callers: &Callers,
        times: Times,
        start: Instant,
        cores: &Cores,
    ) -> io::Result<Outcome> {
        let before = self.server.usage()?;
        let callers = Callers {
            expect: match self.what {
                "echo" => Expect::Echo,
                _ => Expect::Any,
            },
            // On a busy machine an echo may be late without being lost.
            linger: Duration::from_secs(10),
            ..callers.clone()
        };
        let mut samples = Vec::new();
        let calling = program.spawn_callers(&self.server, &callers, cores)?;
        let report = thread::scope(|scope| {
            let reporting = scope.spawn(|| calling.report());
            while !reporting.is_finished() {
                samples.push((start.elapsed(), self.server.usage()?));
                thread::sleep(times.between_samples);
            }
            let report = reporting.join();
            report.unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
        })?;
        let lines = fs::read_to_string(&self.log)?;
        self.print_failures(&report, &lines);
        // Memory is judged from the samples.
        let limit = ProcessUsage {
            resident_bytes: u64::MAX,
            ..before
        };
        let after = self.server.at_rest(&limit, REST)?;
        Ok(Outcome {
            runtime: self.runtime,
            what: self.what,
            before,
            after,
            samples,
            log: Log::read(&lines),
            report,
        })
    }

    /// Prints failures and warnings to standard error. The figures do not contain the reasons.
    fn print_failures(&self, report: &Report, log: &str) {
        let name = format!("{} {}", self.runtime.name(), self.what);
        for failure in &report.failures {
            eprintln!("{name}: {failure:?}");
        }
        for line in log.lines().filter(|line| Log::is_warning(line)).take(20) {
            eprintln!("{name}: {line}");
        }
    }
}

impl Outcome {
    /// The usage after the last call minus the usage before the first.
    pub(super) fn left(&self, of: impl Fn(&ProcessUsage) -> u64) -> f64 {
        of(&self.after) as f64 - of(&self.before) as f64
    }

    /// The median of the resident bytes during calls: in the steady state, and at the end.
    pub(super) fn resident(&self, times: Times) -> [f64; 2] {
        let end = times.calls.saturating_sub(times.steady);
        [times.steady, end].map(|from| {
            let within = from..from + times.steady;
            let within = |sample: &&(Duration, ProcessUsage)| within.contains(&sample.0);
            let samples = self.samples.iter().filter(within);
            let mut resident: Vec<_> = samples.map(|(_, usage)| usage.resident_bytes).collect();
            resident.sort_unstable();
            let median = resident.get(resident.len() / 2);
            median.map_or(f64::NAN, |median| *median as f64)
        })
    }
}
