//! `espeak-ng`, a process for each text.

use std::error::Error;
use std::fmt;
use std::io::{self, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use audiosocket_media::{SampleRate, wav};
use rustix::process::{Pid, Signal, kill_process_group};

/// More than any text of ours sounds for, and a bound for what is held of one.
const LONGEST: Duration = Duration::from_secs(60);

/// A minute at the 22,050 Hz of espeak-ng, and then some.
const LARGEST: u64 = 4 << 20;

/// How much of what it complains of is told.
const COMPLAINT: u64 = 300;

/// Speaks `text`, in mono at `rate`. Blocks, but not for longer than `timeout`.
pub(super) fn speak(
    voice: &str,
    text: &str,
    rate: SampleRate,
    timeout: Duration,
) -> Result<Vec<i16>, SpeechError> {
    let mut wav = run(voice, text, timeout)?;
    close_header(&mut wav);
    wav::read(&wav[..], rate, LONGEST).map_err(SpeechError::Wav)
}

/// The WAV file that espeak-ng makes of `text`.
fn run(voice: &str, text: &str, timeout: Duration) -> Result<Vec<u8>, SpeechError> {
    let deadline = Instant::now() + timeout;
    let mut process = Process::start(voice).map_err(SpeechError::Start)?;
    let Some(output) = process.converse(text, deadline)? else {
        return Err(SpeechError::TimedOut(timeout));
    };
    let Some(status) = process.wait(deadline)? else {
        return Err(SpeechError::TimedOut(timeout));
    };
    if status.success() {
        Ok(output.wav)
    } else {
        Err(SpeechError::Failed(status, output.complaint))
    }
}

#[derive(Debug, Default)]
struct Output {
    wav: Vec<u8>,
    complaint: String,
}

/// espeak-ng as it runs. Should this be dropped before it has ended, it is killed with all it has
/// started.
#[derive(Debug)]
struct Process {
    child: Child,
    ended: bool,
}

impl Process {
    fn start(voice: &str) -> io::Result<Self> {
        let child = Command::new("espeak-ng")
            .args(["-v", voice, "--stdin", "--stdout"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let ended = false;
        Ok(Self { child, ended })
    }

    /// Tells it the text, and gives its output if that ends in time. On a thread, since a read has
    /// no time-out: it ends when the last process does that holds the pipe.
    fn converse(&mut self, text: &str, deadline: Instant) -> Result<Option<Output>, SpeechError> {
        let child = &mut self.child;
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Ok(None);
        };
        let text = text.to_owned();
        let (sender, output) = mpsc::sync_channel(1);
        let thread = thread::Builder::new().name("espeak-ng".to_owned());
        let reading = thread.spawn(move || {
            // What goes wrong with the pipes shows in the exit status and in the WAV file.
            let _ = stdin.write_all(text.as_bytes());
            drop(stdin);
            let mut output = Output::default();
            let _ = stdout.take(LARGEST).read_to_end(&mut output.wav);
            let mut complaint = Vec::new();
            let _ = stderr.take(COMPLAINT).read_to_end(&mut complaint);
            output.complaint = String::from_utf8_lossy(complaint.trim_ascii()).into_owned();
            let _ = sender.send(output);
        });
        reading.map_err(SpeechError::Start)?;
        let patience = deadline.saturating_duration_since(Instant::now());
        Ok(output.recv_timeout(patience).ok())
    }

    /// Waits until it has ended, but not for longer than until the deadline.
    fn wait(&mut self, deadline: Instant) -> Result<Option<ExitStatus>, SpeechError> {
        loop {
            let status = self.child.try_wait().map_err(SpeechError::Start)?;
            self.ended = status.is_some();
            if self.ended || Instant::now() >= deadline {
                return Ok(status);
            }
            // Its output has ended, so that it will have ended in a moment.
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Once it has been waited for, the id of its group may be another's.
        if !self.ended {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Writes the lengths into the header that espeak-ng leaves open since it writes to a pipe.
fn close_header(wav: &mut [u8]) {
    const HEADER: usize = 44;
    if wav.len() < HEADER || &wav[36..40] != b"data" {
        return;
    }
    let len = wav.len() as u32;
    wav[4..8].copy_from_slice(&(len - 8).to_le_bytes());
    wav[40..HEADER].copy_from_slice(&(len - HEADER as u32).to_le_bytes());
}

/// Why a text was not spoken.
#[derive(Debug)]
pub(super) enum SpeechError {
    /// There is no such program, or it cannot be run.
    Start(io::Error),
    /// It ended with this, and complained.
    Failed(ExitStatus, String),
    TimedOut(Duration),
    /// What it wrote is no WAV file.
    Wav(wav::ReadError),
    /// It said nothing.
    Nothing,
    /// Too many texts waited before this one.
    Busy,
}

impl fmt::Display for SpeechError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) if error.kind() == io::ErrorKind::NotFound => f.write_str(
                "espeak-ng is not installed, or not in PATH (on Debian: apt install espeak-ng)",
            ),
            Self::Start(error) => write!(f, "espeak-ng cannot be run: {error}"),
            Self::Failed(status, complaint) => {
                write!(f, "espeak-ng failed, {status}: {complaint:?}")
            }
            Self::TimedOut(timeout) => write!(f, "espeak-ng took longer than {timeout:?}"),
            Self::Wav(error) => write!(f, "espeak-ng wrote no audio: {error}"),
            Self::Nothing => f.write_str("espeak-ng said nothing"),
            Self::Busy => f.write_str("too many texts wait for espeak-ng"),
        }
    }
}

impl Error for SpeechError {}
