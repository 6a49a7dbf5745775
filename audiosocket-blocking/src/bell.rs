//! A descriptor that is readable from when it is rung until it is silenced.

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub(crate) use eventfd::Bell;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
pub(crate) use pipe::Bell;

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
mod eventfd {
    use std::io;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

    use rustix::event::{EventfdFlags, eventfd};

    /// One descriptor, where the system has such a thing.
    #[derive(Debug)]
    pub(crate) struct Bell(OwnedFd);

    impl Bell {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self(eventfd(
                0,
                EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC,
            )?))
        }

        pub(crate) fn ring(&self) {
            // Fails only if it has been rung some 2^64 times, and then it is readable.
            let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
        }

        pub(crate) fn silence(&self) {
            let _ = rustix::io::read(&self.0, &mut [0; 8]);
        }
    }

    impl AsFd for Bell {
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
    pub(crate) struct Bell {
        reader: PipeReader,
        writer: PipeWriter,
    }

    impl Bell {
        pub(crate) fn new() -> io::Result<Self> {
            let (reader, writer) = io::pipe()?;
            ioctl_fionbio(&reader, true)?;
            ioctl_fionbio(&writer, true)?;
            Ok(Self { reader, writer })
        }

        pub(crate) fn ring(&self) {
            // Fails only if it is full, and then it is readable.
            let _ = (&self.writer).write(&[1]);
        }

        pub(crate) fn silence(&self) {
            let _ = (&self.reader).read(&mut [0; 64]);
        }
    }

    impl AsFd for Bell {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.reader.as_fd()
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    macro_rules! rings_until_it_is_silenced {
        ($($kind:ident),*) => { $(#[test] fn $kind() {
            let bell = super::$kind::Bell::new().unwrap();
            let is_heard = || {
                let mut fds = [PollFd::new(&bell, PollFlags::IN)];
                poll(&mut fds, Some(&Timespec::default())).unwrap() == 1
            };
            assert!(!is_heard());
            for _ in 0..3 {
                bell.ring();
                bell.ring();
                assert!(is_heard());
                bell.silence();
                assert!(!is_heard());
            }
        })* }
    }

    rings_until_it_is_silenced!(eventfd, pipe);
}
