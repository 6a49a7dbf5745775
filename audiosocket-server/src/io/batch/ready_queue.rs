use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// Who was woken since this was last asked, from whatever thread.
#[derive(Debug, Default)]
pub(crate) struct ReadyQueue {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    keys: Vec<usize>,
    /// Of the future that all are polled in.
    waker: Option<Waker>,
}

impl ReadyQueue {
    /// Wakes whoever is under `key`.
    pub(crate) fn waker(self: &Arc<Self>, key: usize) -> Waker {
        Waker::from(Arc::new(Bell {
            key,
            woken: self.clone(),
        }))
    }

    /// Adds them to `keys`, and has `waker` woken by the next one.
    pub(crate) fn take(&self, waker: &Waker, keys: &mut Vec<usize>) {
        let mut inner = self.lock();
        keys.append(&mut inner.keys);
        let known = inner.waker.as_ref();
        let replaced = if known.is_some_and(|known| known.will_wake(waker)) {
            None
        } else {
            inner.waker.replace(waker.clone())
        };
        // Dropping a waker can drop a task, which may come back here.
        drop(inner);
        drop(replaced);
    }

    fn wake(&self, key: usize) {
        let mut inner = self.lock();
        inner.keys.push(key);
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that can panic runs under the lock, so a poisoned one is as good as any.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Bell {
    key: usize,
    woken: Arc<ReadyQueue>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.woken.wake(self.key);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.wake(self.key);
    }
}
