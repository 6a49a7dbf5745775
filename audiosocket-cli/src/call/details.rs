//! The report as a table of all figures.

use std::ops::RangeInclusive;

use audiosocket_testing::load::{BargeInReport, Expect, Quantiles, Report, ServerCost};
use comfy_table::{CellAlignment, Table, presets};

use super::CallReport;
use super::figures::{bottleneck, millis};
use super::verdict::{failures, verdict};

pub(super) fn details(call: &CallReport) -> String {
    let mut counts = Table::new();
    counts.add_rows(count_rows(call));
    let mut times = Table::new();
    times.set_header(["ms", "min", "p50", "p99", "p99.9", "max", "meaning"]);
    times.add_rows(time_rows(&call.report));
    let mut lines = vec![text_of(counts, 1..=1), text_of(times, 1..=5)];
    lines.extend(failures(call).map(|failure| format!("failed: {failure}")));
    lines.push(run(&call.report));
    let (text, next) = verdict(call);
    lines.push(text);
    lines.extend(next.map(|next| format!("next: {next}")));
    lines.join("\n")
}

/// Formats a table. The `figures` are columns of numbers.
fn text_of(mut table: Table, figures: RangeInclusive<usize>) -> String {
    table.load_style(presets::UTF8_FULL_CONDENSED);
    for column in figures {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

/// Describes the calls that were made.
fn run(report: &Report) -> String {
    let (shortest, longest) = (report.duration_s, report.longest_s);
    let seconds = if report.scenario.is_some() {
        format!("at most {longest}")
    } else if shortest == longest {
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

/// Returns the rows of the figures that are not times: section, figure, meaning.
fn count_rows(call: &CallReport) -> Vec<[String; 3]> {
    let report = &call.report;
    let (calls, hangups, frames) = (&report.calls, &report.hangups, &report.frames);
    let mut rows = Vec::new();
    let mut add = |section: &str, figures: &[(u64, &str)]| {
        for (index, (figure, meaning)) in figures.iter().enumerate() {
            let section = if index == 0 { section } else { "" };
            rows.push([
                section.to_owned(),
                figure.to_string(),
                (*meaning).to_owned(),
            ]);
        }
    };
    add(
        "calls",
        &[
            (calls.completed, "completed"),
            (calls.failed, "failed"),
            (calls.interrupted, "interrupted"),
        ],
    );
    add(
        "ended",
        &[
            (hangups.caller, "by the caller"),
            (hangups.server, "by the server, with a hangup frame"),
            (hangups.closed, "by the server, without a hangup frame"),
        ],
    );
    add(
        "frames",
        &[
            (frames.sent, "sent"),
            (frames.late, "of them late, because of this machine"),
            (frames.received, "received"),
            (frames.silence, "of them silence"),
        ],
    );
    if report.asterisk.is_some() {
        add("", &[(frames.discarded, "discarded, as this release does")]);
    }
    if report.expect == Expect::Echo {
        add(
            "echo",
            &[
                (frames.echoed, "echoed"),
                (frames.missing, "missing"),
                (frames.wrong, "wrong"),
                (frames.extra, "extra"),
            ],
        );
    }
    if let Some(jitter) = &report.jitter {
        add(
            "bursts, gaps",
            &[
                (jitter.bursts, "frames less than 5 ms after another"),
                (
                    jitter.longest_burst_us / 1000,
                    "ms of audio, the longest of these bursts",
                ),
                (jitter.gaps, "pauses of more than 60 ms"),
                (jitter.longest_gap_us / 1000, "ms, the longest of them"),
            ],
        );
    }
    if let Some(barge_in) = &report.barge_in {
        add("barge-in", &barge_ins(barge_in));
    }
    if let Some(recordings) = &call.recordings {
        add(
            "recordings",
            &[
                (recordings.written, "written"),
                (recordings.failed, "failed"),
            ],
        );
    }
    if let Some(cost) = &report.server_process {
        rows.extend(server_rows(cost));
    }
    rows
}

fn barge_ins(calls: &BargeInReport) -> [(u64, &'static str); 3] {
    [
        (calls.fell_silent, "fell silent"),
        (calls.never_silent, "never fell silent"),
        (calls.not_speaking, "did not speak before"),
    ]
}

fn server_rows(cost: &ServerCost) -> impl Iterator<Item = [String; 3]> {
    let number = |number: Option<f64>| number.map_or("-".to_owned(), |it| format!("{it:.2}"));
    let rows = [
        (number(cost.cpu_us_per_frame), "µs of CPU time per frame"),
        (
            number(cost.user_us_per_frame),
            "µs of it outside the kernel",
        ),
        (number(cost.system_us_per_frame), "µs of it in the kernel"),
        (
            number(cost.context_switches_per_frame),
            "context switches per frame",
        ),
        (number(Some(cost.busy)), "of a CPU"),
        (number(Some(cost.own_busy)), "of a CPU, by this program"),
        (bottleneck(cost.limit).to_owned(), "is the limit"),
        (number(Some(cost.seconds)), "s of measurement"),
        (cost.resident_bytes.to_string(), "bytes resident"),
        (cost.descriptors.to_string(), "file descriptors"),
        (cost.threads.to_string(), "threads"),
    ];
    let sections = std::iter::once("server").chain(std::iter::repeat(""));
    let rows = sections.zip(rows);
    rows.map(|(section, (figure, meaning))| [section.to_owned(), figure, meaning.to_owned()])
}

/// Returns the rows of times in milliseconds: name, minimum, quantiles, maximum, meaning.
fn time_rows(report: &Report) -> Vec<[String; 7]> {
    let jitter = report.jitter.as_ref();
    let barge_in = report.barge_in.as_ref();
    let times = [
        ("first audio", report.first_audio_us, "after connecting"),
        (
            "latency",
            report.latency_us,
            "from the write of a frame to its echo",
        ),
        (
            "since due",
            report.since_due_us,
            "from the time of a frame to its echo",
        ),
        (
            "lateness",
            jitter.and_then(|it| it.lateness_us),
            "of received frames, 0 if early",
        ),
        (
            "jitter",
            jitter.and_then(|it| it.jitter_us),
            "of received frames, early or late",
        ),
        (
            "drift",
            jitter.and_then(|it| it.drift_us),
            "since the first frame, early or late",
        ),
        (
            "silent after",
            barge_in.and_then(|it| it.silent_after_us),
            "after the barge-in",
        ),
        (
            "this machine",
            report.self_latency_us,
            "late to read: a part of the others",
        ),
    ];
    let row = |(name, times, meaning): (&str, Option<Quantiles>, &str)| {
        let Quantiles {
            min,
            p50,
            p99,
            p999,
            max,
            ..
        } = times?;
        let [min, p50, p99, p999, max] = [min, p50, p99, p999, max].map(millis);
        Some([
            name.to_owned(),
            min,
            p50,
            p99,
            p999,
            max,
            meaning.to_owned(),
        ])
    };
    let mut rows: Vec<_> = times.into_iter().filter_map(row).collect();
    if let Some(drift) = jitter.and_then(|it| it.final_drift_us) {
        let [min, max] = [drift.min, drift.max].map(signed_millis);
        let none = || "".to_owned();
        let meaning = "of the last frame of a call".to_owned();
        rows.push([
            "final drift".to_owned(),
            min,
            none(),
            none(),
            none(),
            max,
            meaning,
        ]);
    }
    rows
}

fn signed_millis(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    format!("{sign}{}", millis(micros.unsigned_abs()))
}
