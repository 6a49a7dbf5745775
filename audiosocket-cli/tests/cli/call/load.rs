//! `audiosocket call` as it loads a server: in a closed loop, or quietly, with what that costs.

use crate::process::{ServeProcess, call, run, text};
use crate::server::{is_audio, read_frame, serve, serve_audio, write_frame};

#[test]
fn a_closed_loop_goes_round_whenever_all_has_come_back() {
    // Echoes nothing before it has as many frames as the caller sends at once.
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
    let report = call(server, &[&options[..], &["--linger", "100ms"]].concat());
    assert_eq!(report.code, 1);
    assert_eq!(report.count("/frames/sent"), 4);
    assert_eq!(report.count("/frames/echoed"), 3);
    assert_eq!(report.count("/frames/missing"), 1);
}

#[test]
fn who_is_quiet_may_hear_silence_or_nothing() {
    let quiet = [
        "--quiet",
        "--dtmf",
        "12#",
        "--calls",
        "3",
        "--duration",
        "400ms",
    ];
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
fn to_who_is_quiet_nobody_speaks_or_hangs_up_unless_that_is_expected() {
    let speaks = || {
        serve(|mut stream| {
            write_frame(&mut stream, 0x10, &[1; 320])?;
            while read_frame(&mut stream).is_ok() {}
            Ok(())
        })
    };
    let quiet = ["--quiet", "--duration", "300ms"];
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
fn latency_is_also_told_from_when_frames_were_due() {
    let server = serve_audio(|_, frame| vec![frame]);
    let report = call(server, &["--duration", "400ms"]);
    assert_eq!((report.code, report.count("/frames/echoed")), (0, 20));
    for quantile in ["min", "p50", "max"] {
        let [written, due] = ["latency_us", "since_due_us"]
            .map(|figure| report.count(&format!("/{figure}/{quantile}")));
        assert!(written <= due, "{quantile}: {written} and {due}");
    }
}

#[test]
fn what_means_nothing_together_is_said_with_code_2() {
    for (options, problem) in [
        (
            &["--closed-loop", "1", "--quiet"][..],
            "--quiet says nothing",
        ),
        (&["--closed-loop", "1", "--expect", "any"], "--expect echo"),
        (
            &["--closed-loop", "1", "--barge-in-after", "1s"],
            "--barge-in-after",
        ),
        (&["--closed-loop", "1", "--record", "x.wav"], "--record"),
        (&["--closed-loop", "0"], "1..="),
        (&["--quiet", "--barge-in-after", "1s"], "--barge-in-after"),
        (&["--server-pid", "0"], "1.."),
    ] {
        let args = ["call", "127.0.0.1:9"].into_iter();
        let output = run(args.chain(options.iter().copied()));
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{options:?}: {stderr}");
        assert!(stderr.contains(problem), "{options:?}: {stderr}");
    }
}

#[cfg(target_os = "linux")]
mod server_process {
    use super::*;

    /// For two seconds, of which the second is measured.
    fn call_with_pid(server: &ServeProcess, options: &[&str]) -> crate::process::Report {
        let pid = server.id().to_string();
        let all = ["--calls", "5", "--duration", "2s", "--server-pid", &pid];
        call(server.addr(), &[&all[..], options].concat())
    }

    #[test]
    fn a_frame_costs_the_server_so_much() {
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
        // Each call, and what the server has anyway.
        assert!(report.count("/server_process/descriptors") > 5);
        assert!(report.count("/server_process/threads") > 0);
        assert!(report.count("/server_process/resident_bytes") > 1 << 20);
        let limits = ["server", "caller", "none"].map(serde_json::Value::from);
        assert!(limits.contains(&cost["limit"]), "{cost}");
    }

    #[test]
    fn quiet_calls_cost_something_but_no_frames() {
        let server = ServeProcess::start(1, &["--no-silence"]);
        let report = call_with_pid(&server, &["--quiet"]);
        assert_eq!(report.code, 0, "{}", report.figures);
        assert_eq!(report.count("/server_process/frames"), 0);
        assert!(report.figures["server_process"]["cpu_us_per_frame"].is_null());
        assert!(report.count("/server_process/descriptors") > 5);
    }

    #[test]
    fn silence_counts_where_any_audio_does() {
        let server = ServeProcess::start(1, &[]);
        let report = call_with_pid(&server, &["--quiet", "--expect", "any"]);
        assert_eq!(report.failure(), "nothing but silence came");
        let frames = report.count("/server_process/frames");
        assert!(0 < frames && frames < report.count("/frames/silence"));
    }

    #[test]
    fn it_is_in_the_table_too() {
        let server = ServeProcess::start(1, &[]);
        let (addr, pid) = (server.addr().to_string(), server.id().to_string());
        let args = ["call", &addr, "--duration", "2s", "--server-pid", &pid];
        let output = run(args);
        let table = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{table}");
        for figure in [
            "server, µs per frame",
            "context switches per frame",
            "is the limit",
        ] {
            assert!(table.contains(figure), "{figure} in {table}");
        }
    }

    #[test]
    fn a_server_that_cannot_be_looked_at_is_said_with_code_2() {
        // No process has as many as that.
        let gone = i32::MAX.to_string();
        let own = std::process::id().to_string();
        for (options, problem) in [
            (
                ["--server-pid", &gone, "--duration", "2s"],
                "there is no such process",
            ),
            (
                ["--server-pid", &own, "--duration", "1s"],
                "--duration is too short",
            ),
        ] {
            let output = run(["call", "127.0.0.1:9"].into_iter().chain(options));
            let stderr = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{options:?}: {stderr}");
            assert!(stderr.contains(problem), "{options:?}: {stderr}");
        }
    }

    #[test]
    fn where_calls_cannot_all_begin_nothing_is_measured() {
        let server = ServeProcess::start(1, &["--max-calls", "2"]);
        let report = call_with_pid(&server, &[]);
        assert_eq!(report.code, 1);
        assert!(report.figures["server_process"].is_null());
    }
}
