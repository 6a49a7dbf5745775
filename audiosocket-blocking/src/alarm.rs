use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::bell::Bell;

/// How long is waited at once: some systems cannot wait for more than 24 days.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Wakes a thread that waits for descriptors: a [`Waker`](std::task::Waker) for it.
#[derive(Debug)]
pub(crate) struct Alarm {
    bell: Bell,
    /// Rung and not heard yet; so that it is rung once, however many ask.
    rung: AtomicBool,
}

impl Alarm {
    /// # Errors
    ///
    /// When the system is out of descriptors.
    pub(crate) fn new() -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            bell: Bell::new()?,
            rung: AtomicBool::new(false),
        }))
    }

    /// What has to be the first of those that [`wait`](Self::wait) waits for.
    pub(crate) fn poll_fd(&self) -> PollFd<'_> {
        PollFd::from_borrowed_fd(self.bell.as_fd(), PollFlags::IN)
    }

    /// Waits until one of `fds` is ready, the alarm rings, or the deadline comes. May return
    /// earlier.
    pub(crate) fn wait(&self, fds: &mut [PollFd<'_>], deadline: Option<Instant>) {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left.min(LONGEST)).ok());
        match poll(fds, timeout.as_ref()) {
            Ok(_) => {
                if !fds[0].revents().is_empty() {
                    // In this order: the other way round, a ring in between would be silenced, and
                    // everyone after it told that it rings. Who comes in between here does not
                    // ring, but what they want is looked at after this.
                    self.bell.silence();
                    self.rung.store(false, Ordering::SeqCst);
                }
            }
            Err(Errno::INTR) => {}
            Err(error) => {
                // Out of memory, the only one that is left. It would fail again at once.
                tracing::warn!(%error, "cannot wait for a connection; trying again");
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::SeqCst) {
            self.bell.ring();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    /// Two at once, over and over: neither may be lost, nor make those after it go unheard.
    #[test]
    fn whoever_wakes_is_heard() {
        const ROUNDS: u32 = 50_000;
        let alarm = Alarm::new().unwrap();
        let (posted, seen) = (AtomicU32::new(0), AtomicU32::new(0));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for round in 1..=ROUNDS {
                        posted.fetch_add(1, Ordering::SeqCst);
                        alarm.wake_by_ref();
                        // Keeps the three of them close to each other.
                        while seen.load(Ordering::SeqCst) < round {
                            thread::yield_now();
                        }
                    }
                });
            }
            while seen.load(Ordering::SeqCst) < 2 * ROUNDS {
                let deadline = Instant::now() + Duration::from_secs(30);
                alarm.wait(&mut [alarm.poll_fd()], Some(deadline));
                let was = seen.swap(posted.load(Ordering::SeqCst), Ordering::SeqCst);
                let late = Instant::now() >= deadline;
                // So that the others end, too.
                seen.fetch_max(if late { 2 * ROUNDS } else { 0 }, Ordering::SeqCst);
                assert!(!late, "nobody was heard after {was}");
            }
        });
    }
}
