//! `audiosocket serve --wake-interval`: work is gathered.

use super::process::{Serving, call, run, text};

/// Each frame comes back whole and in order, whatever it waited for.
#[test]
#[cfg(any(target_os = "linux", target_os = "android"))]
fn what_is_gathered_is_echoed_all_the_same() {
    for runtime in ["tokio", "smol"] {
        let server = Serving::start_on(runtime, 1, &["--wake-interval", "2ms"]);
        let report = call(server.addr(), &["--calls", "50", "--duration", "1s"]);
        assert_eq!(report.code, 0, "{}", report.figures);
        assert_eq!(report.count("/calls/completed"), 50);
        server.terminate();
    }
}

#[test]
fn a_thread_for_each_call_has_nothing_to_gather() {
    let args = [
        "serve",
        "echo",
        "--runtime",
        "blocking",
        "--wake-interval",
        "2ms",
    ];
    let output = run(args);
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(
        error.contains("--wake-interval is not for --runtime blocking"),
        "{error}"
    );
}

#[test]
#[cfg(any(target_os = "linux", target_os = "android"))]
fn an_interval_that_would_make_playout_late_is_an_error() {
    let args = [
        "serve",
        "echo",
        "--listen",
        "127.0.0.1:0",
        "--wake-interval",
        "10ms",
    ];
    let output = run(args);
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(
        error.contains("wake interval 10ms: more than nothing, less than 10ms"),
        "{error}"
    );
}
