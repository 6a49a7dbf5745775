use audiosocket_testing::load::Report;
use audiosocket_testing::usage::ProcessUsage;

use super::{Outcome, REST};
use crate::callers::millis;
use crate::figure::Figure;
use crate::runtime::Runtime;

/// The bounds of a server.
struct Bounds {
    /// The maximum of the resident memory in bytes.
    resident: u64,
    /// The ratio of the 99th percentile of the latency to that percentile without a flood.
    latency_ratio: Option<f64>,
    /// The 99th percentile of the latency in milliseconds.
    latency: Option<f64>,
}

impl Bounds {
    const fn of(runtime: Runtime) -> Self {
        match runtime {
            Runtime::Tokio | Runtime::Smol => Self {
                // 29 MB of it are for 200 deaf calls with 128 KiB each, and 50 unfinished frames of 64 KiB.
                resident: 96_000_000,
                latency_ratio: Some(2.0),
                latency: None,
            },
            // Each connection has a thread, and the system schedules thousands of threads.
            Runtime::Blocking => Self {
                resident: 256_000_000,
                latency_ratio: None,
                latency: Some(20.0),
            },
        }
    }
}

/// The bytes of memory that a server may keep after the flood.
pub(super) const fn kept(runtime: Runtime) -> u64 {
    match runtime {
        Runtime::Tokio | Runtime::Smol => 16_000_000,
        Runtime::Blocking => 32_000_000,
    }
}

impl Outcome {
    pub(super) fn figures(&self, runtime: Runtime) -> Vec<Figure> {
        let name = runtime.name();
        let new =
            |what: &str, measured, unit| Figure::new(format!("{name}: {what}"), measured, unit);
        let count = |what: &str, count: u64| new(what, count as f64, "");
        let none = |what: &str, measured| new(what, measured, "").at_most(0.0);
        let [alone, flooded] = self.both(|report| millis(report.latency_us, |times| times.p99));
        let own = |report: &Report| millis(report.self_latency_us, |times| times.p99);
        let [own_alone, own_flooded] = self.both(own);
        let longest = millis(self.flooded.latency_us, |times| times.max);
        let failed = self.both(|report| report.calls.failed as f64);
        let lost = self.both(|report| {
            let frames = &report.frames;
            (frames.missing + frames.wrong + frames.extra) as f64
        });
        let more = |of: fn(&ProcessUsage) -> u64| of(&self.after) as f64 - of(&self.before) as f64;
        let bounds = Bounds::of(runtime);
        let megabytes =
            |what, bytes: f64, most: u64| new(what, bytes / 1e6, "MB").at_most(most as f64 / 1e6);
        let (connects, until_rest) = (&self.connects, self.until_rest.as_secs_f64());
        vec![
            none("good calls that failed", failed.iter().sum()),
            none("frames of good calls lost", lost.iter().sum()),
            new("latency of good calls, p99, alone", alone, "ms"),
            new("latency of good calls, p99, under the flood", flooded, "ms")
                .at_most_if(bounds.latency),
            new("latency ratio, flood to alone", flooded / alone, "")
                .at_most_if(bounds.latency_ratio),
            new("lateness of the callers, p99, alone", own_alone, "ms"),
            new(
                "lateness of the callers, p99, under the flood",
                own_flooded,
                "ms",
            ),
            new("latency of good calls, max, under the flood", longest, "ms"),
            count("connections of attackers", connects.made),
            new(
                "connections of attackers at the same time, median",
                connects.at_once,
                "",
            ),
            new("missing attackers", connects.at_once_short * 1e2, "%").at_most(10.0),
            count(
                "times that a deaf call began to lose frames",
                self.dropped as u64,
            ),
            count("deaf calls that the server ended", self.given_up as u64),
            count(
                "connections of attackers that the server closed",
                connects.closed,
            ),
            count("failed connects of attackers", connects.failed),
            new("missing resets", connects.resets_short * 1e2, "%").at_most(10.0),
            count("descriptors, max", self.most.descriptors),
            count("threads, max", self.most.threads),
            megabytes(
                "resident memory, max",
                self.most.resident_bytes as f64,
                bounds.resident,
            ),
            megabytes(
                "resident memory after minus before",
                more(|usage| usage.resident_bytes),
                kept(runtime),
            ),
            none(
                "descriptors left after the flood",
                more(|usage| usage.descriptors),
            ),
            none("threads left after the flood", more(|usage| usage.threads)),
            new("time until all is released", until_rest, "s").at_most(REST.as_secs_f64()),
            count("lines in the log", self.log_lines as u64),
        ]
    }

    /// Returns a value of the reports of the good callers: alone, and under the flood.
    fn both(&self, of: impl Fn(&Report) -> f64) -> [f64; 2] {
        [of(&self.alone), of(&self.flooded)]
    }
}
