use std::io::{self, Write as _};

/// Writes `text` and a line end to standard output, and flushes it. It does not panic if the other end of a pipe is closed, as
/// `println!` does.
pub(crate) fn line(text: impl std::fmt::Display) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

/// Writes a line about a server that runs. The log has the line if it cannot be written: a full disk or a closed pipe does
/// not stop a server, which may have calls already.
pub(crate) fn announce(text: impl std::fmt::Display) {
    if let Err(error) = line(&text) {
        tracing::warn!(%error, %text, "cannot write to standard output");
    }
}
