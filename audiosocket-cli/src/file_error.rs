use std::error::Error;
use std::io;
use std::path::Path;

/// Returns an error with the name of the file, `error` and its cause.
pub(crate) fn file_error(path: &Path, error: &dyn Error) -> io::Error {
    let path = path.display().to_string();
    let cause = error.source().map(|cause| format!(": {cause}"));
    let cause = cause.unwrap_or_default();
    io::Error::other(format!("{}: {error}{cause}", path.escape_debug()))
}
