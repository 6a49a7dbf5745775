//! Running the program.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long to wait for what has to come; only a failing test waits that long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn audiosocket<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_audiosocket"));
    command.args(args).env_remove("RUST_LOG");
    command
}

pub(crate) fn run<'a>(args: impl IntoIterator<Item = &'a str>) -> Output {
    audiosocket(args).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// What `audiosocket call --json` reported, and its exit code.
pub(crate) struct Report {
    pub(crate) figures: Value,
    pub(crate) code: i32,
}

impl Report {
    pub(crate) fn of(output: &Output) -> Self {
        let figures = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
        Self {
            figures,
            code: output.status.code().unwrap(),
        }
    }

    /// A count, named as in `/frames/sent`.
    #[track_caller]
    pub(crate) fn count(&self, pointer: &str) -> u64 {
        self.figures.pointer(pointer).unwrap().as_u64().unwrap()
    }

    /// The reason for which all failed calls failed.
    #[track_caller]
    pub(crate) fn failure(&self) -> &str {
        assert_eq!(self.figures["failures"].as_array().unwrap().len(), 1);
        assert_eq!(self.count("/failures/0/calls"), self.count("/calls/failed"));
        self.figures["failures"][0]["reason"].as_str().unwrap()
    }
}

/// Calls `server` with JSON as the result, and these arguments besides. Unless they say otherwise
/// it waits for echoes as long as it takes, so that a busy machine fails no test.
pub(crate) fn call(server: SocketAddr, args: &[&str]) -> Report {
    let server = server.to_string();
    let mut all = vec!["call", &server, "--json"];
    all.extend_from_slice(args);
    if !args.contains(&"--linger") {
        all.extend(["--linger", "60s"]);
    }
    Report::of(&run(all))
}

/// `audiosocket serve`, as it runs; killed if dropped.
pub(crate) struct AcceptLoop {
    child: Child,
    pub(crate) addrs: Vec<SocketAddr>,
    stdout: BufReader<ChildStdout>,
    log: Arc<Mutex<String>>,
    logging: Option<JoinHandle<()>>,
}

impl AcceptLoop {
    /// Starts an echo with these arguments, on `sockets` ports that the system chooses.
    pub(crate) fn start(sockets: usize, args: &[&str]) -> Self {
        Self::start_on("tokio", sockets, args)
    }

    /// The same, on the runtime that is named.
    pub(crate) fn start_on(runtime: &str, sockets: usize, args: &[&str]) -> Self {
        let server = ["serve", "echo", "--runtime", runtime];
        let args = server.into_iter().chain(args.iter().copied());
        Self::run(audiosocket(args), sockets)
    }

    /// Starts whatever server `command` is, on `sockets` ports that the system chooses.
    pub(crate) fn run(mut command: Command, sockets: usize) -> Self {
        let listen = std::iter::repeat_n(["--listen", "127.0.0.1:0"], sockets).flatten();
        command.args(listen);
        Self::run_as_is(command, sockets)
    }

    /// Starts whatever server `command` is, which has been told to listen on so many sockets.
    pub(crate) fn run_as_is(mut command: Command, sockets: usize) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        // Read while it runs, so that it never waits for us.
        let logging = thread::spawn({
            let log = log.clone();
            move || {
                for line in stderr.lines() {
                    let mut log = log.lock().unwrap();
                    log.push_str(&line.unwrap());
                    log.push('\n');
                }
            }
        });
        let mut serving = Self {
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
            addrs: Vec::new(),
            log,
            logging: Some(logging),
        };
        for _ in 0..sockets {
            let mut line = String::new();
            serving.stdout.read_line(&mut line).unwrap();
            let addr = line.strip_prefix("listening on ").unwrap().trim_end();
            serving.addrs.push(addr.parse().unwrap());
        }
        serving
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addrs[0]
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(&self.child, signal);
    }

    /// Waits until it has logged so many lines that contain `part`.
    pub(crate) fn wait_for_log(&self, lines: usize, part: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.logged(part) < lines {
            assert!(Instant::now() < deadline, "not logged: {part}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// How many lines that contain `part` it has logged so far.
    pub(crate) fn logged(&self, part: &str) -> usize {
        let log = self.log.lock().unwrap();
        log.lines().filter(|line| line.contains(part)).count()
    }

    /// Waits until it has ended by itself; gives its exit code and its log.
    pub(crate) fn wait(mut self) -> (i32, String) {
        let code = wait(&mut self.child);
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "nothing else is for standard output");
        self.logging.take().unwrap().join().unwrap();
        let log = std::mem::take(&mut *self.log.lock().unwrap());
        (code, log)
    }

    /// Ends it as a service manager would.
    pub(crate) fn terminate(self) -> String {
        self.signal(Signal::TERM);
        let (code, log) = self.wait();
        assert_eq!(code, 0, "{log}");
        log
    }
}

impl Drop for AcceptLoop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Waits until `child` has ended by itself, and gives its exit code.
pub(crate) fn wait(child: &mut Child) -> i32 {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap();
        }
        thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    panic!("still running after {PATIENCE:?}");
}

/// The log line that contains all of `parts`.
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

/// Of a log line: a caller has ended the call. One that closes while a frame of silence is on its
/// way to it resets the connection.
#[track_caller]
pub(crate) fn assert_ended_by_the_caller(line: &str) {
    let ends = ["end=closed by the peer ", "end=reset by the peer "];
    assert!(ends.iter().any(|end| line.contains(end)), "{line}");
}

/// The number in `line` that is named as in `frames_in=5`.
#[track_caller]
pub(crate) fn count(line: &str, name: &str) -> u64 {
    let named = format!(" {name}=");
    let (_, rest) = line.split_once(&named).unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}
