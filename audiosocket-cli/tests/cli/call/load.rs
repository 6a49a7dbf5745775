//! `audiosocket call` as a load test: closed loops, calls without audio, the cost for the server.

use super::summary::{printed, words};
use crate::process::{ServeProcess, args, call};
use crate::server::{is_audio, read_frame, serve, serve_audio, write_frame};

#[test]
fn a_closed_loop_sends_again_when_all_frames_came_back() {
    // The server echoes when it has as many frames as the caller sends at once.
    let server = serve(|mut stream| {
        let mut frames = Vec::new();
        loop {
            frames.extend(Some(read_frame(&mut stream)?).filter(is_audio));
            if frames.len() == 16 {
                for (kind, payload) in frames.drain(..) {
                    write_frame(&mut stream, kind, &payload)?;
                }
            }
        }
    });
    let options = ["--closed-loop", "16", "--calls", "3", "--duration", "500ms"];
    let report = call(server, &options);
    let sent = report.count("/frames/sent");
    assert_eq!((report.code, report.count("/frames/echoed")), (0, sent));
    assert_eq!(sent % 16, 0);
    assert!(sent >= 3 * 2 * 16, "{sent}");
    assert_eq!(report.count("/closed_loop"), 16);
    assert!(report.figures["latency_us"]["max"].is_u64());
    for in_real_time in ["jitter", "since_due_us"] {
        assert!(report.figures[in_real_time].is_null(), "{in_real_time}");
    }
}

#[test]
fn a_closed_loop_waits_for_the_last_of_its_echoes() {
    let server = serve_audio(|number, frame| vec![frame; usize::from(number != 3)]);
    let options = ["--closed-loop", "4", "--duration", "300ms"];
    let report = call(
        server,
        &[&options[..], &["--echo-timeout", "100ms"]].concat(),
    );
    assert_eq!(report.code, 1);
    assert_eq!(report.count("/frames/sent"), 4);
    assert_eq!(report.count("/frames/echoed"), 3);
    assert_eq!(report.count("/frames/missing"), 1);
}

#[test]
fn a_call_without_audio_succeeds_with_silence_or_nothing() {
    let quiet = args("--no-audio --dtmf 12# --calls 3 --duration 400ms");
    for (options, silence) in [(&[][..], true), (&["--no-silence"], false)] {
        let server = ServeProcess::start(1, options);
        let report = call(server.addr(), &quiet);
        assert_eq!(report.code, 0, "{options:?}: {}", report.figures);
        assert_eq!(report.figures["quiet"], true);
        assert_eq!(report.count("/hangups/caller"), 3);
        assert_eq!(report.count("/frames/sent"), 0);
        assert_eq!(report.count("/digits_sent"), 9);
        let received = report.count("/frames/received");
        assert_eq!(received > 0, silence, "{options:?}");
        assert_eq!(report.count("/frames/silence"), received);
        server.terminate();
    }
}

#[test]
fn a_call_without_audio_fails_if_the_server_speaks_or_hangs_up() {
    let speaks = || {
        serve(|mut stream| {
            write_frame(&mut stream, 0x10, &[1; 320])?;
            while read_frame(&mut stream).is_ok() {}
            Ok(())
        })
    };
    let quiet = ["--no-audio", "--duration", "300ms"];
    let report = call(speaks(), &quiet);
    assert_eq!((report.code, report.count("/frames/extra")), (1, 1));
    let report = call(speaks(), &[&quiet[..], &["--expect", "any"]].concat());
    assert_eq!((report.code, report.count("/frames/received")), (0, 1));
    let hangs_up = serve(|mut stream| write_frame(&mut stream, 0x00, &[]));
    let report = call(hangs_up, &quiet);
    assert_eq!(report.code, 1);
    assert_eq!(report.failure(), "the server hung up before the caller did");
}

#[test]
fn latency_from_the_scheduled_time_is_not_shorter() {
    let server = serve_audio(|_, frame| vec![frame]);
    let report = call(server, &["--duration", "400ms"]);
    assert_eq!((report.code, report.count("/frames/echoed")), (0, 20));
    for quantile in ["min", "p50", "max"] {
        let [written, due] = ["latency_us", "since_due_us"]
            .map(|figure| report.count(&format!("/{figure}/{quantile}")));
        assert!(written <= due, "{quantile}: {written} and {due}");
    }
}

#[cfg(target_os = "linux")]
mod server_process {
    use super::*;

    /// Calls for two seconds. The second one is measured.
    fn call_with_pid(server: &ServeProcess, options: &[&str]) -> crate::process::Report {
        let pid = server.id().to_string();
        let all = ["--calls", "5", "--duration", "2s", "--server-pid", &pid];
        call(server.addr(), &[&all[..], options].concat())
    }

    #[test]
    fn the_cost_of_a_frame_is_reported() {
        let server = ServeProcess::start(1, &[]);
        let report = call_with_pid(&server, &["--closed-loop", "2"]);
        assert_eq!(report.code, 0, "{}", report.figures);
        let cost = &report.figures["server_process"];
        let number = |name: &str| cost[name].as_f64().unwrap();
        let frames = report.count("/server_process/frames");
        assert!(
            0 < frames && frames < report.count("/frames/echoed"),
            "{cost}"
        );
        assert!(number("seconds") > 0.0);
        let [cpu, user, system] =
            ["cpu", "user", "system"].map(|part| number(&format!("{part}_us_per_frame")));
        assert!(
            cpu > 0.0 && (user + system - cpu).abs() < cpu / 1e6,
            "{cost}"
        );
        let busy = cpu * frames as f64 / 1e6 / number("seconds");
        assert!((number("busy") - busy).abs() < busy / 1e6, "{cost}");
        assert!(number("own_busy") > 0.0);
        assert!(number("context_switches_per_frame") >= 0.0);
        // One for each call, and those of the server itself.
        assert!(report.count("/server_process/descriptors") > 5);
        assert!(report.count("/server_process/threads") > 0);
        assert!(report.count("/server_process/resident_bytes") > 1 << 20);
        let limits = ["server", "caller", "none"].map(serde_json::Value::from);
        assert!(limits.contains(&cost["limit"]), "{cost}");
    }

    #[test]
    fn calls_without_audio_have_a_cost_but_no_cost_per_frame() {
        let server = ServeProcess::start(1, &["--no-silence"]);
        let report = call_with_pid(&server, &["--no-audio"]);
        assert_eq!(report.code, 0, "{}", report.figures);
        assert_eq!(report.count("/server_process/frames"), 0);
        assert!(report.figures["server_process"]["cpu_us_per_frame"].is_null());
        assert!(report.count("/server_process/descriptors") > 5);
    }

    #[test]
    fn frames_of_silence_count_with_expect_any() {
        let server = ServeProcess::start(1, &[]);
        let report = call_with_pid(&server, &["--no-audio", "--expect", "any"]);
        assert_eq!(report.failure(), "nothing but silence came");
        let frames = report.count("/server_process/frames");
        assert!(0 < frames && frames < report.count("/frames/silence"));
    }

    #[test]
    fn the_summary_and_the_details_have_the_cost() {
        let server = ServeProcess::start(1, &[]);
        let (addr, pid) = (server.addr().to_string(), server.id().to_string());
        let options = ["--duration", "2s", "--server-pid", &pid];
        let (summary, code) = printed(&addr, &options);
        assert_eq!(code, 0, "{summary}");
        assert!(summary.contains("µs of CPU time per frame"), "{summary}");
        let details = printed(&addr, &[&options[..], &["--details"]].concat()).0;
        for figure in [
            "µs of CPU time per frame",
            "context switches per frame",
            "is the limit",
        ] {
            assert!(words(&details).contains(figure), "{figure} in {details}");
        }
    }

    #[test]
    fn nothing_is_measured_if_some_calls_do_not_start() {
        let server = ServeProcess::start(1, &["--max-calls", "2"]);
        let report = call_with_pid(&server, &[]);
        assert_eq!(report.code, 1);
        assert!(report.figures["server_process"].is_null());
    }
}
