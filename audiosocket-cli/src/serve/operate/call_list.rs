//! The calls that are open at present, for the summary of SIGUSR1.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use audiosocket_server::CallHandle;
use audiosocket_tokio::{Call, ServerHandle};

/// A call of another process can be older than this process, but not by ten years.
const BEFORE: Duration = Duration::from_secs(10 * 365 * 86_400);

/// The open calls of a server. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::serve) struct CallList(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    epoch: Instant,
    /// The key is the start of the call, in nanoseconds since [`BEFORE`] the epoch. Calls that start together differ by
    /// one.
    calls: Mutex<BTreeMap<u64, CallHandle>>,
}

impl Default for CallList {
    fn default() -> Self {
        Self(Arc::new(Shared {
            epoch: Instant::now(),
            calls: Mutex::default(),
        }))
    }
}

impl CallList {
    /// Adds a call, and returns its key.
    fn add(&self, call: &Call<'_>) -> u64 {
        let age = u64::try_from(call.duration().as_nanos()).unwrap_or(u64::MAX);
        let mut key = self.now().saturating_sub(age);
        let mut calls = self.lock();
        while calls.contains_key(&key) {
            key += 1;
        }
        calls.insert(key, call.handle());
        key
    }

    /// Returns the nanoseconds since [`BEFORE`] the epoch.
    fn now(&self) -> u64 {
        let elapsed = self.0.epoch.elapsed() + BEFORE;
        u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Logs a line about the server, and a line about each call, the oldest first.
    pub(in crate::serve) fn log(&self, server: &ServerHandle) {
        let calls = self.lock().clone();
        let counters = server.counters();
        let full = server.calls().full();
        tracing::info!(
            calls = calls.len(),
            connections = server.calls().len(),
            started = counters.started,
            refused = counters.refused
                + counters.over_max_calls
                + counters.over_max_pending
                + counters.over_max_pending_per_addr
                + counters.while_refusing,
            times_full = counters.times_full,
            full = full.map(tracing::field::display),
            "summary"
        );
        for (started, call) in calls {
            let age = Duration::from_nanos(self.now().saturating_sub(started));
            let stats = call.stats();
            tracing::info!(
                uuid = call.uuid().map(tracing::field::display),
                peer = %call.peer(),
                seconds = format_args!("{:.3}", age.as_secs_f64()),
                rate_in = call.sample_rate().map(tracing::field::display),
                rate_out = stats.rate_sent.map(tracing::field::display),
                frames_in = stats.session.audio_frames_received,
                frames_out = stats.session.audio_frames_sent,
                queued = ?stats.playout.depth,
                "open call"
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, CallHandle>> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one call in the list, which it leaves when this is dropped.
#[derive(Debug)]
pub(in crate::serve) struct CallListEntry {
    calls: CallList,
    key: Option<u64>,
}

impl CallListEntry {
    /// Makes a place for a call that has not started.
    pub(in crate::serve) fn new(calls: &CallList) -> Self {
        Self {
            calls: calls.clone(),
            key: None,
        }
    }

    /// Adds the call to the list. Returns false if it is in the list already.
    pub(in crate::serve) fn start(&mut self, call: &Call<'_>) -> bool {
        let is_new = self.key.is_none();
        if is_new {
            self.key = Some(self.calls.add(call));
        }
        is_new
    }

    /// Removes the call from the list.
    pub(in crate::serve) fn end(&mut self) {
        let key = self.key.take();
        let removed = key.and_then(|key| self.calls.lock().remove(&key));
        // Not under the lock.
        drop(removed);
    }
}

impl Drop for CallListEntry {
    fn drop(&mut self) {
        self.end();
    }
}
