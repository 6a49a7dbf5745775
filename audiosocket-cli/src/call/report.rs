//! The report for people: a table.

use comfy_table::{CellAlignment, Table, presets};

use super::args::Expect;
use super::summary::{FailureGroup, Latency, Summary};

/// One line of the table: what it is about (if that is new), the figure, what the figure is.
type Row = (&'static str, String, String);

pub(super) fn table(summary: &Summary) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.add_rows(
        rows(summary)
            .into_iter()
            .map(|(name, figure, note)| [name.to_owned(), figure, note]),
    );
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut report = vec![table.to_string()];
    report.extend(summary.failures.iter().map(failure));
    report.push(verdict(summary));
    report.join("\n")
}

fn rows(summary: &Summary) -> Vec<Row> {
    let Summary {
        calls,
        hangups,
        frames,
        ..
    } = summary;
    let mut rows = section(
        "calls",
        &[
            (calls.completed, "completed"),
            (calls.failed, "failed"),
            (calls.interrupted, "interrupted"),
        ],
    );
    rows.extend(section(
        "ended",
        &[
            (hangups.caller, "by the caller"),
            (hangups.server, "by the server, with a hangup"),
            (hangups.closed, "by the server, without a hangup"),
        ],
    ));
    rows.extend(section(
        "frames",
        &[
            (frames.sent, "sent"),
            (frames.late, "  of these late (this machine's doing)"),
            (frames.received, "received"),
            (frames.silence, "  of these silence"),
        ],
    ));
    if summary.expect == Expect::Echo {
        rows.extend(section(
            "echo",
            &[
                (frames.echoed, "echoed"),
                (frames.missing, "missing"),
                (frames.wrong, "wrong"),
                (frames.extra, "extra"),
            ],
        ));
    }
    rows.extend(summary.latency_us.iter().flat_map(latencies));
    rows
}

fn section(name: &'static str, figures: &[(u64, &str)]) -> Vec<Row> {
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    let row =
        |(name, (figure, note)): (_, &(u64, &str))| (name, figure.to_string(), (*note).to_owned());
    names.zip(figures).map(row).collect()
}

fn latencies(latency: &Latency) -> [Row; 5] {
    [
        ("latency, ms", millis(latency.min), "min".to_owned()),
        ("", millis(latency.p50), "p50".to_owned()),
        ("", millis(latency.p99), "p99".to_owned()),
        ("", millis(latency.p999), "p99.9".to_owned()),
        ("", millis(latency.max), "max".to_owned()),
    ]
}

fn millis(micros: u64) -> String {
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

fn failure(group: &FailureGroup) -> String {
    let FailureGroup {
        reason,
        calls,
        uuid,
    } = group;
    match calls {
        1 => format!("1 call failed: {reason} ({uuid})"),
        _ => format!("{calls} calls failed: {reason} (one of them: {uuid})"),
    }
}

fn verdict(summary: &Summary) -> String {
    let verdict = if summary.ok { "ok" } else { "NOT OK" };
    format!(
        "{verdict}: {} x {} s of {} in frames of {} ms, to {} (seed {})",
        summary.calls.placed,
        summary.duration_s,
        summary.format,
        summary.ptime_ms,
        summary.server.escape_debug(),
        summary.seed,
    )
}
