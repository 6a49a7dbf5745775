//! A new server process takes over the address of the old one, while callers place calls.

use std::time::Duration;

use audiosocket_network_faults::{Line, LineFaults};
use rustix::process::Signal;

use super::line::Programs as _;
use super::process::{Report, assert_ended_by_the_caller};

as_root_on_every_runtime! {
    no_call_is_lost_when_a_process_takes_over,
}

const CALLS: u64 = 3000;
const RESTARTS: usize = 15;

/// Shares the port, and serves calls to their end.
const SHARED: [&str; 3] = ["--reuse-port", "--drain", "1h"];

/// Fifteen restarts, with a hundred new calls per second. A TCP handshake takes 30 ms, so some are under way when a process stops
/// listening. With `net.ipv4.tcp_migrate_req`, the kernel hands them to the next process.
fn no_call_is_lost_when_a_process_takes_over(runtime: &str) {
    let line = Line::new(LineFaults {
        loss: 0,
        delay: Duration::from_millis(15),
        jitter: Duration::ZERO,
    });
    line.far.sysctl("net.ipv4.tcp_migrate_req=1");
    let first = line.serve(runtime, 0, &SHARED);
    let addr = first.addr();
    // The first process gets this call, and serves it to its end.
    let long = line.call(addr, &["--duration", "15s", "--allow-pauses"]);
    first.wait_for_log(1, "call started");
    let calls = CALLS.to_string();
    let args = [
        "--calls",
        &calls,
        "--calls-per-second",
        "100",
        "--duration",
        "500ms",
        // The line is a process of this machine, which can stop for more than 5 ms.
        "--allow-pauses",
    ];
    let many = line.call(addr, &args);
    let mut servers = vec![first];
    for _ in 0..RESTARTS {
        let new = line.serve(runtime, addr.port(), &SHARED);
        // Both processes accept calls for a while.
        new.wait_for_log(10, "call started");
        servers.last().unwrap().signal(Signal::TERM);
        servers.push(new);
    }
    let reports = [(many, CALLS), (long, 1)].map(|(calls, count)| {
        let report = Report::of(&calls.wait_with_output().unwrap());
        (report, count)
    });
    let last = servers.pop().unwrap();
    let mut served = Vec::new();
    for server in servers {
        let (code, log) = server.wait();
        assert_eq!(code, 0, "{log}");
        served.push(ended(&log));
    }
    served.push(ended(&last.terminate()));
    for (report, count) in reports {
        let figures = &report.figures;
        assert_eq!(report.code, 0, "{figures}");
        assert_eq!(report.count("/calls/completed"), count, "{figures}");
        assert_eq!(report.count("/hangups/caller"), count, "{figures}");
    }
    assert_eq!(served.iter().sum::<u64>(), CALLS + 1, "{served:?}");
}

/// Returns the number of calls in the log. Asserts that the caller ended each of them.
fn ended(log: &str) -> u64 {
    let ended = log.lines().filter(|line| line.contains("call ended"));
    let ended: Vec<_> = ended.collect();
    // This warning comes when the machine is busy.
    let slow = |line: &&str| line.contains("a handler blocks");
    let wrong = |line: &&str| (line.contains("WARN") || line.contains("ERROR")) && !slow(line);
    assert_eq!(log.lines().find(wrong), None);
    for line in &ended {
        assert_ended_by_the_caller(line);
    }
    ended.len() as u64
}
