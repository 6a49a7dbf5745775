//! Processes for tests: start a program, read its output, signal it, and wait for its end. Use it to test
//! a server as a program.
//!
//! A [`Process`] is synchronous and needs no runtime. Dropping it kills the program. Each wait has a
//! deadline, and each error shows the output of the program.
//!
//! ```
//! # #[cfg(unix)] {
//! use std::process::Command;
//!
//! use audiosocket_testing::process::{Process, Signal};
//!
//! let mut server = Command::new("sh");
//! server.args(["-c", "echo listening on 127.0.0.1:9092; exec sleep 60"]);
//! let mut server = Process::start(server)?;
//! assert_eq!(server.addr().port(), 9092);
//!
//! server.signal(Signal::TERM)?;
//! let output = server.wait()?;
//! assert!(!output.status.success());
//! # }
//! # Ok::<(), audiosocket_testing::process::ProcessError>(())
//! ```

mod error;
mod output;

use std::io;
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(unix)]
pub use rustix::process::Signal;

pub use self::error::ProcessError;
use self::output::Lines;
pub use self::output::{Output, OutputStream};

/// The default for [`ready_line`](ProcessBuilder::ready_line): the start of the line that a server prints
/// when it takes connections. The rest of the line is the address.
pub const READY_LINE: &str = "listening on ";

/// The default for [`timeout`](ProcessBuilder::timeout): the limit for each wait.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// The time between two checks for the end of a program.
const LOOK: Duration = Duration::from_millis(5);

/// A builder for a [`Process`], from [`Process::builder`].
#[derive(Debug)]
pub struct ProcessBuilder {
    command: Command,
    ready_line: String,
    ready_lines: usize,
    timeout: Duration,
    stderr: Stdio,
}

impl ProcessBuilder {
    /// Sets the start of the line that the program prints when it is ready. The default is
    /// [`READY_LINE`].
    ///
    /// The line may be on standard output or on standard error.
    #[must_use]
    pub fn ready_line(mut self, prefix: impl Into<String>) -> Self {
        self.ready_line = prefix.into();
        self
    }

    /// Sets the number of ready lines that [`start`](Self::start) waits for. The default is 1. With 0, `start` does not
    /// wait.
    #[must_use]
    pub fn ready_lines(mut self, count: usize) -> Self {
        self.ready_lines = count;
        self
    }

    /// Sets the limit for each wait for this process. The default is [`TIMEOUT`].
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends standard error to `stderr`. The default is a pipe that the [`Process`] reads.
    #[must_use]
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.stderr = stderr.into();
        self
    }

    /// Starts the program and waits for its ready lines.
    ///
    /// # Errors
    /// If the program cannot be started, ends before it is ready, or is not ready in time.
    pub fn start(self) -> Result<Process, ProcessError> {
        self.start_with(Command::spawn)
    }

    /// Starts the program with `spawn`, and waits for its ready lines.
    ///
    /// The threads that read the output of the program start after `spawn` has returned. So `spawn` can
    /// pin the program, and only the program, to a processor core.
    ///
    /// # Errors
    /// The same as [`start`](Self::start).
    pub fn start_with(
        self,
        spawn: impl FnOnce(&mut Command) -> io::Result<Child>,
    ) -> Result<Process, ProcessError> {
        let mut command = self.command;
        command.stdout(Stdio::piped()).stderr(self.stderr);
        let program = format!("{command:?}");
        let mut child = match spawn(&mut command) {
            Ok(child) => child,
            Err(error) => {
                let what = format!("cannot be started: {error}");
                return Err(ProcessError::new(program, what, String::new()));
            }
        };
        let lines = Lines::default();
        if let Some(stdout) = child.stdout.take() {
            lines.read(OutputStream::Stdout, stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            lines.read(OutputStream::Stderr, stderr);
        }
        // From here on, an error kills the program.
        let mut process = Process {
            child,
            program,
            lines,
            timeout: self.timeout,
            addresses: Vec::new(),
        };
        while process.addresses.len() < self.ready_lines {
            let is_ready = |line: &str| line.starts_with(&self.ready_line);
            let what = format!("a line that begins with {:?}", self.ready_line);
            let line = process.wait_for_next(&what, is_ready)?;
            let address = line[self.ready_line.len()..].trim_end().to_owned();
            process.addresses.push(address);
        }
        Ok(process)
    }
}

/// A running program. Dropping this kills it.
///
/// Threads read both streams line by line, so the program never waits for its reader. Up to 16 MiB of lines are kept.
/// Then the oldest lines are discarded. If the thread that drops the process panics, the drop prints the lines.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// The command, as text for errors.
    program: String,
    lines: Lines,
    timeout: Duration,
    addresses: Vec<String>,
}

impl Process {
    /// Starts `command` and waits for its ready line.
    ///
    /// # Errors
    /// If the program cannot be started, ends before it is ready, or is not ready in time.
    pub fn start(command: Command) -> Result<Self, ProcessError> {
        Self::builder(command).start()
    }

    /// Returns a builder that starts `command`. The command sets standard input.
    #[must_use]
    pub fn builder(command: Command) -> ProcessBuilder {
        ProcessBuilder {
            command,
            ready_line: READY_LINE.to_owned(),
            ready_lines: 1,
            timeout: TIMEOUT,
            stderr: Stdio::piped(),
        }
    }

    /// Returns the id of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the ready lines without their prefix, in order.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Returns the address that the program listens on: the first of [`addrs`](Self::addrs).
    ///
    /// # Panics
    /// The same as [`addrs`](Self::addrs). Also if there was no ready line.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addrs()[0]
    }

    /// Returns the addresses that the program listens on, one of each ready line.
    ///
    /// # Panics
    /// If a ready line has no IP address with a port.
    #[must_use]
    pub fn addrs(&self) -> Vec<SocketAddr> {
        let parse = |address: &String| {
            address.parse().unwrap_or_else(|_| {
                panic!("{address:?} is not an IP address with a port; use `addresses`")
            })
        };
        self.addresses.iter().map(parse).collect()
    }

    /// Returns the kept lines of `stream`.
    #[must_use]
    pub fn lines(&self, stream: OutputStream) -> Vec<String> {
        self.lines.of(stream)
    }

    /// Returns the number of lines of both streams that contain `part`.
    #[must_use]
    pub fn count_lines(&self, part: &str) -> usize {
        self.lines.count(|line| line.contains(part))
    }

    /// Waits until `count` lines of both streams contain `part`.
    ///
    /// # Errors
    /// If the program ends before that, or after the timeout.
    pub fn wait_for_lines(&self, count: usize, part: &str) -> Result<(), ProcessError> {
        let what = format!("{count} lines with {part:?}");
        self.wait_until(&what, |lines| {
            (lines.count(|line| line.contains(part)) >= count).then_some(())
        })
    }

    /// Waits for the next line of either stream that contains `part`, and returns it.
    ///
    /// The next call starts after that line. The first call starts after the ready lines.
    ///
    /// # Errors
    /// If the program ends before that, or after the timeout.
    pub fn wait_for_line(&self, part: &str) -> Result<String, ProcessError> {
        self.wait_for_next(&format!("a line with {part:?}"), |line| line.contains(part))
    }

    /// Sends `signal` to the program.
    ///
    /// # Errors
    /// If the program has ended.
    #[cfg(unix)]
    pub fn signal(&self, signal: Signal) -> Result<(), ProcessError> {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal)
            .map_err(|error| self.error(format!("cannot be signalled with {signal:?}: {error}")))
    }

    /// Waits until the program has ended, and returns its status and its output.
    ///
    /// # Errors
    /// If the program does not end before the timeout.
    pub fn wait(&mut self) -> Result<Output, ProcessError> {
        let deadline = Instant::now() + self.timeout;
        let status = self.wait_for_exit(deadline)?;
        // A child process can keep the streams open.
        self.lines
            .wait_until(deadline, |lines| lines.has_ended().then_some(()));
        Ok(self.lines.output(status))
    }

    fn wait_for_exit(&mut self, deadline: Instant) -> Result<ExitStatus, ProcessError> {
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Err(error) => return Err(self.error(format!("has no status: {error}"))),
                Ok(None) => {}
            }
            if Instant::now() >= deadline {
                return Err(self.error(format!("still runs after {:?}", self.timeout)));
            }
            thread::sleep(LOOK);
        }
    }

    fn wait_for_next(
        &self,
        what: &str,
        matches: impl Fn(&str) -> bool,
    ) -> Result<String, ProcessError> {
        self.wait_until(what, |lines| lines.next(&matches))
    }

    fn wait_until<T>(
        &self,
        what: &str,
        look: impl FnMut(&mut output::Kept) -> Option<T>,
    ) -> Result<T, ProcessError> {
        let found = self.lines.wait_until(Instant::now() + self.timeout, look);
        found.ok_or_else(|| {
            let why = if self.lines.have_ended() {
                "closed its output".to_owned()
            } else {
                format!("ran for {:?}", self.timeout)
            };
            self.error(format!("{why} and did not write {what}"))
        })
    }

    fn error(&self, what: String) -> ProcessError {
        ProcessError::new(self.program.clone(), what, self.lines.text())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that the program has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- {} wrote:\n{}---", self.program, self.lines.text());
        }
    }
}

#[cfg(all(test, unix))]
mod tests;
