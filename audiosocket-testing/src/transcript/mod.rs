//! Records each callback of each call, so that a test can compare them and wait for them.
//!
//! [`TranscriptAcceptor`] wraps an acceptor and the handlers that it makes: your own, or
//! [`Answers`], which is made of closures. Each callback becomes an [`Entry`] of a [`Transcript`]
//! before the wrapped handler gets it.
//!
//! ```
//! use audiosocket_server::{CallDriver, Calls};
//! use audiosocket_proto::{SessionConfig, Timestamp};
//! use audiosocket_testing::transcript::{Answers, TranscriptAcceptor};
//!
//! let echo = Answers::new().on_audio(|_, audio| audio.into());
//! let acceptor = TranscriptAcceptor::new(echo);
//! let transcript = acceptor.transcript();
//!
//! // Any adapter does; this is the core without sockets.
//! let (config, now) = (SessionConfig::default(), Timestamp::ZERO);
//! let mut driver = CallDriver::new(acceptor.into(), "peer".into(), config, &Calls::default(), now);
//! driver.receive(now, b"\x01\x00\x10sixteen bytes !!");
//! driver.receive(now, b"\x03\x00\x015");
//! driver.handle_eof(now);
//!
//! assert_eq!(
//!     transcript.lines(),
//!     [
//!         "accept 73697874-6565-6e20-6279-746573202121",
//!         "start",
//!         "dtmf 5",
//!         "end: closed by the peer",
//!         "drop",
//!     ]
//! );
//! ```

mod acceptor;
mod answers;
mod entry;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use audiosocket_server::Call;

pub use self::acceptor::{TranscriptAcceptor, TranscriptHandler};
pub use self::answers::{Answering, Answers};
pub use self::entry::{Entry, Record};

/// The callbacks of all calls of a server, in the order in which they came.
///
/// Clones share the entries. They are kept until they are [taken](Self::take), so this is for
/// tests and not for a server that runs for days.
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

    /// Calls `look` with the entries, and without a copy of them. `look` must not use the
    /// transcript.
    pub fn with<R>(&self, look: impl FnOnce(&[Entry]) -> R) -> R {
        look(&self.state().entries)
    }

    /// Adds a line of your own, which is about no call.
    pub fn note(&self, text: impl Into<String>) {
        self.push(Entry::note(text.into()));
    }

    /// Adds a line of your own about `call`.
    pub fn note_about(&self, call: &Call<'_>, text: impl Into<String>) {
        self.push(Entry::about(call, Record::Note(text.into())));
    }

    /// Blocks until `look` returns something for the entries. Returns `None` after `timeout`.
    ///
    /// In a test with an async runtime use [`until`](Self::until), since this can block the thread
    /// that the server runs on.
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

    /// Waits until `look` returns something for the entries.
    ///
    /// This has no deadline; your runtime's timeout gives it one.
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

    /// Waits for an entry, removes the oldest, and returns it.
    ///
    /// This has no deadline; your runtime's timeout gives it one.
    pub async fn next(&self) -> Entry {
        self.until(|entries| (!entries.is_empty()).then_some(()))
            .await;
        self.state().entries.remove(0)
    }

    /// Returns how many clones of this transcript exist, this one included.
    ///
    /// An acceptor and each of its handlers hold one, so a test can assert that they are gone.
    #[must_use]
    pub fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    fn push(&self, entry: Entry) {
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
