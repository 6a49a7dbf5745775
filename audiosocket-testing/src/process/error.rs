use std::error::Error;
use std::fmt;
use std::io;

/// The error of a [`Process`](super::Process).
///
/// `Display` and `Debug` show the command, the problem, and the output of the program. So `unwrap` is
/// enough in a test.
#[derive(Clone)]
pub struct ProcessError {
    program: String,
    what: String,
    wrote: String,
}

impl ProcessError {
    pub(super) fn new(program: String, what: String, wrote: String) -> Self {
        Self {
            program,
            what,
            wrote,
        }
    }
}

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.program, self.what)?;
        if !self.wrote.is_empty() {
            write!(f, "; it wrote:\n{}", self.wrote)?;
        }
        Ok(())
    }
}

impl fmt::Debug for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ProcessError {}

impl From<ProcessError> for io::Error {
    fn from(error: ProcessError) -> Self {
        Self::other(error)
    }
}
