//! The calls that are open at present, for the summary of SIGUSR1.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use audiosocket_server::CallHandle;
use audiosocket_tokio::{Call, ServerHandle};

/// The open calls of a server. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct CallList(Arc<Mutex<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    calls: BTreeMap<u64, (Instant, CallHandle)>,
    next: u64,
}

impl CallList {
    /// Adds a call until the returned entry is dropped.
    pub(super) fn add(&self, call: &Call<'_>) -> CallListEntry {
        let mut shared = self.lock();
        let key = shared.next;
        shared.next += 1;
        shared.calls.insert(key, (Instant::now(), call.handle()));
        drop(shared);
        CallListEntry {
            calls: self.clone(),
            key,
        }
    }

    /// Logs a line about the server, and a line about each call, the oldest first.
    pub(super) fn log(&self, server: &ServerHandle) {
        let calls: Vec<_> = self.lock().calls.values().cloned().collect();
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
            let stats = call.stats();
            tracing::info!(
                uuid = call.uuid().map(tracing::field::display),
                peer = %call.peer(),
                seconds = format_args!("{:.3}", started.elapsed().as_secs_f64()),
                rate_in = call.sample_rate().map(tracing::field::display),
                rate_out = stats.rate_sent.map(tracing::field::display),
                frames_in = stats.session.audio_frames_received,
                frames_out = stats.session.audio_frames_sent,
                queued = ?stats.playout.depth,
                "open call"
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An entry of the open calls.
#[derive(Debug)]
pub(super) struct CallListEntry {
    calls: CallList,
    key: u64,
}

impl Drop for CallListEntry {
    fn drop(&mut self) {
        let removed = self.calls.lock().calls.remove(&self.key);
        // Not under the lock.
        drop(removed);
    }
}
