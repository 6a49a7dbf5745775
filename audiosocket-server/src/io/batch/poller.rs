//! Which of many sockets are ready.

use std::io;
use std::net::TcpStream;

use crate::io::unregistered::Readiness;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use epoll::{Poller, SUPPORTED};
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use none::{Poller, SUPPORTED};

#[cfg(any(target_os = "linux", target_os = "android"))]
mod epoll {
    use std::mem::MaybeUninit;

    use rustix::event::Timespec;
    use rustix::event::epoll::{self, EventData, EventFlags};
    use rustix::fd::OwnedFd;

    use super::{Readiness, TcpStream, io};

    pub(crate) const SUPPORTED: bool = true;

    /// How many are collected at once.
    const BATCH: usize = 1024;

    const NO_TIME: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };

    pub(crate) struct Poller {
        epoll: OwnedFd,
    }

    impl Poller {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self {
                epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            })
        }

        /// Watches `socket`, until it is closed, for what becomes of it from now on.
        pub(crate) fn add(&self, socket: &TcpStream, key: usize) -> io::Result<()> {
            let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(&self.epoll, socket, EventData::new_u64(key as u64), flags)?;
            Ok(())
        }

        /// Tells of those of which something became since this was last asked; whether there may be
        /// more.
        pub(crate) fn collect(
            &mut self,
            mut tell: impl FnMut(usize, Readiness),
        ) -> io::Result<bool> {
            // Twelve kilobytes of the stack, since an event of rustix cannot go to another thread.
            let mut space = [const { MaybeUninit::uninit() }; BATCH];
            let (events, _) = epoll::wait(&self.epoll, &mut space, Some(&NO_TIME))?;
            let more = events.len() == BATCH;
            for event in events {
                let (flags, data) = (event.flags, event.data);
                let over = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
                let readiness = Readiness {
                    readable: flags.intersects(EventFlags::IN | over),
                    writable: flags.intersects(EventFlags::OUT | EventFlags::HUP | EventFlags::ERR),
                    over: flags.intersects(over),
                };
                if let Ok(key) = usize::try_from(data.u64()) {
                    tell(key, readiness);
                }
            }
            Ok(more)
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod none {
    use super::{Readiness, TcpStream, io};

    pub(crate) const SUPPORTED: bool = false;

    /// There is none.
    pub(crate) enum Poller {}

    impl Poller {
        pub(crate) fn new() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(crate) fn add(&self, _: &TcpStream, _: usize) -> io::Result<()> {
            match *self {}
        }

        pub(crate) fn collect(&self, _: impl FnMut(usize, Readiness)) -> io::Result<bool> {
            match *self {}
        }
    }
}
