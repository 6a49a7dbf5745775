use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use uuid::Uuid;

use crate::RecorderStats;
use crate::quota::{QuotaPermit, Usage};
use crate::sides::{Side, Sides};
use crate::track::{CallStart, RecordedFrame, Track, TrackError};

/// New calls are refused while more starts and ends than this wait. Without this limit, new calls on a
/// disk that hangs would take memory without bound.
pub(crate) const MAX_EVENTS: usize = 4096;

/// The number of a call among the calls of a recorder.
pub(crate) type CallId = u64;

/// A message to the writer, in the order of events.
#[derive(Debug)]
pub(crate) enum WriterMessage {
    Start(CallId, CallStart, QuotaPermit<1>),
    Frame(CallId, Side, RecordedFrame, QuotaPermit<2>),
    /// Frames of the server that were lost at the end of a call.
    ServerLost(CallId, u64, QuotaPermit<1>),
    /// The number of frames that were lost at the end is the third field.
    End(CallId, Instant, u64, QuotaPermit<1>),
    Tick(Instant),
    /// Ends all calls that have not ended, and the writer.
    Shutdown(Instant),
}

/// The maximum number of bytes that wait for the disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    pub(crate) per_call: usize,
    /// Beyond this limit each call has only
    /// [`GUARANTEED_PER_CALL`](crate::track::GUARANTEED_PER_CALL).
    pub(crate) all_calls: usize,
}

impl Default for QueueLimits {
    /// Returns limits of 1 MiB for each call, 45 seconds at 8 kHz in frames of 20 ms, and of 256 MiB for all calls.
    fn default() -> Self {
        Self {
            per_call: 1 << 20,
            all_calls: 256 << 20,
        }
    }
}

/// Returns the path of the recording of a call.
#[derive(Clone)]
pub(crate) struct PathOf(pub(crate) Arc<dyn Fn(Uuid) -> PathBuf + Send + Sync>);

impl fmt::Debug for PathOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PathOf")
    }
}

/// The queue to the writer. It never blocks. Clones share the queue.
#[derive(Clone, Debug)]
pub(crate) struct WriterQueue {
    messages: Sender<WriterMessage>,
    pub(crate) shared: Arc<QueueState>,
}

#[derive(Debug)]
pub(crate) struct QueueState {
    pub(crate) limits: QueueLimits,
    pub(crate) sides: Sides,
    /// `None` if the writer names the files.
    path_of: Option<PathOf>,
    next: AtomicU64,
    /// Bytes that wait.
    pub(crate) waiting: Usage,
    /// Starts and ends that wait.
    events: Usage,
    /// The lock is held only for a moment.
    stats: Mutex<RecorderStats>,
}

impl WriterQueue {
    pub(crate) fn new(
        messages: Sender<WriterMessage>,
        limits: QueueLimits,
        path_of: Option<PathOf>,
        sides: Sides,
    ) -> Self {
        Self {
            messages,
            shared: Arc::new(QueueState {
                limits,
                sides,
                path_of,
                next: AtomicU64::new(0),
                waiting: Usage::default(),
                events: Usage::default(),
                stats: Mutex::default(),
            }),
        }
    }

    /// Starts the recording of a call that begins at `now`, which is the current time.
    pub(crate) fn start_now(&self, uuid: Uuid, now: Instant) -> Result<Track, TrackError> {
        #[expect(clippy::disallowed_methods, reason = "only names of files have it")]
        self.start(uuid, now, SystemTime::now())
    }

    /// Starts the recording of a call. `at` and `utc` are the same time.
    pub(crate) fn start(
        &self,
        uuid: Uuid,
        at: Instant,
        utc: SystemTime,
    ) -> Result<Track, TrackError> {
        self.stats().started += 1;
        let path = self.shared.path_of.as_ref().map(|path_of| path_of.0(uuid));
        let start = CallStart {
            uuid,
            at,
            utc,
            path,
        };
        let name = start.name();
        let (permit, waiting) = self.event();
        let started = if waiting > MAX_EVENTS {
            Err(TrackError::DiskTooSlow)
        } else {
            let id = self.shared.next.fetch_add(1, Ordering::Relaxed);
            let sent = self.messages.send(WriterMessage::Start(id, start, permit));
            sent.map(|()| id).map_err(|_| TrackError::RecorderEnded)
        };
        match started {
            Ok(id) => Ok(Track::new(id, self.clone(), name)),
            Err(error) => {
                self.stats().note_error(&name, &error);
                Err(error)
            }
        }
    }

    /// Returns whether each recording has one file, at a path that the user of the recorder chose.
    pub(crate) fn has_given_paths(&self) -> bool {
        self.shared.path_of.is_some()
    }

    /// Counts a start or an end. Returns the number that waits, including this one.
    pub(crate) fn event(&self) -> (QuotaPermit<1>, usize) {
        let (permit, [waiting]) = QuotaPermit::take(1, [self.shared.events.clone()]);
        (permit, waiting)
    }

    /// Sends a message, unless the writer has ended.
    pub(crate) fn send(&self, message: WriterMessage) {
        let _ = self.messages.send(message);
    }

    pub(crate) fn stats(&self) -> MutexGuard<'_, RecorderStats> {
        // No code that can panic runs under the lock.
        let stats = self.shared.stats.lock();
        stats.unwrap_or_else(PoisonError::into_inner)
    }
}
