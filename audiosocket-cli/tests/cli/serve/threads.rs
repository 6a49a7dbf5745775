//! `audiosocket serve --wake-interval` and `--threads`: calls in batches, and on threads.

use crate::process::{ServeProcess, call};

#[test]
#[cfg(any(target_os = "linux", target_os = "android"))]
fn calls_in_batches_are_echoed() {
    let batches = ["--wake-interval", "2ms"];
    let on_threads = ["--wake-interval", "2ms", "--threads", "2"];
    let servers = [
        ("tokio", &batches[..]),
        ("tokio", &on_threads),
        ("smol", &batches),
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
fn calls_are_spread_over_threads() {
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
