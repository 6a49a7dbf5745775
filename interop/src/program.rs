//! The server under test: `audiosocket serve`, a process of its own.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use uuid::Uuid;

use crate::wait_for;

/// A running server on a port of its own.
#[derive(Debug)]
pub struct Server {
    child: Child,
    port: u16,
    log: Arc<Mutex<Vec<String>>>,
    log_reader: Option<JoinHandle<()>>,
}

/// What the server's log says of a call that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndedCall {
    /// The call.
    pub uuid: Uuid,
    /// Audio frames from Asterisk.
    pub frames_in: u64,
    /// Audio frames to Asterisk.
    pub frames_out: u64,
    /// How many of them were silence, for want of anything else.
    pub silence: u64,
    /// Audio frames that Asterisk was too slow for.
    pub dropped: u64,
    /// What went wrong.
    pub exceptions: u64,
}

impl EndedCall {
    /// Fails unless each frame was answered by one, silence aside, and nothing went wrong.
    ///
    /// # Panics
    /// That is what it is for.
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
    /// When it does not listen.
    #[must_use]
    pub fn echo() -> Self {
        Self::start(["echo".as_ref()])
    }

    /// Starts `serve echo` with `options`.
    ///
    /// # Panics
    /// When it does not listen.
    #[must_use]
    pub fn echo_with(options: &[&str]) -> Self {
        let options = options.iter().map(OsStr::new);
        Self::start(["echo".as_ref()].into_iter().chain(options))
    }

    /// Starts `serve play` with `options` and `file`.
    ///
    /// # Panics
    /// When it does not listen.
    #[must_use]
    pub fn play(options: &[&str], file: &Path) -> Self {
        let options = options.iter().map(OsStr::new);
        Self::start(
            ["play".as_ref()]
                .into_iter()
                .chain(options)
                .chain([file.as_os_str()]),
        )
    }

    /// Starts the program that `AUDIOSOCKET_PROGRAM` names and returns when it listens.
    fn start<'a>(what: impl IntoIterator<Item = &'a OsStr>) -> Self {
        let mut child = Command::new(program())
            .arg("serve")
            .args(what)
            .args(["--listen", "127.0.0.1:0", "--runtime", &crate::runtime()])
            .env("RUST_LOG", "info")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("its output"));
        let stderr = BufReader::new(child.stderr.take().expect("its log"));
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        let log_reader = std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                lines
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            }
        });
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line on its output");
        let port = line
            .trim_end()
            .strip_prefix("listening on 127.0.0.1:")
            .and_then(|port| port.parse().ok())
            .unwrap_or_else(|| panic!("expected `listening on 127.0.0.1:PORT`, got {line:?}"));
        Self {
            child,
            port,
            log,
            log_reader: Some(log_reader),
        }
    }

    /// The port to send Asterisk to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns when the server's log says that the call began.
    pub fn wait_for_call(&self, uuid: Uuid) {
        let uuid = uuid.to_string();
        wait_for(&format!("the server to log call {uuid}"), || {
            self.log()
                .iter()
                .any(|line| line.contains(&uuid))
                .then_some(())
        });
    }

    /// Returns when the server's log says that the call ended.
    pub fn wait_for_end(&self, uuid: Uuid) -> EndedCall {
        wait_for(&format!("the server to log the end of call {uuid}"), || {
            self.ended_calls()
                .into_iter()
                .find(|call| call.uuid == uuid)
        })
    }

    /// The calls that are over.
    #[must_use]
    pub fn ended_calls(&self) -> Vec<EndedCall> {
        self.log()
            .iter()
            .filter_map(|line| ended_call(line))
            .collect()
    }

    /// Asks the server to end, as a service manager does.
    ///
    /// # Panics
    /// When it does not end.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal();
        wait_for("the server to end after SIGTERM", || {
            self.child.try_wait().expect("its status")
        })
    }

    /// Sends the server SIGTERM.
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&self) {
        signal(&self.child, "TERM");
    }

    /// How many descriptors and how many threads the server has.
    ///
    /// # Panics
    /// When it is gone.
    #[must_use]
    pub fn resources(&self) -> (usize, usize) {
        let count = |directory| {
            let path = format!("/proc/{}/{directory}", self.child.id());
            std::fs::read_dir(path).expect("the server runs").count()
        };
        (count("fd"), count("task"))
    }

    /// The lines of its log so far.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Callers by the program itself: `audiosocket call`.
#[derive(Debug)]
pub struct Callers {
    child: Child,
}

impl Callers {
    /// `count` of them call `server`, 100 a second, talk until the server hangs up, and want an echo.
    ///
    /// # Panics
    /// When they cannot be started.
    #[must_use]
    pub fn call(server: &Server, count: usize) -> Self {
        let child = Command::new(program())
            .args(["call", &format!("127.0.0.1:{}", server.port), "--json"])
            .args(["--calls", &count.to_string(), "--calls-per-second", "100"])
            .args(["--duration", "10m", "--expect", "any"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        Self { child }
    }

    /// Has them all hang up at once, as Asterisk does: they close.
    ///
    /// # Panics
    /// When they are gone already.
    pub fn hang_up(&self) {
        signal(&self.child, "INT");
    }

    /// What they report when all calls are over.
    ///
    /// # Panics
    /// When they report nothing.
    #[must_use]
    pub fn report(self) -> serde_json::Value {
        let output = self.child.wait_with_output().expect("their report");
        serde_json::from_slice(&output.stdout).expect("a report in JSON")
    }
}

fn program() -> std::ffi::OsString {
    std::env::var_os("AUDIOSOCKET_PROGRAM")
        .expect("AUDIOSOCKET_PROGRAM is not set: run the tests with interop/run")
}

fn signal(child: &Child, name: &str) {
    let kill = format!("kill -{name} {}", child.id());
    let status = Command::new("sh").args(["-c", &kill]).status();
    assert!(status.expect("sh runs").success(), "{kill}");
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.log_reader.take() {
            let _ = reader.join();
        }
        if std::thread::panicking() {
            eprintln!("--- the server's log\n{}\n---", self.log().join("\n"));
        }
    }
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
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_call_is_taken_for_one() {
        let uuid = "40325ec2-5efd-4bd3-805f-53576e581d13";
        let end = format!(
            "INFO call ended uuid={uuid} peer=127.0.0.1:1 end=closed by the peer seconds=1.5 \
             frames_in=75 frames_out=77 silence=3 dropped=1 exceptions=0"
        );
        let call = EndedCall {
            uuid: uuid.parse().unwrap(),
            frames_in: 75,
            frames_out: 77,
            silence: 3,
            dropped: 1,
            exceptions: 0,
        };
        assert_eq!(ended_call(&end), Some(call));
        assert_eq!(
            ended_call(&format!("INFO call started uuid={uuid} peer=127.0.0.1:1")),
            None
        );
    }
}
