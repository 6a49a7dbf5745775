use std::process::Command;
use std::time::Duration;

use super::{OutputStream, Process, Signal};

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn start_returns_after_all_ready_lines() {
    let script = "echo one moment; echo listening on 127.0.0.1:1; \
                  echo listening on [::1]:2 >&2; exec sleep 60";
    let process = Process::builder(shell(script))
        .ready_lines(2)
        .start()
        .unwrap();
    let mut ports: Vec<_> = process.addrs().iter().map(|addr| addr.port()).collect();
    ports.sort_unstable();
    assert_eq!(ports, [1, 2]);
}

#[test]
fn another_ready_line_can_be_set() {
    let process = Process::builder(shell("echo bound to /run/socket; exec sleep 60"))
        .ready_line("bound to ")
        .start()
        .unwrap();
    assert_eq!(process.addresses(), ["/run/socket"]);
}

#[test]
fn a_program_that_ends_early_is_an_error_with_its_output() {
    let error = Process::start(shell("echo no such device >&2; exit 3")).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("closed its output"), "{error}");
    assert!(error.contains("no such device"), "{error}");
}

#[test]
fn a_program_that_is_not_ready_in_time_is_an_error() {
    let error = Process::builder(shell("exec sleep 60"))
        .timeout(Duration::from_millis(20))
        .start()
        .unwrap_err();
    assert!(error.to_string().contains("ran for 20ms"), "{error}");
}

#[test]
fn a_program_that_does_not_exist_is_an_error() {
    let error = Process::start(Command::new("/no/such/program")).unwrap_err();
    assert!(error.to_string().contains("cannot be started"), "{error}");
}

#[test]
fn wait_for_line_continues_after_the_line_before() {
    let script = "echo listening on x; echo a1; echo b; echo a2; exec sleep 60";
    let process = Process::start(shell(script)).unwrap();
    assert_eq!(process.wait_for_line("a").unwrap(), "a1");
    assert_eq!(process.wait_for_line("a").unwrap(), "a2");
    process.wait_for_lines(2, "a").unwrap();
    assert_eq!(process.count_lines("b"), 1);
}

#[test]
fn a_signal_ends_a_program() {
    let mut process = Process::start(shell("echo listening on x; exec sleep 60")).unwrap();
    process.signal(Signal::TERM).unwrap();
    let output = process.wait().unwrap();
    assert_eq!(output.status.code(), None);
}

#[test]
fn wait_returns_the_status_and_both_streams() {
    let script = "echo listening on x; echo wrong >&2; echo last; exit 7";
    let mut process = Process::start(shell(script)).unwrap();
    let output = process.wait().unwrap();
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(output.stdout, "listening on x\nlast\n");
    assert_eq!(output.stderr, "wrong\n");
}

#[test]
fn wait_has_a_deadline() {
    let mut process = Process::builder(shell("exec sleep 60"))
        .ready_lines(0)
        .timeout(Duration::from_millis(20))
        .start()
        .unwrap();
    let error = process.wait().unwrap_err();
    assert!(error.to_string().contains("still runs"), "{error}");
}

#[test]
fn drop_kills_the_program() {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = shell("echo listening on x; exec sleep 60");
    command.stdin(reader);
    drop(Process::start(command).unwrap());
    // The killed program does not read. A process that another test has just forked has a copy of the reader until its
    // `exec`, so the write can succeed for a moment. `sleep` would have the reader for a minute.
    let mut writer = writer;
    let mut write = || std::io::Write::write(&mut writer, b"x").err();
    let error = std::iter::repeat_with(|| {
        std::thread::sleep(Duration::from_millis(10));
        write()
    })
    .take(1_000)
    .find_map(|error| error)
    .expect("the program was not killed");
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}

#[test]
fn old_lines_are_discarded() {
    // 40 lines of 1 MiB each.
    let script = "line=$(head -c 1048575 /dev/zero | tr '\\0' x); \
                  for _ in $(seq 40); do echo $line; done; echo listening on x; exec sleep 60";
    let process = Process::start(shell(script)).unwrap();
    let lines = process.lines(OutputStream::Stdout);
    assert!(lines.len() <= 17, "{} lines are kept", lines.len());
    assert_eq!(lines.last().unwrap(), "listening on x");
}
