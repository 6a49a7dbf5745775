use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::wake_fd::WakeFd;

/// The longest single wait: some systems cannot wait for more than 24 days.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Wakes a thread that waits for descriptors. A [`Waker`](std::task::Waker) for it.
#[derive(Debug)]
pub(crate) struct ThreadWaker {
    fd: WakeFd,
    /// Set and not cleared. The descriptor is set once, however often the thread is woken meanwhile.
    is_set: AtomicBool,
}

impl ThreadWaker {
    /// # Errors
    ///
    /// When the system is out of descriptors.
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            fd: WakeFd::new()?,
            is_set: AtomicBool::new(false),
        }))
    }

    /// Has to be the first of the descriptors that [`wait`](Self::wait) waits for.
    pub(crate) fn poll_fd(&self) -> PollFd<'_> {
        PollFd::from_borrowed_fd(self.fd.as_fd(), PollFlags::IN)
    }

    /// Waits until one of `fds` is ready, the thread is woken, or the deadline comes. May return
    /// earlier.
    pub(crate) fn wait(&self, fds: &mut [PollFd<'_>], deadline: Option<Instant>) {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left.min(LONGEST)).ok());
        match poll(fds, timeout.as_ref()) {
            Ok(_) => {
                if !fds[0].revents().is_empty() {
                    // In this order. The other way round, a wake-up in between would be cleared, and
                    // every later one would find it set. Here, a wake-up in between does not set the
                    // descriptor, but the thread does its work after this.
                    self.fd.clear();
                    self.is_set.store(false, Ordering::SeqCst);
                }
            }
            Err(Errno::INTR) => {}
            Err(error) => {
                // Out of memory, the only error that is left. It would fail again at once.
                tracing::warn!(%error, "cannot wait for a connection; trying again");
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_set.swap(true, Ordering::SeqCst) {
            self.fd.set();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    /// Two threads wake it at once, over and over. No wake-up is lost, and none makes later ones go
    /// unnoticed.
    #[test]
    fn no_wake_up_is_lost() {
        const ROUNDS: u32 = 50_000;
        let waker = ThreadWaker::new().unwrap();
        let (posted, seen) = (AtomicU32::new(0), AtomicU32::new(0));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for round in 1..=ROUNDS {
                        posted.fetch_add(1, Ordering::SeqCst);
                        waker.wake_by_ref();
                        // Keeps the three of them close to each other.
                        while seen.load(Ordering::SeqCst) < round {
                            thread::yield_now();
                        }
                    }
                });
            }
            while seen.load(Ordering::SeqCst) < 2 * ROUNDS {
                let deadline = Instant::now() + Duration::from_secs(30);
                waker.wait(&mut [waker.poll_fd()], Some(deadline));
                let was = seen.swap(posted.load(Ordering::SeqCst), Ordering::SeqCst);
                let late = Instant::now() >= deadline;
                // So that the other threads end, too.
                seen.fetch_max(if late { 2 * ROUNDS } else { 0 }, Ordering::SeqCst);
                assert!(!late, "no wake-up was noticed after {was}");
            }
        });
    }
}
