//! The running Asterisk: its console, its calls, its log.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::wait_for;

/// Where `interop/asterisk` lays out Asterisk's files, as Asterisk sees it.
const INSIDE: &str = "srv/interop";

/// What Asterisk warns of whenever the *caller* of an `AudioSocket()` hangs up.
pub const CALLER_HUNG_UP: &str = "Failed to receive frame from channel";

/// What Asterisk warns of when audio or silence from the server reaches an `AudioSocket()` whose caller is just
/// hanging up; it is no fault of the server, which cannot know yet.
pub const ECHO_CAME_LATE: &str = "Failed to forward frame from AudioSocket server";

/// The one Asterisk, for one test at a time: calls of two tests at once would
/// not be told apart in its log.
#[derive(Debug)]
pub struct Asterisk {
    root: PathBuf,
    log_start: u64,
    _only_one: MutexGuard<'static, ()>,
}

impl Asterisk {
    /// Takes the Asterisk that `interop/run` started, free of calls, and
    /// forgets what its log says so far.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn take() -> Self {
        static ONLY_ONE: Mutex<()> = Mutex::new(());
        // A test that failed has poisoned the lock, which is no reason to fail the rest.
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

    /// Runs a console command and returns what it printed.
    ///
    /// # Panics
    /// When Asterisk is not there to answer.
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

    /// Calls `channel`; when it answers, it meets extension `there` of the context `caller` or `audiosocket`.
    pub fn call(&self, channel: &str, there: &str) {
        let answer = self.rx(&format!("channel originate {channel} extension {there}"));
        assert!(answer.trim().is_empty(), "originate: {answer}");
    }

    /// Returns when no call is left.
    pub fn wait_until_idle(&self) {
        wait_for("Asterisk to end all calls", || {
            self.rx("core show channels count")
                .contains("0 active channels")
                .then_some(())
        });
    }

    /// Where a file is that Asterisk knows as `audio/name` of its own directory.
    #[must_use]
    pub fn audio_file(&self, name: &str) -> PathBuf {
        self.directory().join("audio").join(name)
    }

    /// The log since [`take`](Self::take).
    #[must_use]
    pub fn log(&self) -> String {
        let mut file = File::open(self.log_file()).expect("Asterisk's log");
        file.seek(SeekFrom::Start(self.log_start))
            .expect("Asterisk's log seeks");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("Asterisk's log reads");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Returns when a line of the log contains `text`.
    pub fn wait_for_log(&self, text: &str) {
        wait_for(&format!("Asterisk to log '{text}'"), || {
            self.log().contains(text).then_some(())
        });
    }

    /// Fails if the log has a warning or an error, other than those that
    /// contain one of the `expected` texts.
    ///
    /// # Panics
    /// That is what it is for.
    pub fn assert_no_complaints(&self, expected: &[&str]) {
        let log = self.log();
        let complaints: Vec<_> = log
            .lines()
            .filter(|line| line.contains("] WARNING[") || line.contains("] ERROR["))
            .filter(|line| !expected.iter().any(|text| line.contains(text)))
            .collect();
        assert!(
            complaints.is_empty(),
            "Asterisk complains:\n{}",
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
                "--- Asterisk's log (all of it: {})\n{}\n---",
                file.display(),
                lines.join("\n")
            );
        }
    }
}

/// What is removed so that an earlier test's recording is not taken for this one's.
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
