use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use audiosocket_media::SampleRate;
use uuid::Uuid;

use crate::RecorderStats;
use crate::quota::{QuotaPermit, Usage};
use crate::sides::{Side, Sides};

/// New calls are refused while more starts and ends than this wait. Without this limit, new calls on a
/// disk that hangs would take memory without bound.
pub(crate) const MAX_EVENTS: usize = 4096;

/// The number of a call among the calls of a recorder.
pub(crate) type CallId = u64;

/// The start of a call.
#[derive(Debug)]
pub(crate) struct CallStart {
    pub(crate) uuid: Uuid,
    pub(crate) at: Instant,
    /// The same time as `at`, by the calendar.
    pub(crate) utc: SystemTime,
    /// The only file of the recording, if its path is given.
    pub(crate) path: Option<PathBuf>,
}

impl CallStart {
    /// Returns the name for error messages: the path, or the UUID.
    pub(crate) fn name(&self) -> String {
        let path = self.path.as_ref().map(|path| path.display().to_string());
        path.unwrap_or_else(|| self.uuid.to_string())
    }
}

/// A frame of audio with its time of arrival.
#[derive(Debug)]
pub(crate) struct RecordedFrame {
    pub(crate) at: Instant,
    pub(crate) rate: SampleRate,
    pub(crate) payload: Vec<u8>,
    /// The audio that is missing before this frame, at the rate of this frame.
    pub(crate) lost: LostAudio,
}

/// Audio that is missing in a recording.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LostAudio {
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
}

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
    pub(crate) messages: Sender<WriterMessage>,
    pub(crate) shared: Arc<QueueState>,
}

#[derive(Debug)]
pub(crate) struct QueueState {
    pub(crate) limits: QueueLimits,
    pub(crate) sides: Sides,
    /// `None` if the writer names the files.
    pub(crate) path_of: Option<PathOf>,
    pub(crate) next: AtomicU64,
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
