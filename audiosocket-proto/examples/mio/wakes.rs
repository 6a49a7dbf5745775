use std::collections::BTreeSet;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use mio::Token;

/// What other threads want looked at, such as a call that they hang up.
pub(super) struct Wakes {
    tokens: Mutex<BTreeSet<Token>>,
    poll: mio::Waker,
}

impl Wakes {
    pub(super) fn new(poll: mio::Waker) -> Self {
        Self {
            tokens: Mutex::default(),
            poll,
        }
    }

    /// Wakes the loop and tells it of `token`.
    pub(super) fn waker(self: &Arc<Self>, token: Token) -> Waker {
        let wakes = Arc::clone(self);
        Arc::new(TokenWaker { token, wakes }).into()
    }

    /// What has been asked for since the last time.
    pub(super) fn take(&self) -> BTreeSet<Token> {
        mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Token>> {
        // Nothing that can panic runs under the lock.
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct TokenWaker {
    token: Token,
    wakes: Arc<Wakes>,
}

impl Wake for TokenWaker {
    fn wake(self: Arc<Self>) {
        self.wakes.lock().insert(self.token);
        let _ = self.wakes.poll.wake();
    }
}
