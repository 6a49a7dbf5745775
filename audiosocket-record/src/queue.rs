use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::RecorderStats;
use crate::quota::{QuotaPermit, Usage};
use crate::track::{CallEnd, CallStart, Frame, Track, TrackError};

/// New calls are refused while more starts and ends than this wait. On a disk that hangs, calls
/// that come and go would take more and more memory.
pub(crate) const MAX_EVENTS: usize = 4096;

/// The number of a call among the calls of a recorder.
pub(crate) type CallId = u64;

/// A message to the writer, in the order of events.
#[derive(Debug)]
pub(crate) enum WriterMessage {
    Start(CallId, CallStart, QuotaPermit<1>),
    Frame(CallId, Frame, QuotaPermit<2>),
    End(CallId, CallEnd, QuotaPermit<1>),
    Tick(Instant),
    /// Ends all calls that have not ended, and the writer.
    Shutdown(Instant),
}

/// How many bytes may wait for the disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    pub(crate) per_call: usize,
    /// Beyond this each call has only
    /// [`GUARANTEED_PER_CALL`](crate::track::GUARANTEED_PER_CALL).
    pub(crate) all_calls: usize,
}

impl Default for QueueLimits {
    /// 45 seconds of a call at 8 kHz in frames of 20 ms, and 256 MiB.
    fn default() -> Self {
        Self {
            per_call: 1 << 20,
            all_calls: 256 << 20,
        }
    }
}

/// The queue to the writer. It never blocks. Clones are the same queue.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    messages: Sender<WriterMessage>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limits: QueueLimits,
    next: AtomicU64,
    /// Bytes that wait.
    waiting: Usage,
    /// Starts and ends that wait.
    events: Usage,
    /// The lock is held only for a moment.
    stats: Mutex<RecorderStats>,
}

impl Queue {
    pub(crate) fn new(messages: Sender<WriterMessage>, limits: QueueLimits) -> Self {
        Self {
            messages,
            shared: Arc::new(Shared {
                limits,
                next: AtomicU64::new(0),
                waiting: Usage::default(),
                events: Usage::default(),
                stats: Mutex::default(),
            }),
        }
    }

    /// Starts the recording of a call.
    pub(crate) fn start(&self, start: CallStart) -> Result<Track, TrackError> {
        self.stats().started += 1;
        let path = start.path.as_ref();
        let name = path.map_or_else(|| start.uuid.to_string(), |path| path.display().to_string());
        let started = self.try_start(start, &name);
        started.inspect_err(|error| self.note_error(&name, &error.to_string()))
    }

    fn try_start(&self, start: CallStart, name: &str) -> Result<Track, TrackError> {
        let (permit, waiting) = self.event();
        if waiting > MAX_EVENTS {
            return Err(TrackError::DiskTooSlow);
        }
        let id = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let message = WriterMessage::Start(id, start, permit);
        match self.messages.send(message) {
            Ok(()) => Ok(Track::new(id, self.clone(), name.to_owned())),
            Err(_) => Err(TrackError::RecorderEnded),
        }
    }

    /// Counts a start or an end. Returns how many wait, with this one.
    pub(crate) fn event(&self) -> (QuotaPermit<1>, usize) {
        let (permit, [waiting]) = QuotaPermit::take(1, [self.shared.events.clone()]);
        (permit, waiting)
    }

    /// Sends a message, unless the writer has ended.
    pub(crate) fn send(&self, message: WriterMessage) {
        let _ = self.messages.send(message);
    }

    pub(crate) fn limits(&self) -> QueueLimits {
        self.shared.limits
    }

    pub(crate) fn waiting(&self) -> &Usage {
        &self.shared.waiting
    }

    pub(crate) fn stats(&self) -> MutexGuard<'_, RecorderStats> {
        // No code that can panic runs under the lock.
        let stats = self.shared.stats.lock();
        stats.unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the error for the statistics, if it is the first.
    pub(crate) fn note_error(&self, recording: &str, error: &str) {
        let describe = || format!("{}: {error}", recording.escape_debug());
        self.stats().first_error.get_or_insert_with(describe);
    }
}
