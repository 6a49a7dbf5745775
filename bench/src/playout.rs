use std::io;
use std::time::Duration;

use audiosocket_testing::load::Expect;

use crate::callers::{Callers, good, millis};
use crate::cores::Cores;
use crate::figure::Figure;
use crate::machine;
use crate::program::{Program, Serve};
use crate::prompt;
use crate::runtime::Runtime;

/// A load and its bounds.
struct Load {
    runtime: Runtime,
    calls: u32,
    /// The number is no divisor of 1 s / 20 ms, so that frames are due at different times, as in real calls. `None` if
    /// all calls start at once.
    calls_per_second: Option<f64>,
    /// The bounds of the lateness in milliseconds.
    p99: Option<f64>,
    max: Option<f64>,
}

const LOADS: [Load; 7] = [
    Load::of_200(Runtime::Tokio),
    Load::of_200(Runtime::Smol),
    Load::of_200(Runtime::Blocking),
    Load {
        runtime: Runtime::Tokio,
        calls: 1000,
        calls_per_second: Some(197.0),
        p99: Some(5.0),
        max: None,
    },
    Load::of_200(Runtime::Tokio).at_once(),
    Load::of_200(Runtime::Smol).at_once(),
    Load::of_200(Runtime::Blocking).at_once(),
];

impl Load {
    const fn of_200(runtime: Runtime) -> Self {
        Self {
            runtime,
            calls: 200,
            calls_per_second: Some(97.0),
            p99: Some(2.0),
            max: Some(10.0),
        }
    }

    const fn at_once(self) -> Self {
        Self {
            calls_per_second: None,
            p99: None,
            max: None,
            ..self
        }
    }
}

/// Measures the lateness of each frame against the frame before it. The server is `audiosocket serve
/// play --loop`.
pub(crate) fn measure(short: bool) -> io::Result<Vec<Figure>> {
    let (program, cores) = (Program::build()?, Cores::find()?);
    let (_directory, prompt) = prompt::write(10)?;
    let mut figures = machine::measure(short, &cores)?;
    for load in LOADS {
        let (calls, seconds) = if short { (5, 1) } else { (load.calls, 30) };
        let server = program.serve(Serve::Play(&prompt), load.runtime, None, &cores)?;
        let callers = Callers {
            calls_per_second: load.calls_per_second,
            expect: Expect::Any,
            ..Callers::new(calls, Duration::from_secs(seconds))
        };
        let report = good(program.report(&server, &callers, &cores)?)?;
        let start = if load.calls_per_second.is_some() {
            ""
        } else {
            ", started at once"
        };
        let what = format!("{}, {} calls play{start}", load.runtime.name(), load.calls);
        let mut figure = |name: &str, measured, unit, at_most| {
            let figure = Figure::new(format!("{what}: {name}"), measured, unit);
            figures.push(figure.at_most_if(at_most));
        };
        let lateness = report.jitter.and_then(|jitter| jitter.lateness_us);
        let jitter = report.jitter.and_then(|jitter| jitter.jitter_us);
        let bursts = report
            .jitter
            .map_or(f64::NAN, |jitter| jitter.bursts as f64);
        let own = millis(report.self_latency_us, |times| times.p99);
        let p99 = |times| millis(times, |times| times.p99);
        let max = millis(lateness, |times| times.max);
        figure("lateness, p99", p99(lateness), "ms", load.p99);
        figure("lateness, max", max, "ms", load.max);
        figure("jitter, p99", p99(jitter), "ms", None);
        let no_bursts = load.max.map(|_| 0.0);
        figure("bursts: frames less than 5 ms apart", bursts, "", no_bursts);
        figure("lateness of the callers, p99", own, "ms", None);
    }
    Ok(figures)
}
