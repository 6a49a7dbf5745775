use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_testing::load::Report;
use audiosocket_testing::usage::{ObservedProcess, ProcessUsage};
use serde::Deserialize;

use crate::callers::{CallerProcess, Callers};
use crate::cores::Cores;
use crate::runtime::Runtime;

/// The program `audiosocket`, as users run it.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
    real_time: bool,
}

/// A message of `cargo build`, of which only this is read.
#[derive(Deserialize)]
struct BuildMessage {
    executable: Option<PathBuf>,
}

/// What a server does for its callers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Serve<'a> {
    Echo,
    /// Plays this file again and again.
    Play(&'a Path),
}

/// A server's process, until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    process: ObservedProcess,
    pub(crate) addr: String,
}

impl Program {
    /// Builds it, optimised; or takes the one that `AUDIOSOCKET_PROGRAM` names.
    pub(crate) fn build() -> io::Result<Self> {
        if let Some(path) = env::var_os("AUDIOSOCKET_PROGRAM") {
            return Ok(Self::new(path.into()));
        }
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--release", "--package", "audiosocket-cli"])
            .args(["--features", "jemalloc"])
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
            .ok_or_else(|| io::Error::other("`audiosocket` cannot be built"))?;
        Ok(Self::new(path))
    }

    const fn new(path: PathBuf) -> Self {
        Self {
            path,
            real_time: false,
        }
    }

    /// Runs servers and callers at a real-time priority, where that is allowed. Otherwise, most of
    /// short times would be housekeeping of the machine.
    pub(crate) fn with_real_time_priority(mut self) -> Self {
        let tried = at_real_time("true").stderr(Stdio::null()).status();
        self.real_time = tried.is_ok_and(|status| status.success());
        if !self.real_time {
            eprintln!("no real-time priority: latency includes all other work of the machine");
        }
        self
    }

    fn command(&self, path: &Path) -> Command {
        if self.real_time {
            at_real_time(path)
        } else {
            Command::new(path)
        }
    }

    /// Starts `audiosocket serve` on one core, and waits until it listens. What it logs by default
    /// goes to `log`; without it, errors alone are logged, and shown.
    pub(crate) fn serve(
        &self,
        what: Serve<'_>,
        runtime: Runtime,
        log: Option<File>,
        cores: &Cores,
    ) -> io::Result<Server> {
        let mut command = self.server(what, runtime);
        match log {
            Some(log) => command.env_remove("RUST_LOG").stderr(log),
            None => command.env("RUST_LOG", "error"),
        };
        Server::start(command, cores)
    }

    /// What starts `audiosocket serve`.
    pub(crate) fn server(&self, what: Serve<'_>, runtime: Runtime) -> Command {
        let mut command = self.command(&self.path);
        command.arg("serve");
        match what {
            Serve::Echo => command.arg("echo"),
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
        let command = self.command(&env::current_exe()?);
        callers.spawn(&server.addr, command, cores)
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
    /// Starts a server on one core, and waits until it listens.
    pub(crate) fn start(mut command: Command, cores: &Cores) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = cores.on_server(|| command.spawn())??;
        let stdout = child.stdout.take();
        let process = ObservedProcess::find(child.id()).inspect_err(|_| {
            let _ = child.kill();
            let _ = child.wait();
        })?;
        // From here on, an error stops it.
        let mut server = Self {
            child,
            process,
            addr: String::new(),
        };
        let mut line = String::new();
        if let Some(stdout) = stdout {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let addr = line
            .trim()
            .strip_prefix("listening on ")
            .ok_or_else(|| io::Error::other(format!("{command:?} does not listen")))?;
        addr.clone_into(&mut server.addr);
        Ok(server)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn cpu_time(&self) -> io::Result<Duration> {
        self.process.cpu_time()
    }

    pub(crate) fn usage(&self) -> io::Result<ProcessUsage> {
        self.process.usage()
    }

    /// Waits until the process uses no more than `limit`, and no longer than `within`.
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

    pub(crate) fn peak_resident_bytes(&self) -> io::Result<u64> {
        self.process.peak_resident_bytes()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Uses `chrt` of util-linux, which becomes the program and keeps the process id.
fn at_real_time(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("chrt");
    command.args(["--fifo", "1"]).arg(program);
    command
}
