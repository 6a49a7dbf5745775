use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// A value that any thread changes, and that one task waits for.
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

    /// Reads or changes the value. Wakes nothing.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        act(&mut self.lock().value)
    }

    /// Changes the value, and wakes the task that waits.
    pub(crate) fn change<R>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        self.change_if(|value| (act(value), true))
    }

    /// Changes the value, and wakes the task that waits if `act` returns `true`.
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

    /// Reads the value. The next change wakes `waker`.
    pub(crate) fn poll<R>(&self, waker: &Waker, act: impl FnOnce(&mut T) -> R) -> R {
        let mut inner = self.lock();
        let known = inner.waker.as_ref();
        let replaced = if known.is_some_and(|known| known.will_wake(waker)) {
            None
        } else {
            inner.waker.replace(waker.clone())
        };
        let result = act(&mut inner.value);
        // Dropping a waker can drop a task, which may use this cell.
        drop(inner);
        drop(replaced);
        result
    }

    /// Drops the waker, since the task will not poll again. Otherwise other owners of the cell, which may live
    /// long, would keep the whole task in memory.
    pub(crate) fn close(&self) {
        let waker = self.lock().waker.take();
        drop(waker);
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        // Nothing under the lock can panic, so a poisoned lock is valid too.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
