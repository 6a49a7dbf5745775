mod attack;
mod deaf;
mod figures;
mod scrape;

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_testing::load::Report;
use audiosocket_testing::usage::ProcessUsage;
use clap::Args;
use tempfile::TempDir;

use crate::callers::Callers;
use crate::cores::Cores;
use crate::figure::Figure;
use crate::program::{Program, Serve, Server};
use crate::runtime::Runtime;
use attack::{Attack, Connects};

/// The number of good calls.
const CALLS: u32 = 100;

/// The calls that start per second. The number is no divisor of 1 s / 20 ms, so that frames are due at different times.
const CALLS_PER_SECOND: f64 = 97.0;

/// The duration of the good calls and of the attack in seconds. In that time a deaf call fills the
/// buffers of the kernel, fails after the 30 s of the write timeout, and connects again.
const ATTACK: u64 = 52;

/// The time in which a server must release the resources of the attack.
const REST: Duration = Duration::from_secs(30);

/// The log of a call whose peer does not read, at the first dropped frame and at the end.
const DROPPED: &str = "dropped, because the peer does not read";
const GIVEN_UP: &str = "end=failed: the peer read nothing for too long";

#[derive(Args, Debug)]
pub(crate) struct FloodArgs {
    /// The runtime of the server; by default all three in turn
    #[arg(long, value_enum)]
    runtime: Option<Runtime>,
}

/// Runs `audiosocket serve echo` on one core, and its callers and attackers on the other. A monitor scrapes its status once a
/// second.
pub(crate) fn measure(args: &FloodArgs, short: bool) -> io::Result<Vec<Figure>> {
    let (program, cores) = (Program::build()?.with_real_time_priority(), Cores::find()?);
    let runtimes = args.runtime.map_or(Runtime::ALL.to_vec(), |one| vec![one]);
    let logs = TempDir::new()?;
    let mut figures = Vec::new();
    for runtime in runtimes {
        let log = logs.path().join(runtime.name());
        let status = scrape::unused_addr()?;
        let what = Serve::OperatedEcho(status);
        let server = program.serve(what, runtime, Some(File::create(&log)?), &cores)?;
        let flood = Flood {
            status,
            program: &program,
            runtime,
            server: &server,
            log: &log,
            cores: &cores,
            short,
        };
        figures.extend(flood.run()?.figures(runtime));
    }
    Ok(figures)
}

/// The flood of one server.
struct Flood<'a> {
    program: &'a Program,
    runtime: Runtime,
    status: SocketAddr,
    server: &'a Server,
    log: &'a Path,
    cores: &'a Cores,
    short: bool,
}

struct Outcome {
    /// The reports of the good callers, without attackers and with them.
    alone: Report,
    flooded: Report,
    connects: Connects,
    /// The usage of the server before the flood, its maximum, and after the flood.
    before: ProcessUsage,
    most: ProcessUsage,
    after: ProcessUsage,
    /// The time from the end of the flood.
    until_rest: Duration,
    /// The number of times that a call began to drop frames because its peer did not read, and the number of such calls
    /// that the server ended.
    dropped: usize,
    given_up: usize,
    log_lines: usize,
}

impl Flood<'_> {
    fn run(&self) -> io::Result<Outcome> {
        let (alone, flooded) = if self.short { (1, 3) } else { (20, ATTACK) };
        let alone = self.call(alone)?;
        // The first calls leave buffers and threads. Tokio ends idle blocking threads after 10 s.
        thread::sleep(Duration::from_secs(if self.short { 1 } else { 12 }));
        let before = self.server.usage()?;
        let (flooded, connects, most, ended) = thread::scope(|scope| {
            let calling = scope.spawn(|| self.call(flooded));
            // The time until all calls have started.
            thread::sleep(Duration::from_millis(1_500));
            let attack = Attack::begin(self.server.addr, self.short, self.cores)?;
            let (mut most, mut open) = (before, Vec::new());
            while !calling.is_finished() {
                most = most.max(self.server.usage()?);
                open.push(attack.open());
                if open.len() % 5 == 0 {
                    scrape::scrape(self.status)?;
                }
                thread::sleep(Duration::from_millis(200));
            }
            let ended = Instant::now();
            let connects = attack.end(open)?;
            let report = calling.join();
            let report = report.unwrap_or_else(|_| Err(io::Error::other("a caller panicked")))?;
            io::Result::Ok((report, connects, most, ended))
        })?;
        let rested = ProcessUsage {
            resident_bytes: before.resident_bytes + figures::kept(self.runtime),
            ..before
        };
        self.server.at_rest(&rested, REST)?;
        let until_rest = ended.elapsed();
        if !self.short {
            thread::sleep(REST.saturating_sub(until_rest));
        }
        let after = self.server.usage()?;
        let log = fs::read_to_string(self.log)?;
        let lines = |part| log.lines().filter(|line| line.contains(part)).count();
        Ok(Outcome {
            dropped: lines(DROPPED),
            given_up: lines(GIVEN_UP),
            alone,
            flooded,
            connects,
            before,
            most: ProcessUsage {
                resident_bytes: self.server.observed.peak_resident_bytes()?,
                ..most
            },
            after,
            until_rest,
            log_lines: log.lines().count(),
        })
    }

    /// Places the good calls.
    fn call(&self, seconds: u64) -> io::Result<Report> {
        let callers = Callers {
            calls_per_second: Some(CALLS_PER_SECOND),
            // An echo may be late without being lost.
            linger: Duration::from_secs(5),
            ..Callers::new(CALLS, Duration::from_secs(seconds))
        };
        self.program.report(self.server, &callers, self.cores)
    }
}
