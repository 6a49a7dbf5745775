use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Something that many change, from any thread, and that one waits for.
#[derive(Debug, Default)]
pub(crate) struct WakeCell<T> {
    inner: Mutex<Inner<T>>,
}

#[derive(Debug, Default)]
struct Inner<T> {
    value: T,
    waker: Option<Waker>,
}

impl<T> WakeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        let inner = Inner { value, waker: None };
        Self {
            inner: Mutex::new(inner),
        }
    }

    /// Looks at it, or changes it, without a word to the one who waits.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        act(&mut self.lock().value)
    }

    /// Changes it, and wakes the one who waits.
    pub(crate) fn change<R>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        self.change_if(|value| (act(value), true))
    }

    /// Changes it, and wakes the one who waits if `act` says so.
    pub(crate) fn change_if<R>(&self, act: impl FnOnce(&mut T) -> (R, bool)) -> R {
        let mut inner = self.lock();
        let (result, wakes) = act(&mut inner.value);
        let waker = if wakes { inner.waker.take() } else { None };
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
        result
    }

    /// Looks at it, and has `waker` woken by the next change.
    pub(crate) fn poll<R>(&self, waker: &Waker, act: impl FnOnce(&mut T) -> R) -> R {
        let mut inner = self.lock();
        let known = inner.waker.as_ref();
        let replaced = if known.is_some_and(|known| known.will_wake(waker)) {
            None
        } else {
            inner.waker.replace(waker.clone())
        };
        let result = act(&mut inner.value);
        // Dropping a waker can drop a task, which may come back here.
        drop(inner);
        drop(replaced);
        result
    }

    /// Nobody will poll again. Those who can still change it may live for long, and a waker that is
    /// kept for them would keep a whole task in memory.
    pub(crate) fn close(&self) {
        let waker = self.lock().waker.take();
        drop(waker);
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        // Nothing that can panic runs under the lock, so a poisoned one is as good as any.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
