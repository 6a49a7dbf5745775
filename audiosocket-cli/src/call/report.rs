//! The report for people: a table.

use comfy_table::{CellAlignment, Table, presets};

use super::args::Expect;
use super::live::Quantiles;
use super::server_cost::ServerCost;
use super::summary::{BargeIns, FailureGroup, Jitter, Summary};

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
    let recordings = summary.recordings.iter();
    report.extend(recordings.filter_map(|all| {
        let error = all.error.as_ref()?;
        Some(match all.failed {
            1 => format!("1 recording failed: {error}"),
            failed => format!("{failed} recordings failed, the first: {error}"),
        })
    }));
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
    if let Some(latency) = &summary.latency_us {
        rows.extend(latencies(latency));
    }
    if let Some(since_due) = &summary.since_due_us {
        rows.extend(times("", since_due, " since the frame was due"));
    }
    rows.extend(summary.jitter.iter().flat_map(jitter));
    rows.extend(summary.barge_in.iter().flat_map(barge_ins));
    if let Some(recordings) = &summary.recordings {
        rows.extend(section(
            "recordings",
            &[
                (recordings.written, "written"),
                (recordings.failed, "failed"),
            ],
        ));
    }
    rows.extend(summary.server_process.iter().flat_map(server_process));
    if let Some(delay) = &summary.own_delay_us {
        rows.extend(times("read late, ms", delay, " (this machine's doing)"));
    }
    rows
}

fn section(name: &'static str, figures: &[(u64, &str)]) -> Vec<Row> {
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    let row =
        |(name, (figure, note)): (_, &(u64, &str))| (name, figure.to_string(), (*note).to_owned());
    names.zip(figures).map(row).collect()
}

fn latencies(latency: &Quantiles) -> [Row; 5] {
    [
        ("latency, ms", millis(latency.min), "min".to_owned()),
        ("", millis(latency.p50), "p50".to_owned()),
        ("", millis(latency.p99), "p99".to_owned()),
        ("", millis(latency.p999), "p99.9".to_owned()),
        ("", millis(latency.max), "max".to_owned()),
    ]
}

fn jitter(jitter: &Jitter) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(spacing) = &jitter.spacing_us {
        rows.extend(times("jitter, ms", spacing, ", frame to frame"));
    }
    if let Some(late) = &jitter.late_us {
        rows.extend(times("", late, ", late behind the one before"));
    }
    if let Some(grid) = &jitter.grid_us {
        rows.extend(times("", grid, ", off the grid"));
    }
    if let Some(drift) = &jitter.drift_us {
        rows.push(("drift, ms", signed_millis(drift.min), "least".to_owned()));
        rows.push(("", signed_millis(drift.max), "most".to_owned()));
    }
    rows.extend(section(
        "bursts, gaps",
        &[
            (jitter.bursts, "frames less than 5 ms after another"),
            (jitter.gaps, "times nothing to hear for over 60 ms"),
        ],
    ));
    if jitter.gaps > 0 {
        let longest = millis(jitter.longest_gap_us);
        rows.push(("", longest, "  the longest of these, ms".to_owned()));
    }
    rows
}

fn barge_ins(calls: &BargeIns) -> Vec<Row> {
    let mut rows = section(
        "barge-in",
        &[
            (calls.fell_silent, "fell silent"),
            (calls.never_silent, "never fell silent"),
            (calls.not_speaking, "did not speak anyway"),
        ],
    );
    if let Some(went_on) = &calls.went_on_us {
        rows.extend(times("spoke on, ms", went_on, ""));
    }
    rows
}

fn server_process(cost: &ServerCost) -> Vec<Row> {
    let micros =
        |micros: Option<f64>| micros.map_or("-".to_owned(), |micros| format!("{micros:.2}"));
    let mut rows = vec![
        (
            "server, µs per frame",
            micros(cost.cpu_us_per_frame),
            format!("of processor time, over {:.1} s", cost.seconds),
        ),
        (
            "",
            micros(cost.user_us_per_frame),
            "  outside the kernel".to_owned(),
        ),
        (
            "",
            micros(cost.system_us_per_frame),
            "  in the kernel".to_owned(),
        ),
        (
            "",
            micros(cost.context_switches_per_frame),
            "context switches per frame".to_owned(),
        ),
        ("", format!("{:.2}", cost.busy), "of a processor".to_owned()),
        (
            "",
            format!("{:.2}", cost.own_busy),
            "of a processor, by this program".to_owned(),
        ),
        ("", cost.limit.to_string(), "is the limit".to_owned()),
    ];
    rows.extend(section(
        "",
        &[
            (cost.resident_bytes, "bytes resident"),
            (cost.descriptors, "descriptors"),
            (cost.threads, "threads"),
        ],
    ));
    rows
}

/// What is asked about times that have no least one of interest.
fn times(name: &'static str, times: &Quantiles, note: &str) -> [Row; 3] {
    [
        (name, millis(times.p50), format!("p50{note}")),
        ("", millis(times.p99), "p99".to_owned()),
        ("", millis(times.max), "max".to_owned()),
    ]
}

fn signed_millis(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    format!("{sign}{}", millis(micros.unsigned_abs()))
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
    let (shortest, longest) = (summary.duration_s, summary.longest_s);
    let seconds = if shortest == longest {
        shortest.to_string()
    } else {
        format!("{shortest} to {longest}")
    };
    let manner = match summary.closed_loop {
        Some(frames) => format!(", {frames} at once in a closed loop"),
        None if summary.quiet => ", none of them said".to_owned(),
        None => String::new(),
    };
    format!(
        "{verdict}: {} x {seconds} s of {} in frames of {} ms{manner}, to {} (seed {})",
        summary.calls.placed,
        summary.format,
        summary.ptime_ms,
        summary.server.escape_debug(),
        summary.seed,
    )
}
