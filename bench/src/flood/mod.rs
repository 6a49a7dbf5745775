mod attack;
mod deaf;
mod figures;

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

/// The good calls.
const CALLS: u32 = 100;

/// No divisor of 1 s / 20 ms, so that their frames come at all times.
const CALLS_PER_SECOND: f64 = 97.0;

/// How many seconds the good calls last, and the attack: long enough for those that do not read to fill
/// what the kernel has, to be given up after the 30 s of the write time-out, and to come again.
const ATTACK: u64 = 52;

/// How long a server may take until it has no more than before, and what it may keep of memory.
const REST: Duration = Duration::from_secs(30);

/// What the log says, of a call whose peer takes nothing, when the first frame is dropped and when it ends.
const DROPPED: &str = "dropped, because the peer does not read";
const GIVEN_UP: &str = "end=failed: the peer read nothing for too long";

#[derive(Args, Debug)]
pub(crate) struct FloodArgs {
    /// What serves; by default all three, one after the other
    #[arg(long, value_enum)]
    runtime: Option<Runtime>,
}

/// `audiosocket serve echo` on one core, its callers and its attackers on another.
pub(crate) fn measure(args: &FloodArgs, short: bool) -> io::Result<Vec<Figure>> {
    let (program, cores) = (Program::build()?.with_real_time_priority(), Cores::find()?);
    let runtimes = args.runtime.map_or(Runtime::ALL.to_vec(), |one| vec![one]);
    let logs = TempDir::new()?;
    let mut figures = Vec::new();
    for runtime in runtimes {
        let log = logs.path().join(runtime.name());
        let server = program.serve(Serve::Echo, runtime, Some(File::create(&log)?), &cores)?;
        let flood = Flood {
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

/// One server's.
struct Flood<'a> {
    program: &'a Program,
    runtime: Runtime,
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
    /// What the server had at rest, when it had most, and in the end.
    before: ProcessUsage,
    most: ProcessUsage,
    after: ProcessUsage,
    /// From the end of the attack and of the calls.
    until_rest: Duration,
    /// How often frames of a call began to be dropped since its peer took nothing, and how many such calls
    /// were ended.
    dropped: usize,
    given_up: usize,
    log_lines: usize,
}

impl Flood<'_> {
    fn run(&self) -> io::Result<Outcome> {
        let (alone, flooded) = if self.short { (1, 3) } else { (20, ATTACK) };
        let alone = self.call(alone)?;
        // After the first calls, which leave a process with buffers and a pool of threads, and
        // long enough for the threads that resolved an address to end.
        thread::sleep(Duration::from_secs(if self.short { 1 } else { 12 }));
        let before = self.server.usage()?;
        let addr: SocketAddr = self.server.addr.parse().map_err(io::Error::other)?;
        let (flooded, connects, most, ended) = thread::scope(|scope| {
            let calling = scope.spawn(|| self.call(flooded));
            // Until all calls are there.
            thread::sleep(Duration::from_millis(1_500));
            let attack = Attack::begin(addr, self.short, self.cores)?;
            let (mut most, mut open) = (before, Vec::new());
            while !calling.is_finished() {
                most = most.max(self.server.usage()?);
                open.push(attack.open());
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
                resident_bytes: self.server.peak_resident_bytes()?,
                ..most
            },
            after,
            until_rest,
            log_lines: log.lines().count(),
        })
    }

    /// From a process of its own, for its real-time priority.
    fn call(&self, seconds: u64) -> io::Result<Report> {
        let callers = Callers {
            calls_per_second: Some(CALLS_PER_SECOND),
            // An echo may be late, but is not lost.
            linger: Duration::from_secs(5),
            ..Callers::new(CALLS, Duration::from_secs(seconds))
        };
        self.program.report(self.server, &callers, self.cores)
    }
}
