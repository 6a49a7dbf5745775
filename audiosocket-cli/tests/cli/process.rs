//! Starts the program and reads what it prints.

use std::net::SocketAddr;
use std::process::{Command, ExitStatus, Output};
use std::time::Duration;

use audiosocket_testing::process::{self, OutputStream, Process, READY_LINE};
use rustix::process::Signal;
use serde_json::Value;

/// The longest wait for an event. Only a failing test waits this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The beginning of the line with the address of the status server.
const STATUS_LINE: &str = "status on http://";

pub(crate) fn audiosocket<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_audiosocket"));
    command.args(args).env_remove("RUST_LOG");
    command
}

/// `audiosocket` with these arguments and a redirection of the shell, such as `2>/dev/full`.
pub(crate) fn redirected<'a>(
    redirection: &str,
    args: impl IntoIterator<Item = &'a str>,
) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec \"$0\" \"$@\" {redirection}")]);
    command.arg(env!("CARGO_BIN_EXE_audiosocket")).args(args);
    command.env_remove("RUST_LOG");
    command
}

pub(crate) fn run<'a>(args: impl IntoIterator<Item = &'a str>) -> Output {
    audiosocket(args).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Splits arguments at spaces.
pub(crate) fn args(text: &str) -> Vec<&str> {
    text.split(' ').collect()
}

/// The report of `audiosocket call --json`, and the exit code.
pub(crate) struct Report {
    pub(crate) figures: Value,
    pub(crate) code: i32,
}

impl Report {
    pub(crate) fn of(output: &Output) -> Self {
        Self::new(text(&output.stdout), text(&output.stderr), output.status)
    }

    /// Waits until `caller` has ended.
    pub(crate) fn of_ended(mut caller: Process) -> Self {
        let process::Output {
            status,
            stdout,
            stderr,
            ..
        } = caller.wait().unwrap();
        Self::new(&stdout, &stderr, status)
    }

    fn new(stdout: &str, stderr: &str, status: ExitStatus) -> Self {
        let figures =
            serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
        Self {
            figures,
            code: status.code().unwrap(),
        }
    }

    /// Returns a count, such as `/frames/sent`.
    #[track_caller]
    pub(crate) fn count(&self, pointer: &str) -> u64 {
        self.figures.pointer(pointer).unwrap().as_u64().unwrap()
    }

    /// Returns the reason of all failed calls.
    #[track_caller]
    pub(crate) fn failure(&self) -> &str {
        assert_eq!(self.figures["failures"].as_array().unwrap().len(), 1);
        assert_eq!(self.count("/failures/0/calls"), self.count("/calls/failed"));
        self.figures["failures"][0]["reason"].as_str().unwrap()
    }
}

/// Runs `audiosocket call --json` with these arguments. It waits a minute for echoes, unless the arguments have another time:
/// the machine can be busy.
pub(crate) fn call(server: SocketAddr, args: &[&str]) -> Report {
    let server = server.to_string();
    let mut all = vec!["call", &server, "--json"];
    all.extend_from_slice(args);
    if !args.contains(&"--echo-timeout") {
        all.extend(["--echo-timeout", "60s"]);
    }
    Report::of(&run(all))
}

/// A running `audiosocket serve`. Dropping it kills the process.
pub(crate) struct ServeProcess(Process);

impl ServeProcess {
    /// Starts an echo server with these arguments, on `sockets` ports that the system chooses.
    pub(crate) fn start(sockets: usize, args: &[&str]) -> Self {
        Self::start_on("tokio", sockets, args)
    }

    /// Starts an echo server on this runtime.
    pub(crate) fn start_on(runtime: &str, sockets: usize, args: &[&str]) -> Self {
        let server = ["serve", "echo", "--runtime", runtime];
        let args = server.into_iter().chain(args.iter().copied());
        Self::run(audiosocket(args), sockets)
    }

    /// Starts the server `command`, on `sockets` ports that the system chooses.
    pub(crate) fn run(mut command: Command, sockets: usize) -> Self {
        let listen = std::iter::repeat_n(["--listen", "127.0.0.1:0"], sockets).flatten();
        command.args(listen);
        Self::run_as_is(command, sockets)
    }

    /// Starts the server `command`, which listens on `sockets` addresses.
    pub(crate) fn run_as_is(command: Command, sockets: usize) -> Self {
        Self(started(command, sockets))
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.0.addr()
    }

    pub(crate) fn addrs(&self) -> Vec<SocketAddr> {
        self.0.addrs()
    }

    /// Returns the address of the status server.
    pub(crate) fn status_addr(&self) -> SocketAddr {
        // It comes before the ready lines.
        let lines = self.0.lines(OutputStream::Stdout);
        let addr = lines.iter().find_map(|line| line.strip_prefix(STATUS_LINE));
        addr.unwrap().trim_end_matches('/').parse().unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.0.signal(signal).unwrap();
    }

    /// Waits until `lines` lines of the log contain `part`.
    pub(crate) fn wait_for_log(&self, lines: usize, part: &str) {
        self.0.wait_for_lines(lines, part).unwrap();
    }

    /// Returns the number of lines of the log that contain `part`.
    pub(crate) fn logged(&self, part: &str) -> usize {
        self.0.count_lines(part)
    }

    /// Returns the first line of the log that contains `part`.
    #[track_caller]
    pub(crate) fn log_line(&self, part: &str) -> String {
        let mut lines = self.0.lines(OutputStream::Stderr).into_iter();
        lines.find(|line| line.contains(part)).unwrap()
    }

    /// Waits until the process has ended. Returns its exit code and its log.
    pub(crate) fn wait(mut self) -> (i32, String) {
        let output = self.0.wait().unwrap();
        let mut lines = output.stdout.lines();
        let other =
            lines.find(|line| !line.starts_with(READY_LINE) && !line.starts_with(STATUS_LINE));
        assert_eq!(other, None, "standard output has other lines");
        (output.status.code().unwrap(), output.stderr)
    }

    /// Ends the process with SIGTERM, and returns its log.
    pub(crate) fn terminate(self) -> String {
        self.signal(Signal::TERM);
        let (code, log) = self.wait();
        assert_eq!(code, 0, "{log}");
        log
    }
}

/// Starts `command` and waits until it listens on `sockets` addresses.
pub(crate) fn started(command: Command, sockets: usize) -> Process {
    let builder = Process::builder(command).ready_lines(sockets);
    builder.timeout(PATIENCE).start().unwrap()
}

/// Returns the only line of the log that contains all of `parts`.
#[track_caller]
pub(crate) fn line<'l>(log: &'l str, parts: &[&str]) -> &'l str {
    let mut lines = log
        .lines()
        .filter(|line| parts.iter().all(|part| line.contains(part)));
    let found = lines
        .next()
        .unwrap_or_else(|| panic!("no {parts:?} in {log}"));
    assert_eq!(lines.next(), None, "more than one {parts:?}");
    found
}

/// Asserts that a line of the log says that the caller ended the call. A caller that closes the connection before it has read
/// all silence resets it.
#[track_caller]
pub(crate) fn assert_ended_by_the_caller(line: &str) {
    let ends = ["end=closed by the peer ", "end=reset by the peer "];
    assert!(ends.iter().any(|end| line.contains(end)), "{line}");
}

/// Returns the number after `name=` in `line`.
#[track_caller]
pub(crate) fn count(line: &str, name: &str) -> u64 {
    let named = format!(" {name}=");
    let (_, rest) = line.split_once(&named).unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}
