//! The report as a summary for a person: about ten lines.

use audiosocket_testing::load::{Expect, Quantiles, Report};

use super::CallReport;
use super::figures::{answered, bottleneck, millis, times};
use super::verdict::{failures, verdict};

/// A line of the summary: its name and its text.
type Line = (&'static str, String);

pub(super) fn summary(call: &CallReport) -> String {
    let mut lines = lines(call);
    lines.extend(failures(call).map(|failure| ("failed", failure)));
    let (text, next) = verdict(call);
    lines.push(("verdict", text));
    lines.extend(next.map(|next| ("next", next.to_owned())));
    let lines = lines
        .into_iter()
        .map(|(name, text)| format!("{name:<12}  {text}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn lines(call: &CallReport) -> Vec<Line> {
    let report = &call.report;
    let mut lines = vec![("server", server(report)), ("calls", calls(report))];
    if answered(report) > 0 {
        lines.push(("sent", sent(call)));
        lines.push(("received", received(report)));
        lines.extend(echo(report).map(|echo| ("echo", echo)));
    }
    let mut time = |name, quantiles: &Option<Quantiles>, meaning: &str| {
        if let Some(quantiles) = quantiles {
            lines.push((name, format!("{}  {meaning}", times(quantiles))));
        }
    };
    let jitter = report.jitter.as_ref();
    time("first audio", &report.first_audio_us, "after connecting");
    time("latency", &report.latency_us, "frame to its echo");
    let lateness = jitter.and_then(|jitter| jitter.lateness_us);
    time("lateness", &lateness, "received frames");
    let jitter = jitter.and_then(|jitter| jitter.jitter_us);
    time("jitter", &jitter, "received frames");
    if let Some(barge_in) = &report.barge_in {
        time(
            "silent after",
            &barge_in.silent_after_us,
            "after the barge-in",
        );
    }
    time("this machine", &report.self_latency_us, "late to read");
    if let Some(jitter) = report.jitter.as_ref().filter(|jitter| jitter.gaps > 0) {
        let longest = millis(jitter.longest_gap_us);
        let gaps = jitter.gaps;
        lines.push((
            "gaps",
            format!("{gaps} longer than 60 ms, the longest {longest} ms"),
        ));
    }
    if let Some(recordings) = &call.recordings {
        let (written, failed) = (recordings.written, recordings.failed);
        lines.push(("recordings", format!("{written} written, {failed} failed")));
    }
    if let Some(cost) = &report.server_process {
        let (busy, limit) = (cost.busy, bottleneck(cost.limit));
        let per_frame = |cost| format!("{cost:.2} µs of CPU time per frame, ");
        let frame = cost.cpu_us_per_frame.map_or_else(String::new, per_frame);
        let text = format!("{frame}{busy:.2} of a CPU, the limit is {limit}");
        lines.push(("server cost", text));
    }
    lines
}

fn server(report: &Report) -> String {
    let server = report.server.escape_debug();
    let expect = match report.expect {
        Expect::Echo if report.quiet => "nothing but silence is expected".to_owned(),
        Expect::Echo => "an echo is expected".to_owned(),
        _ => match &report.scenario {
            Some(name) => format!("scenario {name:?}"),
            None => "any audio is expected".to_owned(),
        },
    };
    let asterisk = |release: &String| format!(", as Asterisk {release}");
    let asterisk = report.asterisk.as_ref().map_or_else(String::new, asterisk);
    format!("{server}, {expect}{asterisk} (--seed {})", report.seed)
}

fn calls(report: &Report) -> String {
    let (calls, hangups) = (&report.calls, &report.hangups);
    let mut text = format!(
        "{} made, {} answered, {} completed, {} failed",
        calls.placed,
        answered(report),
        calls.completed,
        calls.failed
    );
    if calls.interrupted > 0 {
        text += &format!(", {} interrupted", calls.interrupted);
    }
    let by_server = hangups.server + hangups.closed;
    if by_server > 0 {
        text += &format!("; {by_server} ended by the server");
    }
    text
}

fn sent(call: &CallReport) -> String {
    let report = &call.report;
    let mut text = if report.quiet && report.frames.sent == 0 {
        "no audio".to_owned()
    } else if report.quiet {
        format!("{} frames of a captured stream", report.frames.sent)
    } else {
        let of = if call.listeners { " of silence" } else { "" };
        format!(
            "{} frames{of}, {} ms each, {} Hz",
            report.frames.sent,
            report.ptime_ms,
            report.rate.hz()
        )
    };
    if report.digits_sent > 0 {
        text += &format!(", {} keys", report.digits_sent);
    }
    if report.frames.late > 0 {
        text += &format!(", {} late because of this machine", report.frames.late);
    }
    text
}

fn received(report: &Report) -> String {
    let frames = &report.frames;
    format!(
        "{} frames, {} of them silence",
        frames.received, frames.silence
    )
}

fn echo(report: &Report) -> Option<String> {
    let frames = &report.frames;
    (report.expect == Expect::Echo && !report.quiet).then(|| {
        format!(
            "{} frames whole, {} missing, {} wrong, {} extra",
            frames.echoed, frames.missing, frames.wrong, frames.extra
        )
    })
}
