/// The number of descriptors to leave to the application, and to connections that the kernel accepted already.
#[cfg(any(target_os = "linux", target_os = "android"))]
const RESERVE: u64 = 16;

/// Measures how many descriptors of this process are free.
#[derive(Debug)]
pub(crate) struct DescriptorProbe {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    file: std::fs::File,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl DescriptorProbe {
    /// Returns `None` if nothing can be measured.
    pub(crate) fn new() -> Option<Self> {
        let file = std::fs::File::open("/").ok()?;
        Some(Self { file })
    }

    /// Returns how many connections the free descriptors suffice for.
    pub(crate) fn connections(&self) -> usize {
        use std::os::fd::AsRawFd as _;

        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        let limit = limit.current.unwrap_or(u64::MAX);
        // A new descriptor gets the lowest number that is free.
        let used = self.file.try_clone().map_or(limit, |clone| {
            u64::try_from(clone.as_raw_fd()).unwrap_or(limit)
        });
        let free = limit.saturating_sub(used);
        let free = free.saturating_sub(RESERVE.min(limit / 8));
        // A call may need a second one: for a file, or for the thread of its own.
        usize::try_from(free.div_ceil(2)).unwrap_or(usize::MAX)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl DescriptorProbe {
    pub(crate) fn new() -> Option<Self> {
        None
    }

    pub(crate) fn connections(&self) -> usize {
        usize::MAX
    }
}
