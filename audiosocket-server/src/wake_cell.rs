use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// A value that several threads change, and one task waits for.
#[derive(Debug, Default)]
pub(crate) struct WakeCell<T> {
    inner: Mutex<CellState<T>>,
}

#[derive(Debug, Default)]
struct CellState<T> {
    value: T,
    waker: Option<Waker>,
}

impl<T> WakeCell<T> {
    /// Reads or changes the value, without a wake-up.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        act(&mut self.lock().value)
    }

    /// Changes the value, and wakes the task.
    pub(crate) fn change<R>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        self.change_if(|value| (act(value), true))
    }

    /// Changes the value, and wakes the task if `act` returns true.
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

    /// Reads or changes the value. The next change wakes `waker`.
    pub(crate) fn poll<R>(&self, waker: &Waker, act: impl FnOnce(&mut T) -> R) -> R {
        let mut inner = self.lock();
        let known = inner.waker.as_ref();
        let replaced = if known.is_some_and(|known| known.will_wake(waker)) {
            None
        } else {
            inner.waker.replace(waker.clone())
        };
        let result = act(&mut inner.value);
        // Not under the lock: to drop a waker can drop a task, which may use this cell.
        drop(inner);
        drop(replaced);
        result
    }

    /// Drops the waker. The cell may live for a long time, and a waker keeps its task in memory.
    pub(crate) fn close(&self) {
        let waker = self.lock().waker.take();
        drop(waker);
    }

    fn lock(&self) -> MutexGuard<'_, CellState<T>> {
        // A panic under the lock leaves the state valid, so a poisoned lock is usable.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
