//! Whether the calls went well, why not, and what to do.

use audiosocket_testing::load::{Expect, FailureGroup, Report};

use super::CallReport;
use super::figures::answered;
use super::limits::exceeded;

/// Returns `ok: ...` or `NOT OK: ...`, and what the user can do.
pub(super) fn verdict(call: &CallReport) -> (String, Option<&'static str>) {
    if call.report.ok {
        return (format!("ok: {}", success(call)), None);
    }
    let (reason, next) = problem(call);
    (format!("NOT OK: {reason}"), Some(next))
}

fn success(call: &CallReport) -> &'static str {
    match call.report.expect {
        Expect::Echo if call.report.quiet => "all calls completed, only silence came",
        Expect::Echo => "all calls completed, every frame came back whole",
        Expect::Scenario => "all calls met the scenario",
        _ if call.report.barge_in.is_some() => "the server fell silent on every call",
        _ => "all calls completed, each of them received audio",
    }
}

/// Returns the first problem of a run that is not ok, and what to do. The order is that of causes: a server that is not an
/// echo server also has missing frames.
fn problem(call: &CallReport) -> (String, &'static str) {
    let report = &call.report;
    let (calls, frames, hangups) = (&report.calls, &report.frames, &report.hangups);
    let server = report.server.escape_debug();
    let answered = answered(report);
    let audible = frames.received - frames.silence;
    let echo = report.expect == Expect::Echo;
    if calls.interrupted > 0 {
        let reason = format!(
            "{} of {} calls were interrupted",
            calls.interrupted, calls.placed
        );
        return (reason, "the figures are those up to the interruption");
    }
    if answered < calls.placed {
        let lost = calls.placed - answered;
        return (
            format!(
                "{lost} of {} calls did not connect to {server}",
                calls.placed
            ),
            "start the server, or check the address, the firewall and the server's limits",
        );
    }
    if let Some(group) = report.failures.iter().find(|group| group.by_asterisk) {
        let reason = format!(
            "{} ({} of {} calls)",
            group.reason, group.calls, calls.placed
        );
        let next = "docs/src/troubleshooting.md explains the lines of Asterisk's log, docs/src/releases.md the releases";
        return (reason, next);
    }
    if report.scenario.is_some()
        && let Some(most) = report.failures.first()
    {
        let reason = format!("{} ({} of {} calls)", most.reason, most.calls, calls.placed);
        let next = "--json has the time of each step; docs/src/testing.md explains the steps";
        return (reason, next);
    }
    if hangups.server == answered && frames.received == 0 && report.scenario.is_none() {
        return (
            "the server hung up every call before it sent audio".to_owned(),
            "read the log of the server: it refuses calls that its limits or its allow list exclude",
        );
    }
    if frames.received == 0 && !(echo && report.quiet) && report.scenario.is_none() {
        return (
            "no audio came".to_owned(),
            "read the log of the server: it took the calls and sent nothing",
        );
    }
    if audible == 0 && !report.quiet && report.scenario.is_none() {
        let next = if echo {
            "if it is not an echo server: use --expect any"
        } else {
            "if the server waits for speech: use --audio FILE or --audio noise; or a longer --duration"
        };
        return ("nothing but silence came".to_owned(), next);
    }
    if echo && !report.quiet && frames.echoed * 10 < frames.sent {
        return (
            format!(
                "the server's audio is not an echo of what was sent ({} of {} frames came back whole)",
                frames.echoed, frames.sent
            ),
            "use --expect any if it is not an echo server",
        );
    }
    if let Some(recordings) = call.recordings.as_ref().filter(|all| all.failed > 0) {
        let reason = format!("{} recordings failed", recordings.failed);
        return (reason, "check the directory and the space on the disk");
    }
    let by_server = hangups.server + hangups.closed;
    if calls.failed > 0 && echo && by_server > 0 {
        return (
            format!(
                "the server ended {by_server} of {} calls before the caller did",
                calls.placed
            ),
            "use --expect any if the server may end calls; else read the log of the server",
        );
    }
    if let Some(most) = report.failures.first() {
        let reason = format!("{} ({} of {} calls)", most.reason, most.calls, calls.placed);
        let next = match &report.barge_in {
            Some(barge_in) if barge_in.not_speaking > 0 => {
                "let the server speak for longer, or use a shorter --barge-in-after"
            }
            _ => "find the UUID in the log of the server",
        };
        return (reason, next);
    }
    let bad_frames = bad_frames(report);
    if bad_frames.is_none()
        && let Some(limit) = report.exceeded.first()
    {
        let next = "docs/src/testing.md has the reason for each limit and the usual causes";
        return (exceeded(limit), next);
    }
    (
        bad_frames.unwrap_or_default(),
        "the server loses or changes audio; if it is only slow, use a longer --echo-timeout",
    )
}

/// Returns a line for each reason for which calls failed, one for each exceeded limit, and one for recordings.
pub(super) fn failures(call: &CallReport) -> impl Iterator<Item = String> {
    let failures = call.report.failures.iter().map(failure);
    failures.chain(run_failures(call))
}

/// Returns a line for each exceeded limit, and one for recordings.
pub(super) fn run_failures(call: &CallReport) -> impl Iterator<Item = String> {
    let recordings = call.recordings.iter().filter_map(|all| {
        let error = all.error.as_ref()?;
        Some(match all.failed {
            1 => format!("1 recording: {error}"),
            failed => format!("{failed} recordings, the first: {error}"),
        })
    });
    let limits = call.report.exceeded.iter().map(exceeded);
    limits.chain(recordings)
}

/// Describes the frames that an echo server has lost or changed.
pub(super) fn bad_frames(report: &Report) -> Option<String> {
    let frames = &report.frames;
    (frames.missing + frames.wrong + frames.extra > 0).then(|| {
        format!(
            "frames: {} missing, {} wrong, {} extra",
            frames.missing, frames.wrong, frames.extra
        )
    })
}

fn failure(group: &FailureGroup) -> String {
    let FailureGroup {
        reason,
        calls,
        uuid,
        at_s,
        ..
    } = group;
    let at = at_s.map_or_else(String::new, |at| format!("at {at:.3} s, "));
    match calls {
        1 => format!("1 call: {reason} ({at}UUID {uuid})"),
        _ => format!("{calls} calls: {reason} (one of them: {at}UUID {uuid})"),
    }
}
