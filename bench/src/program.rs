use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_testing::load::Report;
use audiosocket_testing::process::Process;
use audiosocket_testing::usage::{ObservedProcess, ProcessUsage};
use serde::Deserialize;

use crate::callers::{CallerProcess, Callers};
use crate::cores::Cores;
use crate::runtime::Runtime;

/// The limit for the time of a process of callers: a day.
const CALLERS_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// The program `audiosocket`.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
    real_time: bool,
}

/// A message of `cargo build`.
#[derive(Deserialize)]
struct BuildMessage {
    executable: Option<PathBuf>,
}

/// The behaviour of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Serve<'a> {
    Echo,
    /// The same as an operator runs it: with its status at this address, and with proxies.
    OperatedEcho(SocketAddr),
    /// Plays this file repeatedly.
    Play(&'a Path),
}

/// The process of a server. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Process,
    pub(crate) observed: ObservedProcess,
    pub(crate) addr: SocketAddr,
}

impl Program {
    /// Builds the program in release mode, or takes the one that `AUDIOSOCKET_PROGRAM` names.
    pub(crate) fn build() -> io::Result<Self> {
        if let Some(path) = env::var_os("AUDIOSOCKET_PROGRAM") {
            return Ok(Self::new(path.into()));
        }
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--release", "--package", "audiosocket-cli"])
            .args(["--features", "jemalloc,tls"])
            .arg("--message-format=json-render-diagnostics")
            .stderr(Stdio::inherit())
            .output()?;
        let messages = built.stdout.lines().map_while(Result::ok);
        let mut executables = messages.filter_map(|line| {
            let message: BuildMessage = serde_json::from_str(&line).ok()?;
            message.executable
        });
        let path = executables
            .next()
            .ok_or_else(|| io::Error::other("`cargo build` did not build `audiosocket`"))?;
        Ok(Self::new(path))
    }

    const fn new(path: PathBuf) -> Self {
        Self {
            path,
            real_time: false,
        }
    }

    /// Runs servers and callers at a real-time priority, if that is allowed. Otherwise most of a short latency is the
    /// time of other work on the machine.
    pub(crate) fn with_real_time_priority(mut self) -> Self {
        let tried = at_real_time("true").stderr(Stdio::null()).status();
        self.real_time = tried.is_ok_and(|status| status.success());
        if !self.real_time {
            eprintln!("no real-time priority: latency includes other work of the machine");
        }
        self
    }

    fn command(&self) -> Command {
        let mut command = match self.real_time {
            true => at_real_time(&self.path),
            false => Command::new(&self.path),
        };
        command.stdin(Stdio::null());
        command
    }

    /// Starts `audiosocket serve` on the server's core, and waits until it listens. The log goes to
    /// `log`. Without it, the server logs errors only, to standard error.
    pub(crate) fn serve(
        &self,
        what: Serve<'_>,
        runtime: Runtime,
        log: Option<File>,
        cores: &Cores,
    ) -> io::Result<Server> {
        let mut command = self.server(what, runtime);
        match log {
            Some(log) => Server::start(command, log, cores),
            None => {
                command.env("RUST_LOG", "error");
                Server::start(command, Stdio::inherit(), cores)
            }
        }
    }

    /// Returns the command that starts `audiosocket serve`.
    pub(crate) fn server(&self, what: Serve<'_>, runtime: Runtime) -> Command {
        let mut command = self.command();
        command.env_remove("RUST_LOG").arg("serve");
        match what {
            Serve::Echo => command.arg("echo"),
            Serve::OperatedEcho(status) => command
                .args(["echo", "--status-listen", &status.to_string()])
                // No peer is a proxy. So each connection is searched for a forged header.
                .args(["--proxy-protocol", "192.0.2.0/24"]),
            Serve::Play(prompt) => command.arg("play").arg(prompt).arg("--loop"),
        };
        command
            .args(["--listen", "127.0.0.1:0", "--drain", "0s"])
            .args(["--runtime", runtime.name()]);
        command
    }

    /// Starts a process of callers on the other core.
    pub(crate) fn spawn_callers(
        &self,
        server: &Server,
        callers: &Callers,
        cores: &Cores,
    ) -> io::Result<CallerProcess> {
        let mut command = self.command();
        command
            .args(["call", &server.addr.to_string()])
            .args(callers.args());
        let process = Process::builder(command)
            .ready_lines(0)
            .timeout(CALLERS_TIMEOUT)
            .start_with(|command| cores.on_load(|| command.spawn())?)?;
        Ok(CallerProcess(process))
    }

    /// Places calls from a process on the other core. The report may have failures.
    pub(crate) fn report(
        &self,
        server: &Server,
        callers: &Callers,
        cores: &Cores,
    ) -> io::Result<Report> {
        self.spawn_callers(server, callers, cores)?.report()
    }
}

impl Server {
    /// Starts a server on its core, and waits until it listens.
    pub(crate) fn start(
        command: Command,
        log: impl Into<Stdio>,
        cores: &Cores,
    ) -> io::Result<Self> {
        let process = Process::builder(command)
            .stderr(log)
            .start_with(|command| cores.on_server(|| command.spawn())?)?;
        Ok(Self {
            observed: ObservedProcess::find(process.id())?,
            addr: process.addr(),
            process,
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn usage(&self) -> io::Result<ProcessUsage> {
        self.observed.usage()
    }

    /// Waits until the process uses no more than `limit`, for up to `within`.
    pub(crate) fn at_rest(
        &self,
        limit: &ProcessUsage,
        within: Duration,
    ) -> io::Result<ProcessUsage> {
        let start = Instant::now();
        loop {
            let usage = self.usage()?;
            if usage.is_within(limit) || start.elapsed() >= within {
                return Ok(usage);
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Uses `chrt` of util-linux, which replaces itself with the program and keeps the process id.
fn at_real_time(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("chrt");
    command.args(["--fifo", "1"]).arg(program);
    command
}
