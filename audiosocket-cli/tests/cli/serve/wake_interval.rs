//! `audiosocket serve --wake-interval` and `--threads`: work is gathered, and dealt out.

use crate::process::{ServeProcess, call, run, text};

/// Each frame comes back whole and in order, whatever it waited for.
#[test]
#[cfg(any(target_os = "linux", target_os = "android"))]
fn what_is_gathered_is_echoed_all_the_same() {
    let gathered = ["--wake-interval", "2ms"];
    let on_threads = ["--wake-interval", "2ms", "--threads", "2"];
    let servers = [
        ("tokio", &gathered[..]),
        ("tokio", &on_threads),
        ("smol", &gathered),
    ];
    for (runtime, args) in servers {
        let server = ServeProcess::start_on(runtime, 1, args);
        let report = call(server.addr(), &["--calls", "50", "--duration", "1s"]);
        assert_eq!(report.code, 0, "{}", report.figures);
        assert_eq!(report.count("/calls/completed"), 50);
        server.terminate();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn calls_are_dealt_to_threads() {
    let server = ServeProcess::start(1, &["--threads", "3"]);
    let report = call(server.addr(), &["--calls", "50", "--duration", "1s"]);
    assert_eq!(report.code, 0, "{}", report.figures);
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
    let names =
        tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
    let serving = names.filter(|name| name.starts_with("audiosocket-cal"));
    assert_eq!(serving.count(), 3);
    server.terminate();
}

#[test]
fn threads_are_tokios_only() {
    for runtime in ["smol", "blocking"] {
        let output = run(["serve", "echo", "--runtime", runtime, "--threads", "2"]);
        assert_eq!(output.status.code(), Some(2));
        let error = text(&output.stderr);
        assert!(
            error.contains("--threads is for --runtime tokio only"),
            "{error}"
        );
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
        error.contains("the wake interval 10ms is not between zero and 10ms"),
        "{error}"
    );
}
