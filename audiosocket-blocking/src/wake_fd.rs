//! A descriptor that is readable after it is set, until it is cleared.

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub(crate) use eventfd::WakeFd;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
pub(crate) use pipe::WakeFd;

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
mod eventfd {
    use std::io;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

    use rustix::event::{EventfdFlags, eventfd};

    /// One descriptor, on systems with an eventfd.
    #[derive(Debug)]
    pub(crate) struct WakeFd(OwnedFd);

    impl WakeFd {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self(eventfd(
                0,
                EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC,
            )?))
        }

        pub(crate) fn set(&self) {
            // This fails only after 2^64 - 1 calls. The descriptor is readable then.
            let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
        }

        pub(crate) fn clear(&self) {
            let _ = rustix::io::read(&self.0, &mut [0; 8]);
        }
    }

    impl AsFd for WakeFd {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }
}

#[cfg(any(
    test,
    not(any(target_os = "linux", target_os = "android", target_os = "freebsd"))
))]
mod pipe {
    use std::io::{self, PipeReader, PipeWriter, Read, Write};
    use std::os::fd::{AsFd, BorrowedFd};

    use rustix::io::ioctl_fionbio;

    /// Two descriptors, on every Unix.
    #[derive(Debug)]
    pub(crate) struct WakeFd {
        reader: PipeReader,
        writer: PipeWriter,
    }

    impl WakeFd {
        pub(crate) fn new() -> io::Result<Self> {
            let (reader, writer) = io::pipe()?;
            ioctl_fionbio(&reader, true)?;
            ioctl_fionbio(&writer, true)?;
            Ok(Self { reader, writer })
        }

        pub(crate) fn set(&self) {
            // This fails only if the pipe is full. The descriptor is readable then.
            let _ = (&self.writer).write(&[1]);
        }

        pub(crate) fn clear(&self) {
            let _ = (&self.reader).read(&mut [0; 64]);
        }
    }

    impl AsFd for WakeFd {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.reader.as_fd()
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    macro_rules! is_readable_until_it_is_cleared {
        ($($kind:ident),*) => { $(#[test] fn $kind() {
            let fd = super::$kind::WakeFd::new().unwrap();
            let is_readable = || {
                let mut fds = [PollFd::new(&fd, PollFlags::IN)];
                poll(&mut fds, Some(&Timespec::default())).unwrap() == 1
            };
            assert!(!is_readable());
            for _ in 0..3 {
                fd.set();
                fd.set();
                assert!(is_readable());
                fd.clear();
                assert!(!is_readable());
            }
        })* }
    }

    is_readable_until_it_is_cleared!(eventfd, pipe);
}
