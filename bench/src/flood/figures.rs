use audiosocket_testing::load::Report;
use audiosocket_testing::usage::ProcessUsage;

use super::{Outcome, REST};
use crate::callers::millis;
use crate::figure::Figure;
use crate::runtime::Runtime;

/// What a server may come to.
struct Bounds {
    /// Memory, in bytes, while it is flooded.
    resident: u64,
    /// How many times as long as without a flood frames may wait, in the 99th percentile, and how many
    /// milliseconds.
    times_as_long: Option<f64>,
    latency: Option<f64>,
}

impl Bounds {
    const fn of(runtime: Runtime) -> Self {
        match runtime {
            Runtime::Tokio | Runtime::Smol => Self {
                // Of which 29 MB are for 200 calls that are deaf, 128 KiB each, and 50 with a frame of 64 KiB
                // that is not finished.
                resident: 96_000_000,
                times_as_long: Some(2.0),
                latency: None,
            },
            // A thread for each connection, and so the system decides who waits: for a frame's time at most.
            Runtime::Blocking => Self {
                resident: 256_000_000,
                times_as_long: None,
                latency: Some(20.0),
            },
        }
    }
}

/// How much memory more than before, in bytes, a server may have in the end: what of the heap is shared by what
/// has gone and what remains, and what it may need again.
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
            new("the same under the flood", flooded, "ms").at_most_if(bounds.latency),
            new("how many times as long", flooded / alone, "").at_most_if(bounds.times_as_long),
            new("the callers' own lateness, p99, alone", own_alone, "ms"),
            new("the same under the flood", own_flooded, "ms"),
            new("latency under the flood, max", longest, "ms"),
            count("attackers' connections", connects.made),
            new("of these there at once, median", connects.at_once, ""),
            new(
                "attackers that fell short of that",
                connects.at_once_short * 1e2,
                "%",
            )
            .at_most(10.0),
            count(
                "times that a deaf call's frames were dropped",
                self.dropped as u64,
            ),
            count("deaf calls that were given up", self.given_up as u64),
            count("of these closed by the server", connects.closed),
            count("attackers' connects that failed", connects.failed),
            new("resets that fell short", connects.resets_short * 1e2, "%").at_most(10.0),
            count("descriptors, most", self.most.descriptors),
            count("threads, most", self.most.threads),
            megabytes(
                "resident, most",
                self.most.resident_bytes as f64,
                bounds.resident,
            ),
            megabytes(
                "resident after, more than before",
                more(|usage| usage.resident_bytes),
                kept(runtime),
            ),
            none("descriptors left behind", more(|usage| usage.descriptors)),
            none("threads left behind", more(|usage| usage.threads)),
            new("until all is given back", until_rest, "s").at_most(REST.as_secs_f64()),
            count("lines in the log", self.log_lines as u64),
        ]
    }

    /// A number from the reports of the good callers: alone, and under the flood.
    fn both(&self, of: impl Fn(&Report) -> f64) -> [f64; 2] {
        [of(&self.alone), of(&self.flooded)]
    }
}
