use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

/// Whether a waker was woken. The runner polls only then, so a case fails if the core does not wake.
pub(super) struct Woken(AtomicBool);

impl Woken {
    pub(super) fn new(woken: bool) -> Self {
        Self(AtomicBool::new(woken))
    }

    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
