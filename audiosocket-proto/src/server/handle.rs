use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::End;

/// Reaches a call from any task or thread. Cheap to clone; does not keep the call alive.
#[derive(Clone, Debug, Default)]
pub struct CallHandle {
    mailbox: Arc<Mutex<Mailbox>>,
}

#[derive(Debug, Default)]
struct Mailbox {
    /// How the call shall end, if it shall.
    hangup: Option<End>,
    /// Wakes whoever drives the call.
    waker: Option<Waker>,
}

impl CallHandle {
    /// Ends the call as soon as whoever drives it is awake, which this sees to. On a call that is
    /// over it does nothing.
    pub fn hangup(&self) {
        self.end(End::HungUp);
    }

    pub(super) fn end(&self, end: End) {
        let mut mailbox = self.lock();
        mailbox.hangup.get_or_insert(end);
        let waker = mailbox.waker.take();
        drop(mailbox);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes the command that waits, if any; `waker` is woken by the next one.
    pub(super) fn poll(&self, waker: &Waker) -> Option<End> {
        let mut mailbox = self.lock();
        let known = mailbox.waker.as_ref();
        let replaced = if known.is_some_and(|known| known.will_wake(waker)) {
            None
        } else {
            mailbox.waker.replace(waker.clone())
        };
        let hangup = mailbox.hangup.take();
        // Dropping a waker can drop a task, which may come back here.
        drop(mailbox);
        drop(replaced);
        hangup
    }

    /// Whoever drove the call has gone. A handle may outlive that for long, and a waker that it
    /// kept would keep the whole task in memory.
    pub(super) fn close(&self) {
        let waker = self.lock().waker.take();
        drop(waker);
    }

    fn lock(&self) -> MutexGuard<'_, Mailbox> {
        // Nothing that can panic runs under the lock, so a poisoned one is as good as any.
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
