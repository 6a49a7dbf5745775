mod log;
mod served;

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_testing::load::{JitterReport, Report};
use clap::Args;

use crate::callers::{Callers, millis};
use crate::cores::Cores;
use crate::figure::Figure;
use crate::machine;
use crate::program::{Program, Serve};
use crate::prompt;
use crate::runtime::Runtime;
use served::{Outcome, Served};

/// The calls that start per second, on all servers together. With 10, the frames of all calls would be
/// due at the same times.
const CALLS_PER_SECOND: f64 = 10.02;

/// The range of the durations of calls in seconds. The mean is 20.7 s, so that about 200 calls exist
/// at a time.
const DURATIONS: [u64; 2] = [1, 60];

/// The maximum growth of the memory of a server in bytes, from the tenth minute to the end. Each of six
/// servers has 5,000 calls in that time, so that a leak of 200 bytes for each call exceeds it.
const GROWTH: f64 = 1e6;

#[derive(Args, Debug)]
pub(crate) struct SoakArgs {
    /// The minutes in which calls start. The growth of memory is checked from 15 minutes on
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(2..=10_000))]
    minutes: u64,
    /// The runtime of the servers; by default all three, with a third of the calls each
    #[arg(long, value_enum)]
    runtime: Option<Runtime>,
    /// Write the usage of each server, every ten seconds, to this CSV file
    #[arg(long, value_name = "FILE")]
    samples: Option<PathBuf>,
}

/// The durations of the parts of a soak.
#[derive(Clone, Copy, Debug)]
struct Times {
    calls: Duration,
    /// The time until a new server is at rest.
    settling: Duration,
    between_samples: Duration,
    /// The time until memory is in its steady state, and the time in which it is measured then, and at
    /// the end.
    steady: Duration,
}

/// Runs `audiosocket serve echo` and `serve play --loop` on one core, and the callers of each on the
/// other core.
pub(crate) fn measure(args: &SoakArgs, short: bool) -> io::Result<Vec<Figure>> {
    let (program, cores) = (Program::build()?, Cores::find()?);
    let (directory, prompt) = prompt::write(10)?;
    let runtimes = args.runtime.map_or(Runtime::ALL.to_vec(), |one| vec![one]);
    let times = Times::new(args.minutes, short);
    let mut servers = Vec::new();
    for runtime in &runtimes {
        for what in [Serve::Echo, Serve::Play(&prompt)] {
            let server = Served::start(&program, *runtime, what, directory.path(), &cores)?;
            servers.push(server);
        }
    }
    thread::sleep(times.settling);
    let calls_per_second = CALLS_PER_SECOND / servers.len() as f64;
    let durations = if short { [1, 3] } else { DURATIONS };
    let [shortest, longest] = durations.map(Duration::from_secs);
    let calls = (times.calls.as_secs_f64() * calls_per_second).ceil() as u32;
    let callers = Callers {
        calls_per_second: Some(calls_per_second),
        durations: shortest..=longest,
        ..Callers::new(calls, shortest)
    };
    let start = Instant::now();
    let over = AtomicBool::new(false);
    let watch = |core| machine::watch(core, start, &over);
    let (outcomes, late) = thread::scope(|scope| {
        let watching = [
            cores.on_server(|| scope.spawn(|| watch("server")))?,
            cores.on_load(|| scope.spawn(|| watch("caller")))?,
        ];
        let soak = |served: Served| {
            let (program, cores, callers) = (&program, &cores, &callers);
            scope.spawn(move || served.soak(program, callers, times, start, cores))
        };
        let soaking: Vec<_> = servers.into_iter().map(soak).collect();
        let outcomes = soaking.into_iter().map(|soaking| {
            let outcome = soaking.join();
            outcome.unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
        });
        let outcomes: io::Result<Vec<Outcome>> = outcomes.collect();
        over.store(true, Relaxed);
        let late = watching.map(|watching| watching.join().unwrap_or(Duration::MAX));
        io::Result::Ok((outcomes?, late))
    })?;
    if let Some(path) = &args.samples {
        write_samples(path, &outcomes)?;
    }
    let of_machine = ["server", "callers"]
        .into_iter()
        .zip(late)
        .map(|(core, late)| {
            let what = format!("a timer on the core of the {core}: lateness, max");
            Figure::new(what, late.as_secs_f64() * 1e3, "ms")
        });
    let of_runtime = |servers: &[Outcome]| figures(servers, times);
    let of_servers = outcomes.chunks(2).flat_map(of_runtime);
    Ok(of_machine.chain(of_servers).collect())
}

/// The figures of the two servers of one runtime.
fn figures(servers: &[Outcome], times: Times) -> Vec<Figure> {
    let runtime = servers.first().map_or("", |server| server.runtime.name());
    let sum = |of: &dyn Fn(&Outcome) -> f64| servers.iter().map(of).sum::<f64>();
    let most = |of: &dyn Fn(&Outcome) -> f64| servers.iter().map(of).fold(0.0, f64::max);
    let reported = |of: fn(&Report) -> u64| sum(&move |server| of(&server.report) as f64);
    let jitter = |server: &Outcome, of: fn(&JitterReport) -> u64| {
        let jitter = server.report.jitter.as_ref();
        jitter.map_or(f64::NAN, |jitter| of(jitter) as f64)
    };
    let new =
        |what: &str, measured, unit| Figure::new(format!("{runtime}: {what}"), measured, unit);
    let none = |what: &str, measured| new(what, measured, "").at_most(0.0);
    // Each frame that a caller sends lasts 20 ms.
    let at_once = reported(|report| report.frames.sent) * 0.02 / times.calls.as_secs_f64();
    let lost = reported(|report| {
        let frames = &report.frames;
        frames.missing + frames.wrong + frames.extra
    });
    let mut figures = vec![
        new("calls", reported(|report| report.calls.placed), ""),
        new("calls at the same time, mean", at_once, ""),
        none("calls that failed", reported(|report| report.calls.failed)),
        new("frames echoed", reported(|report| report.frames.echoed), ""),
        none("frames missing, wrong or extra in echoes", lost),
        none(
            "frames dropped by the server",
            sum(&|server| server.log.dropped),
        ),
        none("underruns", sum(&|server| server.log.underruns)),
        none(
            "warnings and errors in the log",
            sum(&|server| server.log.warnings),
        ),
        none(
            "calls whose end is not in the log",
            sum(&|server| server.report.calls.placed as f64 - server.log.ended),
        ),
        new(
            "gaps of more than 60 ms without audio",
            sum(&|server| jitter(server, |jitter| jitter.gaps)),
            "",
        ),
        new(
            "longest gap without audio",
            most(&|server| jitter(server, |jitter| jitter.longest_gap_us)) / 1e3,
            "ms",
        ),
        new(
            "lateness of the callers, max",
            most(&|server| millis(server.report.self_latency_us, |times| times.max)),
            "ms",
        ),
        none(
            "descriptors left after the last call",
            most(&|server| server.left(|usage| usage.descriptors)),
        ),
        none(
            "threads left after the last call",
            most(&|server| server.left(|usage| usage.threads)),
        ),
    ];
    for server in servers {
        let what = |what: &str| format!("{}: {what}", server.what);
        if times.judges_memory() {
            let [steady, end] = server.resident(times).map(|bytes| bytes / 1e6);
            let resident = what("resident memory, minutes 5 to 10");
            let growth = what("growth to the last five minutes");
            figures.push(new(&resident, steady, "MB"));
            figures.push(new(&growth, end - steady, "MB").at_most(GROWTH / 1e6));
        }
        let idle = server.left(|usage| usage.resident_bytes);
        figures.push(new(
            &what("resident memory after the last call minus before the first"),
            idle / 1e6,
            "MB",
        ));
    }
    figures
}

fn write_samples(path: &Path, outcomes: &[Outcome]) -> io::Result<()> {
    let mut file = io::BufWriter::new(File::create(path)?);
    writeln!(file, "seconds,runtime,server,descriptors,threads,resident")?;
    for outcome in outcomes {
        let (runtime, what) = (outcome.runtime.name(), outcome.what);
        for (at, usage) in &outcome.samples {
            let seconds = at.as_secs();
            let (descriptors, threads) = (usage.descriptors, usage.threads);
            let resident = usage.resident_bytes;
            writeln!(
                file,
                "{seconds},{runtime},{what},{descriptors},{threads},{resident}"
            )?;
        }
    }
    file.flush()
}

impl Times {
    fn new(minutes: u64, short: bool) -> Self {
        let [calls, settling, between_samples, steady] = if short {
            [4, 1, 1, 2]
        } else {
            // Tokio ends idle blocking threads after 10 s.
            [60 * minutes, 12, 10, 5 * 60]
        }
        .map(Duration::from_secs);
        Self {
            calls,
            settling,
            between_samples,
            steady,
        }
    }

    /// Returns whether the measurements of the steady state and of the end do not overlap.
    fn judges_memory(&self) -> bool {
        self.calls >= 3 * self.steady
    }
}
