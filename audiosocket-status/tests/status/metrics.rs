//! The metrics.

use std::collections::BTreeSet;

use crate::support::{UUID_TEXT, call, echo, echo_server, json, send, wait_for};

const GUIDE: &str = include_str!("../../../docs/src/metrics.md");

fn documented_metrics() -> BTreeSet<(String, String)> {
    let rows = GUIDE.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let name = cells.next()?.strip_suffix('`')?;
        let kind = cells.next()?;
        let is_metric = ["gauge", "counter", "histogram"].contains(&kind);
        is_metric.then(|| (name.to_owned(), kind.to_owned()))
    });
    rows.collect()
}

#[test]
fn a_call_without_audio_is_silent_on_both_sides_after_2_s() {
    let server = echo_server();
    let _caller = call(server.addr);
    wait_for(|| {
        let metrics = server.get("/metrics").body;
        let is_silent = |side| metrics.contains(&format!("silent_calls{{side=\"{side}\"}} 1\n"));
        (is_silent("caller") && is_silent("server")).then_some(())
    });
    let calls = json(&server.get("/calls").body);
    assert_eq!(calls["calls"][0]["fault"], "nothing_sent");
    let summary = json(&server.get("/summary").body);
    assert_eq!(summary["silent_from_caller"], 1);
}

#[test]
fn the_metrics_are_those_of_the_guide_and_at_most_60_series() {
    let server = echo_server();
    let mut caller = call(server.addr);
    echo(&mut caller);
    let text = server.get("/metrics").body;
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.last(), Some(&"# EOF"));
    let series = lines.iter().filter(|line| !line.starts_with('#'));
    assert!(series.clone().count() <= 60, "{}", series.count());

    let types = lines.iter().filter_map(|line| {
        let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
        let suffix = if kind == "counter" { "_total" } else { "" };
        Some((format!("{name}{suffix}"), kind.to_owned()))
    });
    assert_eq!(types.collect::<BTreeSet<_>>(), documented_metrics());
    let helps = lines.iter().filter(|line| line.starts_with("# HELP "));
    let texts = helps.map(|line| line.splitn(4, ' ').nth(3).unwrap());
    let texts: BTreeSet<_> = texts.collect();
    assert_eq!(
        texts.len(),
        documented_metrics().len(),
        "each help is different"
    );
    for help in texts {
        assert!(help.ends_with('.') && help.len() > 10, "{help:?}");
    }
    // No series is about a single call.
    assert!(!text.contains(UUID_TEXT), "{text}");
    assert!(
        !text.contains(&caller.local_addr().unwrap().port().to_string()),
        "{text}"
    );
}

#[test]
fn metrics_count_what_the_calls_did() {
    let server = echo_server();
    let mut caller = call(server.addr);
    for _ in 0..130 {
        echo(&mut caller);
    }
    // A call publishes its counters when it reads the next frame.
    send(&mut caller, 0x03, b"7");
    let has = |lines: &[&str]| {
        let text = server.get("/metrics").body;
        let is_there = |line: &&str| text.lines().any(|it| it == *line);
        lines.iter().all(is_there).then_some(())
    };
    wait_for(|| {
        has(&[
            "audiosocket_ready 1",
            "audiosocket_open_connections{state=\"call\"} 1",
            "audiosocket_calls_started_total 1",
            "audiosocket_audio_frames_total{direction=\"in\"} 130",
            "audiosocket_audio_bytes_total{direction=\"out\"} 41600",
            // One of 64 frames is measured.
            "audiosocket_handler_seconds_count 2",
        ])
    });
    send(&mut caller, 0x00, &[]);
    wait_for(|| {
        has(&[
            "audiosocket_open_connections{state=\"call\"} 0",
            "audiosocket_calls_ended_total{end=\"hangup_received\"} 1",
            "audiosocket_call_duration_seconds_count 1",
            "audiosocket_call_duration_seconds_bucket{le=\"+Inf\"} 1",
            "audiosocket_audio_frames_total{direction=\"in\"} 130",
        ])
    });
}
