use rustix::process::{Resource, getrlimit, setrlimit};

/// Takes as many file descriptors as the system lets this process have: each call needs one, and
/// the usual limit of 1,024 would end a run of a thousand calls early.
///
/// If that fails, it shows where it matters: in a connection that cannot be opened.
pub(crate) fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "cannot raise the limit of open files");
    }
}
