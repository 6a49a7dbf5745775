use std::io;

use serde_json::Value;

use crate::cores::Cores;
use crate::figure::Figure;
use crate::machine;
use crate::program::{Program, Serve};
use crate::prompt;
use crate::runtime::Runtime;

/// A load, and what is asked of it.
struct Load {
    runtime: Runtime,
    calls: usize,
    /// How many begin in a second. No part of 1 s / 20 ms, so that their frames are due at all
    /// times: that is how calls come. `None`: all at once, and so all frames at once.
    rate: Option<u32>,
    /// In milliseconds.
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
        rate: Some(197),
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
            rate: Some(97),
            p99: Some(2.0),
            max: Some(10.0),
        }
    }

    const fn at_once(self) -> Self {
        Self {
            rate: None,
            p99: None,
            max: None,
            ..self
        }
    }
}

/// `audiosocket serve play --loop` on one core, `audiosocket call` on another: how late frames
/// arrive, 20 ms after the one before.
pub(crate) fn measure(short: bool) -> io::Result<Vec<Figure>> {
    let (program, cores) = (Program::build()?, Cores::find()?);
    let (_directory, prompt) = prompt::write(10)?;
    let mut figures = machine::measure(short, &cores)?;
    for load in LOADS {
        let (calls, seconds) = if short { (5, 1) } else { (load.calls, 30) };
        let server = program.serve(Serve::Play(&prompt), load.runtime, None, &cores)?;
        let report = program.call(&server, calls, seconds, load.rate, &cores)?;
        let begun = if load.rate.is_some() {
            ""
        } else {
            ", begun at once"
        };
        let what = format!("{}, {} calls play{begun}", load.runtime.name(), load.calls);
        let jitter = &report["jitter"];
        let millis = |value: &Value| value.as_f64().unwrap_or(f64::NAN) / 1e3;
        let mut figure = |name: &str, measured, unit, at_most| {
            let mut figure = Figure::new(format!("{what}: {name}"), measured, unit);
            figure.at_most = at_most;
            figures.push(figure);
        };
        let (late, spacing) = (&jitter["late_us"], &jitter["spacing_us"]);
        figure("lateness, p99", millis(&late["p99"]), "ms", load.p99);
        figure("the same, max", millis(&late["max"]), "ms", load.max);
        figure("late or early, p99", millis(&spacing["p99"]), "ms", None);
        let bursts = jitter["bursts"].as_f64().unwrap_or(f64::NAN);
        let no_bursts = load.max.map(|_| 0.0);
        figure("gaps under 5 ms", bursts, "", no_bursts);
        let own = millis(&report["own_delay_us"]["p99"]);
        figure("the caller's own lateness, p99", own, "ms", None);
    }
    Ok(figures)
}
