//! The processes under test: `audiosocket serve` and `audiosocket call`.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

#[cfg(target_os = "linux")]
use audiosocket_network_faults::{FAR, Line};
use audiosocket_testing::process::{OutputStream, Process, Signal};
use audiosocket_testing::usage::ObservedProcess;
use uuid::Uuid;

use crate::{PATIENCE, wait_for};

/// A running server.
#[derive(Debug)]
pub struct Server {
    process: Process,
}

/// The log line of an ended call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndedCall {
    /// The call.
    pub uuid: Uuid,
    /// Audio frames from Asterisk.
    pub frames_in: u64,
    /// Audio frames to Asterisk.
    pub frames_out: u64,
    /// The part of `frames_out` that was silence.
    pub silence: u64,
    /// Audio frames that were dropped because Asterisk did not read.
    pub dropped: u64,
    /// The number of exceptions.
    pub exceptions: u64,
    /// Frames of played audio that left late. 0 for a server that plays nothing.
    pub late: u64,
    /// TCP segments that the kernel sent again. `None` if it did not count them.
    pub retransmissions: Option<u32>,
}

impl EndedCall {
    /// Checks that each frame was answered by one frame, and that no frame was dropped.
    ///
    /// # Panics
    /// If that is not so, or if there was an exception.
    pub fn assert_lossless(&self) {
        let lost_or_wrong = (self.dropped, self.exceptions);
        assert!(
            self.frames_in + self.silence == self.frames_out && lost_or_wrong == (0, 0),
            "{self:?}"
        );
    }
}

impl Server {
    /// Starts `serve echo`.
    ///
    /// # Panics
    /// If it does not listen.
    #[must_use]
    pub fn echo() -> Self {
        Self::start(["echo".as_ref()])
    }

    /// Starts `serve echo` with `options`.
    ///
    /// # Panics
    /// If it does not listen.
    #[must_use]
    pub fn echo_with(options: &[&str]) -> Self {
        Self::echo_on("127.0.0.1:0", Command::new(program()), options)
    }

    /// Starts `serve echo` with `options` on 127.0.0.2 and this port: a second server for the name of the first one.
    ///
    /// # Panics
    /// If it does not listen.
    #[must_use]
    pub fn second_echo(port: u16, options: &[&str]) -> Self {
        let addr = format!("127.0.0.2:{port}");
        Self::echo_on(&addr, Command::new(program()), options)
    }

    /// Starts `serve echo` with `options` on `addr`.
    ///
    /// # Panics
    /// If it does not listen.
    #[must_use]
    pub fn echo_at(addr: &str, options: &[&str]) -> Self {
        Self::echo_on(addr, Command::new(program()), options)
    }

    /// Starts `serve echo` with `options` and 40 descriptors.
    ///
    /// # Panics
    /// If it does not listen.
    #[must_use]
    pub fn echo_with_few_descriptors(options: &[&str]) -> Self {
        let mut limited = Command::new("prlimit");
        limited.arg("--nofile=40").arg(program());
        Self::echo_on("127.0.0.1:0", limited, options)
    }

    fn echo_on(addr: &str, program: Command, options: &[&str]) -> Self {
        let options = options.iter().map(OsStr::new);
        Self::run(program, addr, ["echo".as_ref()].into_iter().chain(options))
    }

    /// Starts `serve play` with `options` and `file`.
    ///
    /// # Panics
    /// If it does not listen.
    #[must_use]
    pub fn play(options: &[&str], file: &Path) -> Self {
        Self::start(play(options, file))
    }

    /// Starts `serve play` with `options` and `file` at the far end of `line`.
    ///
    /// # Panics
    /// If it does not listen.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn play_beyond(line: &Line, options: &[&str], file: &Path) -> Self {
        let program = line.far.within(&Command::new(program()));
        Self::run(program, &format!("{FAR}:0"), play(options, file))
    }

    /// Starts `serve bot` with `options`. Its log has each key. A stand-in speaks its texts.
    ///
    /// # Panics
    /// If it does not listen.
    #[must_use]
    pub fn bot(options: &[&str]) -> Self {
        let stand_ins = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../audiosocket-cli/tests/stand-ins"
        );
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program());
        command
            .env("PATH", format!("{stand_ins}:{path}"))
            .env("RUST_LOG", "info,audiosocket::serve=debug");
        let options = options.iter().map(OsStr::new);
        let what = ["bot".as_ref()].into_iter().chain(options);
        Self::run(command, "127.0.0.1:0", what)
    }

    /// Starts the program that `AUDIOSOCKET_PROGRAM` names and returns when it listens.
    fn start<'a>(what: impl IntoIterator<Item = &'a OsStr>) -> Self {
        Self::run(Command::new(program()), "127.0.0.1:0", what)
    }

    fn run<'a>(
        mut command: Command,
        addr: &str,
        what: impl IntoIterator<Item = &'a OsStr>,
    ) -> Self {
        if command.get_envs().all(|(name, _)| name != "RUST_LOG") {
            command.env("RUST_LOG", "info");
        }
        command
            .arg("serve")
            .args(what)
            .args(["--listen", addr, "--runtime", &crate::runtime()])
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        let process = Process::builder(command).timeout(PATIENCE).start();
        Self {
            process: process.expect("the server listens"),
        }
    }

    /// Returns the port that Asterisk connects to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.process.addr().port()
    }

    /// Waits until the log has the start of the call.
    pub fn wait_for_call(&self, uuid: Uuid) {
        let uuid = uuid.to_string();
        wait_for(&format!("the server to log call {uuid}"), || {
            self.log()
                .iter()
                .any(|line| line.contains(&uuid))
                .then_some(())
        });
    }

    /// Waits until the log has the end of the call.
    pub fn wait_for_end(&self, uuid: Uuid) -> EndedCall {
        wait_for(&format!("the server to log the end of call {uuid}"), || {
            self.ended_calls()
                .into_iter()
                .find(|call| call.uuid == uuid)
        })
    }

    /// Returns the ended calls.
    #[must_use]
    pub fn ended_calls(&self) -> Vec<EndedCall> {
        self.log()
            .iter()
            .filter_map(|line| ended_call(line))
            .collect()
    }

    /// Sends the server SIGTERM, as a service manager does, and waits until it has ended.
    ///
    /// # Panics
    /// If it does not end.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal();
        self.wait()
    }

    /// Waits until the server has ended.
    ///
    /// # Panics
    /// If it does not end.
    pub fn wait(&mut self) -> ExitStatus {
        let output = self.process.wait();
        output.expect("the server ends").status
    }

    /// Sends the server SIGTERM.
    ///
    /// # Panics
    /// If it has ended.
    pub fn signal(&self) {
        self.process.signal(Signal::TERM).expect("the server runs");
    }

    /// Kills the server.
    ///
    /// # Panics
    /// If it has ended.
    pub fn kill(&mut self) {
        self.process.signal(Signal::KILL).expect("the server runs");
        let _ = self.process.wait();
    }

    /// Waits until the log has a line with `part`.
    pub fn wait_for_log(&self, part: &str) {
        wait_for(&format!("the server to log '{part}'"), || {
            self.log()
                .iter()
                .any(|line| line.contains(part))
                .then_some(())
        });
    }

    /// Returns the number of descriptors and of threads of the server.
    ///
    /// # Panics
    /// If it has ended.
    #[must_use]
    pub fn resources(&self) -> (usize, usize) {
        let observed = ObservedProcess::find(self.process.id());
        let usage = observed.and_then(|process| process.usage());
        let usage = usage.expect("the server runs");
        (usage.descriptors as usize, usage.threads as usize)
    }

    /// Returns the lines of its log so far.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.process.lines(OutputStream::Stderr)
    }
}

/// Callers: `audiosocket call`.
#[derive(Debug)]
pub struct Callers {
    process: Process,
}

impl Callers {
    /// Starts `count` callers of `server`, 100 per second. They send audio until the server hangs up.
    ///
    /// # Panics
    /// If they cannot be started.
    #[must_use]
    pub fn call(server: &Server, count: usize) -> Self {
        Self::timed(server.port(), count, "100", "10m")
    }

    /// Starts `count` callers of a port of 127.0.0.1, with this many new calls per second and this duration of a call.
    ///
    /// # Panics
    /// If they cannot be started.
    #[must_use]
    pub fn timed(port: u16, count: usize, per_second: &str, duration: &str) -> Self {
        let mut command = Command::new(program());
        command
            .args(["call", &format!("127.0.0.1:{port}"), "--json"])
            .args(["--calls", &count.to_string()])
            .args(["--calls-per-second", per_second, "--duration", duration])
            .args(["--expect", "any", "--audio", "noise"])
            .stdin(Stdio::null());
        let process = Process::builder(command)
            .ready_lines(0)
            .timeout(Duration::from_secs(11 * 60))
            .start();
        Self {
            process: process.expect("the program starts"),
        }
    }

    /// Makes all callers hang up, as Asterisk does: they close their connections.
    ///
    /// # Panics
    /// If they have ended.
    pub fn hang_up(&self) {
        self.process.signal(Signal::INT).expect("the callers run");
    }

    /// Waits until all calls have ended, and returns the report.
    ///
    /// # Panics
    /// If there is no report.
    #[must_use]
    pub fn report(mut self) -> serde_json::Value {
        let output = self.process.wait().expect("the callers end");
        serde_json::from_str(&output.stdout).expect("a report in JSON")
    }
}

/// The arguments of `serve play`.
fn play<'a>(options: &'a [&str], file: &'a Path) -> impl Iterator<Item = &'a OsStr> {
    let options = options.iter().map(OsStr::new);
    ["play".as_ref()]
        .into_iter()
        .chain(options)
        .chain([file.as_os_str()])
}

fn program() -> OsString {
    std::env::var_os("AUDIOSOCKET_PROGRAM")
        .expect("AUDIOSOCKET_PROGRAM is not set: run the tests with interop/run")
}

fn ended_call(line: &str) -> Option<EndedCall> {
    let field = |name: &str| {
        line.split_whitespace()
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    };
    Some(EndedCall {
        uuid: field("uuid")?.parse().ok()?,
        frames_in: field("frames_in")?.parse().ok()?,
        frames_out: field("frames_out")?.parse().ok()?,
        silence: field("silence")?.parse().ok()?,
        dropped: field("dropped")?.parse().ok()?,
        exceptions: field("exceptions")?.parse().ok()?,
        late: field("late").map_or(Some(0), |count| count.parse().ok())?,
        retransmissions: field("retransmissions").and_then(|count| count.parse().ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_line_of_an_ended_call_is_parsed() {
        let uuid = "40325ec2-5efd-4bd3-805f-53576e581d13";
        let end = format!(
            "INFO call ended uuid={uuid} peer=127.0.0.1:1 end=closed by the peer seconds=1.5 \
             frames_in=75 frames_out=77 silence=3 retransmissions=2 dropped=1 exceptions=0 late=4"
        );
        let call = EndedCall {
            uuid: uuid.parse().unwrap(),
            frames_in: 75,
            frames_out: 77,
            silence: 3,
            dropped: 1,
            exceptions: 0,
            late: 4,
            retransmissions: Some(2),
        };
        assert_eq!(ended_call(&end), Some(call));
        assert_eq!(
            ended_call(&format!("INFO call started uuid={uuid} peer=127.0.0.1:1")),
            None
        );
    }
}
