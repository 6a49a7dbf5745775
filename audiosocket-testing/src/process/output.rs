use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read};
use std::process::ExitStatus;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// The maximum number of bytes of kept lines, of both streams together.
const MAX_KEPT: usize = 16 << 20;

/// The maximum length of a line in bytes. A longer line is cut into several lines.
const MAX_LINE: u64 = 1 << 20;

/// An output stream of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a program has these two")]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// The status and the output of a program that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// The exit status.
    pub status: ExitStatus,
    /// The lines of its standard output, each with a line feed.
    pub stdout: String,
    /// The lines of its standard error, each with a line feed.
    pub stderr: String,
}

/// The lines of a program. One thread for each stream adds lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(Arc<SharedOutput>);

#[derive(Debug, Default)]
struct SharedOutput {
    kept: Mutex<Kept>,
    changed: Condvar,
}

/// The kept lines, in the order of reading.
#[derive(Debug, Default)]
pub(super) struct Kept {
    lines: VecDeque<(OutputStream, String)>,
    bytes: usize,
    /// The number of discarded lines. They came before the lines in `lines`.
    discarded: usize,
    /// The number of lines up to the latest result of [`next`](Self::next), discarded lines included.
    passed: usize,
    open_streams: usize,
}

impl Kept {
    fn push(&mut self, stream: OutputStream, line: String) {
        self.bytes += line.len();
        self.lines.push_back((stream, line));
        while self.bytes > MAX_KEPT
            && let Some((_, oldest)) = self.lines.pop_front()
        {
            self.bytes -= oldest.len();
            self.discarded += 1;
        }
    }

    pub(super) fn count(&self, matches: impl Fn(&str) -> bool) -> usize {
        self.lines.iter().filter(|(_, line)| matches(line)).count()
    }

    /// Returns the first line that matches, after the line of the call before.
    pub(super) fn next(&mut self, matches: impl Fn(&str) -> bool) -> Option<String> {
        let behind = self.passed.saturating_sub(self.discarded);
        let mut lines = self.lines.iter().enumerate().skip(behind);
        let (place, (_, line)) = lines.find(|(_, (_, line))| matches(line))?;
        self.passed = self.discarded + place + 1;
        Some(line.clone())
    }

    pub(super) fn has_ended(&self) -> bool {
        self.open_streams == 0
    }

    fn of(&self, stream: OutputStream) -> impl Iterator<Item = &str> {
        let lines = self.lines.iter().filter(move |(from, _)| *from == stream);
        lines.map(|(_, line)| &**line)
    }
}

impl Lines {
    /// Starts a thread that reads `stream` to its end.
    pub(super) fn read(&self, stream: OutputStream, from: impl Read + Send + 'static) {
        self.kept().open_streams += 1;
        let lines = self.clone();
        thread::spawn(move || {
            let mut from = BufReader::new(from);
            let mut line = Vec::new();
            // An error is the end of the stream.
            while let Ok(1..) = from.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
                if line.ends_with(b"\n") {
                    line.pop();
                }
                let text = String::from_utf8_lossy(&line).into_owned();
                lines.kept().push(stream, text);
                lines.0.changed.notify_all();
                line.clear();
            }
            lines.kept().open_streams -= 1;
            lines.0.changed.notify_all();
        });
    }

    /// Waits until `look` returns a value. Returns `None` when the deadline has passed, or when both
    /// streams have ended.
    pub(super) fn wait_until<T>(
        &self,
        deadline: Instant,
        mut look: impl FnMut(&mut Kept) -> Option<T>,
    ) -> Option<T> {
        let mut kept = self.kept();
        loop {
            if let Some(found) = look(&mut kept) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || kept.has_ended() {
                return None;
            }
            let waited = self.0.changed.wait_timeout(kept, left);
            (kept, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn have_ended(&self) -> bool {
        self.kept().has_ended()
    }

    pub(super) fn count(&self, matches: impl Fn(&str) -> bool) -> usize {
        self.kept().count(matches)
    }

    pub(super) fn of(&self, stream: OutputStream) -> Vec<String> {
        self.kept().of(stream).map(str::to_owned).collect()
    }

    pub(super) fn output(&self, status: ExitStatus) -> Output {
        let kept = self.kept();
        let text = |stream| kept.of(stream).flat_map(|line| [line, "\n"]).collect();
        Output {
            status,
            stdout: text(OutputStream::Stdout),
            stderr: text(OutputStream::Stderr),
        }
    }

    /// Returns both streams as one text, for errors.
    pub(super) fn text(&self) -> String {
        let kept = self.kept();
        let mut text = String::new();
        if kept.discarded > 0 {
            text.push_str(&format!("({} lines before these)\n", kept.discarded));
        }
        for (_, line) in &kept.lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
