use std::io::{self, Write as _};

/// Writes `text` and a line end to standard output, and flushes it. It does not panic if the other end of a pipe is closed, as
/// `println!` does.
pub(crate) fn line(text: impl std::fmt::Display) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}
