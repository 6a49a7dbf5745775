use std::io::{self, Write as _};

/// Writes `text` and a line end to standard output, at once. Unlike `println!` it does not panic
/// when nobody reads any more.
pub(crate) fn line(text: impl std::fmt::Display) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}
