//! Figures of the report, and their text.

use audiosocket_testing::load::{Bottleneck, Quantiles, Report};

/// Returns the number of calls that connected.
pub(super) fn answered(report: &Report) -> u64 {
    report.hangups.caller + report.hangups.server + report.hangups.closed
}

/// Formats the median, the 99th percentile and the maximum in milliseconds.
pub(crate) fn times(times: &Quantiles) -> String {
    let [p50, p99, max] = [times.p50, times.p99, times.max].map(|micros| micros as f64 / 1e3);
    format!("p50 {p50:>7.2} ms  p99 {p99:>7.2} ms  max {max:>7.2} ms")
}

pub(super) fn millis(micros: u64) -> String {
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

pub(super) const fn bottleneck(limit: Bottleneck) -> &'static str {
    match limit {
        Bottleneck::Server => "the server",
        Bottleneck::Caller => "this program",
        _ => "neither side",
    }
}
