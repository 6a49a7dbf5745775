//! The report as a table of all figures.

use audiosocket_testing::load::{
    BargeInReport, Expect, JitterReport, Quantiles, Report, ServerCost,
};
use comfy_table::{CellAlignment, Table, presets};

use super::CallReport;
use super::summary::{bottleneck, millis};
use super::verdict::{Verdict, failures, verdict};

/// A row of the table: the section (empty if the row before has the same), the figure, its meaning.
type Row = (&'static str, String, String);

pub(super) fn details(call: &CallReport) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    let rows = rows(call).into_iter();
    table.add_rows(rows.map(|(name, figure, meaning)| [name.to_owned(), figure, meaning]));
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut lines = vec![table.to_string()];
    lines.extend(failures(call).map(|failure| format!("failed: {failure}")));
    lines.push(run(&call.report));
    let Verdict { text, next } = verdict(call);
    lines.push(text);
    lines.extend(next.map(|next| format!("next: {next}")));
    lines.join("\n")
}

/// Describes the calls that were made.
fn run(report: &Report) -> String {
    let (shortest, longest) = (report.duration_s, report.longest_s);
    let seconds = if shortest == longest {
        shortest.to_string()
    } else {
        format!("{shortest} to {longest}")
    };
    let mode = match report.closed_loop {
        Some(frames) => format!(", {frames} at once in a closed loop"),
        None if report.quiet => ", none of them sent".to_owned(),
        None => String::new(),
    };
    format!(
        "{} x {seconds} s of {} in frames of {} ms{mode}, to {} (seed {})",
        report.calls.placed,
        report.rate.format_name(),
        report.ptime_ms,
        report.server.escape_debug(),
        report.seed,
    )
}

fn rows(call: &CallReport) -> Vec<Row> {
    let report = &call.report;
    let Report {
        calls,
        hangups,
        frames,
        ..
    } = report;
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
            (frames.late, "  of these late (caused by this machine)"),
            (frames.received, "received"),
            (frames.silence, "  of these silence"),
        ],
    ));
    if report.expect == Expect::Echo {
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
    if let Some(first_audio) = &report.first_audio_us {
        rows.extend(times("first audio, ms", first_audio, " after connecting"));
    }
    if let Some(latency) = &report.latency_us {
        rows.extend(latencies(latency));
    }
    if let Some(since_due) = &report.since_due_us {
        rows.extend(times("", since_due, " since the frame was due"));
    }
    rows.extend(report.jitter.iter().flat_map(jitter));
    rows.extend(report.barge_in.iter().flat_map(barge_ins));
    if let Some(recordings) = &call.recordings {
        rows.extend(section(
            "recordings",
            &[
                (recordings.written, "written"),
                (recordings.failed, "failed"),
            ],
        ));
    }
    rows.extend(report.server_process.iter().flat_map(server_process));
    if let Some(delay) = &report.self_latency_us {
        rows.extend(times("read late, ms", delay, " (caused by this machine)"));
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

fn jitter(report: &JitterReport) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(jitter) = &report.jitter_us {
        rows.extend(times("jitter, ms", jitter, ", frame to frame"));
    }
    if let Some(lateness) = &report.lateness_us {
        rows.extend(times("", lateness, ", lateness (0 if early)"));
    }
    if let Some(drift) = &report.drift_us {
        rows.extend(times("", drift, ", drift since the first frame"));
    }
    if let Some(drift) = &report.final_drift_us {
        let minimum = signed_millis(drift.min);
        rows.push(("drift, ms", minimum, "of the last frame, min".to_owned()));
        rows.push(("", signed_millis(drift.max), "max".to_owned()));
    }
    rows.extend(section(
        "bursts, gaps",
        &[
            (report.bursts, "frames less than 5 ms after another"),
            (report.gaps, "pauses of more than 60 ms"),
        ],
    ));
    if report.gaps > 0 {
        let longest = millis(report.longest_gap_us);
        rows.push(("", longest, "  the longest of these, ms".to_owned()));
    }
    rows
}

fn barge_ins(calls: &BargeInReport) -> Vec<Row> {
    let mut rows = section(
        "barge-in",
        &[
            (calls.fell_silent, "fell silent"),
            (calls.never_silent, "never fell silent"),
            (calls.not_speaking, "did not speak before"),
        ],
    );
    if let Some(silent_after) = &calls.silent_after_us {
        rows.extend(times("silent after, ms", silent_after, ""));
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
        (
            "",
            bottleneck(cost.limit).to_owned(),
            "is the limit".to_owned(),
        ),
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

/// Returns the rows of a time whose minimum is of no use.
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
