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
        // Longer than the system can wait is for ever.
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(fds, timeout.as_ref()) {
            Ok(_) => {
                if !fds[0].revents().is_empty() {
                    // Whoever rings from here on is heard, since all is looked at after this.
                    self.rung.store(false, Ordering::SeqCst);
                    self.bell.silence();
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
