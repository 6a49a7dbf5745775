//! The descriptors of the process.

/// Returns the number of open descriptors, and their limit. Returns `None` where the system does not report them.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn open_and_max() -> Option<(u64, u64)> {
    const DIRECTORY: &str = "/proc/self/fd";
    // Since Linux 6.2 the size is the number of descriptors. Earlier it is 0.
    let open = match std::fs::metadata(DIRECTORY).ok()?.len() {
        // The directory itself is one of them while it is read.
        0 => std::fs::read_dir(DIRECTORY).ok()?.count().saturating_sub(1) as u64,
        open => open,
    };
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    Some((open, limit.current.unwrap_or(u64::MAX)))
}

/// Returns `None`: this system does not report them.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn open_and_max() -> Option<(u64, u64)> {
    None
}
