use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cores::Cores;
use crate::process::{self, Usage};
use crate::runtime::Runtime;

/// The program `audiosocket`, as users run it.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
    before_all_else: bool,
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
    pub(crate) addr: String,
}

impl Program {
    /// Builds it, optimised; or takes the one that `AUDIOSOCKET_PROGRAM` names.
    pub(crate) fn build() -> io::Result<Self> {
        if let Some(path) = std::env::var_os("AUDIOSOCKET_PROGRAM") {
            return Ok(Self::new(path.into()));
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--release", "--package", "audiosocket-cli"])
            .args(["--features", "jemalloc"])
            .arg("--message-format=json-render-diagnostics")
            .stderr(Stdio::inherit())
            .output()?;
        let messages = built.stdout.lines().map_while(Result::ok);
        let mut executables = messages.filter_map(|line| {
            let message: Value = serde_json::from_str(&line).ok()?;
            message["executable"].as_str().map(PathBuf::from)
        });
        let path = executables
            .next()
            .ok_or_else(|| io::Error::other("`audiosocket` cannot be built"))?;
        Ok(Self::new(path))
    }

    const fn new(path: PathBuf) -> Self {
        Self {
            path,
            before_all_else: false,
        }
    }

    /// Runs it at a real-time priority, where that is allowed: for times so short that a machine's
    /// housekeeping would be most of them.
    pub(crate) fn before_all_else(mut self) -> Self {
        let tried = at_real_time("true").stderr(Stdio::null()).status();
        self.before_all_else = tried.is_ok_and(|status| status.success());
        if !self.before_all_else {
            eprintln!(
                "no real-time priority: latency is that of all else that the machine does too"
            );
        }
        self
    }

    fn command(&self) -> Command {
        if self.before_all_else {
            at_real_time(&self.path)
        } else {
            Command::new(&self.path)
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
        let mut command = self.command();
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

    /// Places calls to a server that plays, all of which have to be good, and returns the report.
    pub(crate) fn call(
        &self,
        server: &Server,
        calls: usize,
        seconds: u64,
        rate: Option<u32>,
        cores: &Cores,
    ) -> io::Result<Value> {
        let mut args = vec![
            "--expect".to_owned(),
            "any".to_owned(),
            format!("--calls={calls}"),
            format!("--duration={seconds}s"),
        ];
        args.extend(rate.map(|rate| format!("--rate={rate}")));
        let report = self.report(server, &args, cores)?;
        if report["ok"] != true {
            return Err(io::Error::other(format!("calls failed: {report}")));
        }
        Ok(report)
    }

    /// Places calls from the other core, and returns the report, good or not.
    pub(crate) fn report(
        &self,
        server: &Server,
        args: &[String],
        cores: &Cores,
    ) -> io::Result<Value> {
        let output = self.spawn_call(server, args, cores)?.wait_with_output()?;
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// The same, without waiting for it.
    pub(crate) fn spawn_call(
        &self,
        server: &Server,
        args: &[String],
        cores: &Cores,
    ) -> io::Result<Child> {
        let mut command = self.command();
        command
            .args(["call", &server.addr, "--json"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        cores.on_load(|| command.spawn())?
    }
}

impl Server {
    /// Starts whatever server that is on one core, and waits until it says that it listens.
    pub(crate) fn start(mut command: Command, cores: &Cores) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = cores.on_server(|| command.spawn())??;
        let stdout = child.stdout.take();
        // From here on it is stopped, whatever happens.
        let mut server = Self {
            child,
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

    pub(crate) fn usage(&self) -> io::Result<Usage> {
        Usage::of(self.child.id())
    }

    /// What the process has as soon as it has no more descriptors and threads than `most`, and no more
    /// memory, or else when so much time is over.
    pub(crate) fn at_rest(&self, most: Usage, within: Duration) -> io::Result<Usage> {
        let start = Instant::now();
        loop {
            let usage = self.usage()?;
            if usage.is_within(most) || start.elapsed() >= within {
                return Ok(usage);
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// The most that was ever resident, in bytes.
    pub(crate) fn most_resident(&self) -> io::Result<u64> {
        process::most_resident(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// By a tool of util-linux, which becomes the program, with the same number.
fn at_real_time(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("chrt");
    command.args(["--fifo", "1"]).arg(program);
    command
}
