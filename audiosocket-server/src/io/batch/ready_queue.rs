use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// The keys of the connections that were woken, from whatever thread.
#[derive(Debug, Default)]
pub(crate) struct ReadyQueue {
    inner: Mutex<ReadyState>,
}

#[derive(Debug, Default)]
struct ReadyState {
    keys: Vec<usize>,
    /// Wakes the future that polls all connections.
    waker: Option<Waker>,
}

impl ReadyQueue {
    /// Makes a waker for the connection with this key.
    pub(crate) fn waker(self: &Arc<Self>, key: usize) -> Waker {
        Waker::from(Arc::new(KeyWaker {
            key,
            queue: self.clone(),
        }))
    }

    /// Moves the keys to `keys`. The next one wakes `waker`.
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

    fn push(&self, key: usize) {
        let mut inner = self.lock();
        inner.keys.push(key);
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, ReadyState> {
        // Nothing that can panic runs under the lock, so a poisoned lock is as good as any.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct KeyWaker {
    key: usize,
    queue: Arc<ReadyQueue>,
}

impl Wake for KeyWaker {
    fn wake(self: Arc<Self>) {
        self.queue.push(self.key);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.queue.push(self.key);
    }
}
