use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// One message for whoever drives a call or a server, from any thread; wakes them.
#[derive(Debug)]
pub(super) struct Mailbox<T> {
    inner: Mutex<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    message: Option<T>,
    waker: Option<Waker>,
}

impl<T> Mailbox<T> {
    /// Leaves a message, made of the one that still waits, if any.
    pub(super) fn post(&self, combine: impl FnOnce(Option<T>) -> T) {
        let mut inner = self.lock();
        inner.message = Some(combine(inner.message.take()));
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes the message that waits, if any; `waker` is woken by the next one.
    pub(super) fn poll(&self, waker: &Waker) -> Option<T> {
        let mut inner = self.lock();
        let known = inner.waker.as_ref();
        let replaced = if known.is_some_and(|known| known.will_wake(waker)) {
            None
        } else {
            inner.waker.replace(waker.clone())
        };
        let message = inner.message.take();
        // Dropping a waker can drop a task, which may come back here.
        drop(inner);
        drop(replaced);
        message
    }

    /// Nobody will poll again. Those who can still post may live for long, and a waker that is kept
    /// for them would keep the whole task in memory.
    pub(super) fn close(&self) {
        let waker = self.lock().waker.take();
        drop(waker);
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        // Nothing that can panic runs under the lock, so a poisoned one is as good as any.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        let inner = Inner {
            message: None,
            waker: None,
        };
        Self {
            inner: Mutex::new(inner),
        }
    }
}
