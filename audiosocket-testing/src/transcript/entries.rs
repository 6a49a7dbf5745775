use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use audiosocket_server::Call;

use super::entry::{Entry, Record};

/// The callbacks of all calls of a server, in order.
///
/// Clones share the entries. Entries are kept until they are [taken](Self::take). So a transcript is for
/// tests, and not for a server that runs for days.
#[derive(Clone, Debug, Default)]
pub struct Transcript(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<Entry>,
    wakers: Vec<Waker>,
}

impl Transcript {
    /// Returns a transcript without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a copy of the entries.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.state().entries.clone()
    }

    /// Returns the entries' records as text, one line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.with(|entries| entries.iter().map(Entry::to_string).collect())
    }

    /// Removes and returns the entries.
    #[must_use]
    pub fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut self.state().entries)
    }

    /// Removes the entries and returns their records as text, one line each.
    pub fn take_lines(&self) -> Vec<String> {
        self.take().iter().map(Entry::to_string).collect()
    }

    /// Calls `look` with the entries, without a copy. `look` must not use the transcript.
    pub fn with<R>(&self, look: impl FnOnce(&[Entry]) -> R) -> R {
        look(&self.state().entries)
    }

    /// Adds a line of your own, without a call.
    pub fn note(&self, text: impl Into<String>) {
        self.push(Entry::note(text.into()));
    }

    /// Adds a line of your own about `call`.
    pub fn note_about(&self, call: &Call<'_>, text: impl Into<String>) {
        self.push(Entry::about(call, Record::Note(text.into())));
    }

    /// Blocks until `look` returns a value for the entries. Returns `None` after `timeout`.
    ///
    /// In async code use [`until`](Self::until): this method can block the thread of the server.
    pub fn wait_until<T>(
        &self,
        timeout: Duration,
        mut look: impl FnMut(&[Entry]) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + timeout;
        let mut state = self.state();
        loop {
            if let Some(found) = look(&state.entries) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.0.changed.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until `look` returns a value for the entries.
    ///
    /// This future has no deadline. Use the timeout of your runtime.
    pub async fn until<T>(&self, mut look: impl FnMut(&[Entry]) -> Option<T>) -> T {
        poll_fn(|cx| {
            let mut state = self.state();
            if let Some(found) = look(&state.entries) {
                return Poll::Ready(found);
            }
            if !state.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                state.wakers.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    /// Waits for an entry, and removes and returns the oldest one.
    ///
    /// This future has no deadline. Use the timeout of your runtime.
    pub async fn next(&self) -> Entry {
        self.until(|entries| (!entries.is_empty()).then_some(()))
            .await;
        self.state().entries.remove(0)
    }

    /// Returns the number of clones of this transcript, including this one.
    ///
    /// An acceptor and each of its handlers have a clone. So a test can check that the acceptor and the handlers were
    /// dropped.
    #[must_use]
    pub fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    pub(super) fn push(&self, entry: Entry) {
        let mut state = self.state();
        state.entries.push(entry);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.0.changed.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
