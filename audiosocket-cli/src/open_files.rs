/// Allows this process as many file descriptors as the system permits. Each call needs one, and the usual limit of 1,024
/// would end a run of a thousand calls early.
///
/// If that fails, connections that cannot be opened show it.
pub(crate) fn raise_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::debug!(%error, "cannot raise the limit of open files");
    }
}
