#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use linux::DescriptorProbe;

/// The maximum number of connections for which the free descriptors are counted one by one. See
/// [`DescriptorProbe::connections`].
pub(crate) const MAX_COUNTED: usize = 64;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use std::fs::File;
    use std::os::fd::{AsRawFd as _, RawFd};

    use super::MAX_COUNTED;

    /// The number of descriptors to leave to the application, and to connections that the kernel accepted already.
    const RESERVE: u64 = 16;

    /// A call may need a second one: for a file, or for the thread of its own.
    const FOR_A_CONNECTION: u64 = 2;

    /// Measures how many descriptors of this process are free.
    #[derive(Debug)]
    pub(crate) struct DescriptorProbe {
        file: File,
    }

    impl DescriptorProbe {
        /// Returns `None` if nothing can be measured.
        pub(crate) fn new() -> Option<Self> {
            let file = File::open("/").ok()?;
            Some(Self { file })
        }

        /// Returns how many connections the free descriptors suffice for, after `listeners` are opened again: each of them
        /// can take one.
        ///
        /// The number is exact up to [`MAX_COUNTED`]. A larger number is an upper limit: descriptors in use between free
        /// ones are not counted.
        pub(crate) fn connections(&self, listeners: usize) -> usize {
            let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
            let limit = limit.current.unwrap_or(u64::MAX);
            let reserve = RESERVE.min(limit / 8) + listeners as u64;
            let max = FOR_A_CONNECTION * MAX_COUNTED as u64 + reserve;
            let free = free(&self.file, 0, limit, max).saturating_sub(reserve);
            usize::try_from(free.div_ceil(FOR_A_CONNECTION)).unwrap_or(usize::MAX)
        }
    }

    /// Returns how many descriptors from `first` to below `limit` are free. The number is exact if it is less than `max`.
    /// Otherwise it is an upper limit.
    fn free(file: &File, first: RawFd, limit: u64, max: u64) -> u64 {
        let mut next = first;
        let mut count = 0;
        let mut upper_limit = 0;
        // The kernel returns the lowest free number. One descriptor is in use at a time, not `max`.
        while count < max
            && let Ok(clone) = rustix::io::fcntl_dupfd_cloexec(file, next)
            && let Ok(number) = u64::try_from(clone.as_raw_fd())
            && number < limit
        {
            if count == 0 {
                upper_limit = limit - number;
            }
            count += 1;
            next = clone.as_raw_fd() + 1;
        }
        if count < max { count } else { upper_limit }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        /// Other tests of this process use lower numbers.
        const FIRST: RawFd = 900;

        #[test]
        fn a_free_descriptor_below_used_ones_counts_as_one() {
            let file = File::open("/").unwrap();
            let use_number = |number| {
                let clone = rustix::io::fcntl_dupfd_cloexec(&file, number).unwrap();
                assert_eq!(clone.as_raw_fd(), number);
                clone
            };
            let mut used: Vec<_> = (FIRST..FIRST + 20).map(use_number).collect();
            let count = |limit, max| free(&file, FIRST, limit, max);
            assert_eq!((count(920, 8), count(923, 8)), (0, 3));
            used.remove(5);
            assert_eq!((count(920, 8), count(923, 8)), (1, 4));
            // An upper limit: 1 and 15 are free, and 14 are in use between them.
            assert_eq!((count(935, 100), count(935, 8)), (16, 30));
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[derive(Debug)]
pub(crate) struct DescriptorProbe;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl DescriptorProbe {
    pub(crate) fn new() -> Option<Self> {
        None
    }

    pub(crate) fn connections(&self, _listeners: usize) -> usize {
        usize::MAX
    }
}
