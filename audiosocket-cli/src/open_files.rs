/// Raises the limit of open files of this process to the maximum. Each call needs one, and the usual limit of 1,024 is too
/// low for a thousand calls.
///
/// A failure is only logged: too many calls then fail with an error of their own.
pub(crate) fn raise_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::debug!(%error, "cannot raise the limit of open files");
    }
}
