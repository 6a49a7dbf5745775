//! The running Asterisk: its console, its calls and its log. Each test uses it.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::wait_for;

/// The directory of Asterisk's files inside its root.
const INSIDE: &str = "srv/interop";

/// Asterisk's warning when the *caller* of an `AudioSocket()` hangs up.
pub const CALLER_HUNG_UP: &str = "Failed to receive frame from channel";

/// Asterisk's warning when audio from the server reaches an `AudioSocket()` whose caller hangs up at the
/// same time. The server cannot avoid it.
pub const ECHO_CAME_LATE: &str = "Failed to forward frame from AudioSocket server";

/// The running Asterisk. One test at a time uses it, because its log mixes the calls of all tests.
#[derive(Debug)]
pub struct Asterisk {
    root: PathBuf,
    log_start: u64,
    _only_one: MutexGuard<'static, ()>,
}

impl Asterisk {
    /// Takes the Asterisk that `interop/run` started. Ends its calls, and skips its log so far.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn take() -> Self {
        static ONLY_ONE: Mutex<()> = Mutex::new(());
        // A failed test poisons the lock. The other tests still run.
        let only_one = ONLY_ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let root = std::env::var_os("AUDIOSOCKET_ASTERISK_ROOT")
            .expect("AUDIOSOCKET_ASTERISK_ROOT is not set: run the tests with interop/run");
        let mut asterisk = Self {
            root: root.into(),
            log_start: 0,
            _only_one: only_one,
        };
        asterisk.rx("channel request hangup all");
        asterisk.wait_until_idle();
        asterisk.log_start = fs::metadata(asterisk.log_file())
            .expect("Asterisk's log")
            .len();
        asterisk
    }

    /// Runs a console command and returns its output.
    ///
    /// # Panics
    /// If Asterisk does not run.
    pub fn rx(&self, command: &str) -> String {
        let output = Command::new("chroot")
            .arg(&self.root)
            .args([
                "asterisk",
                "-C",
                &format!("/{INSIDE}/etc/asterisk.conf"),
                "-rx",
                command,
            ])
            .stdin(Stdio::null())
            .output()
            .expect("chroot can be run");
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "asterisk -rx '{command}': {answer}"
        );
        answer
    }

    /// Calls `channel`, and connects it to the extension `there` when it answers.
    pub fn call(&self, channel: &str, there: &str) {
        let answer = self.rx(&format!("channel originate {channel} extension {there}"));
        assert!(answer.trim().is_empty(), "originate: {answer}");
    }

    /// Waits until there is no call.
    pub fn wait_until_idle(&self) {
        wait_for("Asterisk to end all calls", || {
            self.rx("core show channels count")
                .contains("0 active channels")
                .then_some(())
        });
    }

    /// Returns the path of the file that Asterisk has as `audio/name` in its directory.
    #[must_use]
    pub fn audio_file(&self, name: &str) -> PathBuf {
        self.directory().join("audio").join(name)
    }

    /// Returns the log since [`take`](Self::take).
    #[must_use]
    pub fn log(&self) -> String {
        let mut file = File::open(self.log_file()).expect("Asterisk's log");
        file.seek(SeekFrom::Start(self.log_start))
            .expect("Asterisk's log seeks");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("Asterisk's log reads");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits for a line of the log with `text`.
    pub fn wait_for_log(&self, text: &str) {
        wait_for(&format!("Asterisk to log '{text}'"), || {
            self.log().contains(text).then_some(())
        });
    }

    /// Checks that the log has no warning and no error, except for lines with one of the `expected`
    /// texts.
    ///
    /// # Panics
    /// If the log has another warning or error.
    pub fn assert_no_complaints(&self, expected: &[&str]) {
        let log = self.log();
        let complaints: Vec<_> = log
            .lines()
            .filter(|line| line.contains("] WARNING[") || line.contains("] ERROR["))
            .filter(|line| !expected.iter().any(|text| line.contains(text)))
            .collect();
        assert!(
            complaints.is_empty(),
            "Asterisk logged warnings or errors:\n{}",
            complaints[..complaints.len().min(20)].join("\n")
        );
    }

    fn directory(&self) -> PathBuf {
        self.root.join(INSIDE)
    }

    fn log_file(&self) -> PathBuf {
        self.directory().join("log/full")
    }
}

impl Drop for Asterisk {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log
                .lines()
                .filter(|line| !line.contains("] VERBOSE["))
                .collect();
            let file = self.log_file();
            eprintln!(
                "--- Asterisk's log (complete in {})\n{}\n---",
                file.display(),
                lines.join("\n")
            );
        }
    }
}

/// Removes a file of an earlier test, if there is one.
pub fn remove_if_there(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        assert_eq!(
            error.kind(),
            std::io::ErrorKind::NotFound,
            "{}: {error}",
            path.display()
        );
    }
}
