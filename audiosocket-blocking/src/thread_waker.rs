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

/// The longest single wait. Some systems cannot wait longer than 24 days.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The [`Waker`](std::task::Waker) of a thread that waits for descriptors.
#[derive(Debug)]
pub(crate) struct ThreadWaker {
    fd: WakeFd,
    /// Whether the descriptor is set. Further wake-ups then need no system call.
    is_set: AtomicBool,
}

impl ThreadWaker {
    /// Returns a waker whose descriptor is not set.
    ///
    /// # Errors
    ///
    /// If the system has no descriptors left.
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            fd: WakeFd::new()?,
            is_set: AtomicBool::new(false),
        }))
    }

    /// Returns the descriptor of the waker. It must be the first in the list for [`wait`](Self::wait).
    pub(crate) fn poll_fd(&self) -> PollFd<'_> {
        PollFd::from_borrowed_fd(self.fd.as_fd(), PollFlags::IN)
    }

    /// Waits until one of `fds` is ready, the thread is woken, or the deadline has come. It can return earlier.
    pub(crate) fn wait(&self, fds: &mut [PollFd<'_>], deadline: Option<Instant>) {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left.min(LONGEST)).ok());
        match poll(fds, timeout.as_ref()) {
            Ok(_) => {
                if !fds[0].revents().is_empty() {
                    // The order matters. In the other order, a wake-up between the two steps would be cleared while
                    // `is_set` stays true, and all later wake-ups would be lost. In this order, a wake-up between
                    // them does not set the descriptor, and the thread looks for work after this anyway.
                    self.fd.clear();
                    self.is_set.store(false, Ordering::SeqCst);
                }
            }
            Err(Errno::INTR) => {}
            Err(error) => {
                // The only other error is a lack of memory. Without a pause it would come again at once.
                tracing::warn!(%error, "the system cannot wait for connections, because it has no memory left; the thread tries again in 10 ms; free memory on this machine");
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

    /// Two threads wake the waker at the same time, many times.
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
                        // Keeps the three threads in the same round.
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
                // Ends the other threads.
                seen.fetch_max(if late { 2 * ROUNDS } else { 0 }, Ordering::SeqCst);
                assert!(!late, "the wake-ups after {was} were lost");
            }
        });
    }
}
