use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Times;
use super::log::Log;
use crate::cores::Cores;
use crate::process::Usage;
use crate::program::{Program, Serve, Server};
use crate::runtime::Runtime;

/// How long a server may take to give back what its last calls had.
const REST: Duration = Duration::from_secs(30);

/// A server, before its calls.
pub(super) struct Served {
    runtime: Runtime,
    what: &'static str,
    server: Server,
    log: PathBuf,
}

/// A server, after them.
pub(super) struct Outcome {
    pub(super) runtime: Runtime,
    /// Echo or play.
    pub(super) what: &'static str,
    /// What it had before the first call, and after the last.
    before: Usage,
    after: Usage,
    /// What it had in between, and how long after the first call.
    pub(super) samples: Vec<(Duration, Usage)>,
    pub(super) log: Log,
    /// The callers'.
    report: Value,
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
            Serve::Echo => "echo",
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

    /// Places the calls, and looks at the server until it is at rest again.
    pub(super) fn soak(
        self,
        program: &Program,
        calls: &[String],
        times: Times,
        start: Instant,
        cores: &Cores,
    ) -> io::Result<Outcome> {
        let before = self.server.usage()?;
        let mut call = calls.to_vec();
        call.push(match self.what {
            "echo" => "--expect=echo".to_owned(),
            _ => "--expect=any".to_owned(),
        });
        // On a busy machine an echo may be late, but is not lost.
        call.push("--linger=10s".to_owned());
        let mut samples = Vec::new();
        let report = thread::scope(|scope| {
            let calling = scope.spawn(|| program.report(&self.server, &call, cores));
            while !calling.is_finished() {
                samples.push((start.elapsed(), self.server.usage()?));
                thread::sleep(times.between_samples);
            }
            let report = calling.join();
            report.unwrap_or_else(|_| Err(io::Error::other("the caller panicked")))
        })?;
        let lines = fs::read_to_string(&self.log)?;
        self.tell_what_failed(&report, &lines);
        // What its memory did is told by the samples.
        let anything = Usage {
            resident: u64::MAX,
            ..before
        };
        let after = self.server.at_rest(anything, REST)?;
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

    /// On standard error, since figures alone do not say why.
    fn tell_what_failed(&self, report: &Value, log: &str) {
        let name = format!("{} {}", self.runtime.name(), self.what);
        for failure in report["failures"].as_array().into_iter().flatten() {
            eprintln!("{name}: {failure}");
        }
        for line in log.lines().filter(|line| Log::is_warning(line)).take(20) {
            eprintln!("{name}: {line}");
        }
    }
}

impl Outcome {
    /// A number in the callers' report.
    pub(super) fn reported(&self, pointer: &str) -> f64 {
        let number = self.report.pointer(pointer).and_then(Value::as_f64);
        number.unwrap_or(f64::NAN)
    }

    /// By how much more the server had after the last call than before the first.
    pub(super) fn left(&self, of: impl Fn(&Usage) -> u64) -> f64 {
        of(&self.after) as f64 - of(&self.before) as f64
    }

    /// Resident bytes while there were calls, in the median: in the steady state, and at the end.
    pub(super) fn resident(&self, times: Times) -> [f64; 2] {
        let end = times.calls.saturating_sub(times.steady);
        [times.steady, end].map(|from| {
            let within = from..from + times.steady;
            let within = |sample: &&(Duration, Usage)| within.contains(&sample.0);
            let samples = self.samples.iter().filter(within);
            let mut resident: Vec<_> = samples.map(|(_, usage)| usage.resident).collect();
            resident.sort_unstable();
            let median = resident.get(resident.len() / 2);
            median.map_or(f64::NAN, |median| *median as f64)
        })
    }
}
