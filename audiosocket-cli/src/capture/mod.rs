//! Captures: the bytes of both sides of a call, in files for Wireshark or for `audiosocket decode`.
//!
//! One thread writes all files. A call only copies its bytes into a queue of limited size, so a slow or full disk ends a
//! capture and delays no call.

mod directory;
mod options;
mod pcapng;
mod streams;
mod writer;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use audiosocket_tokio::stats::CallSide;

use writer::{CaptureEntry, CaptureEvent};

pub(crate) use options::CaptureOptions;

/// The most bytes that wait for the disk, of all captures.
const MAX_QUEUED: usize = 16 * 1024 * 1024;

/// The captures of a server. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Captures(Arc<CapturesState>);

#[derive(Debug)]
struct CapturesState {
    /// The queue of the writer. Only bytes of calls are limited in it: a call has few other entries.
    entries: Sender<CaptureEntry>,
    /// The bytes in the queue.
    queued: Arc<AtomicUsize>,
    /// How many calls may still be captured.
    calls_left: AtomicUsize,
    next_id: AtomicU64,
    max_bytes: u64,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Captures {
    /// Begins the capture of a call. Returns `None` if enough calls were captured.
    pub(crate) fn start(&self, caller: SocketAddr, server: SocketAddr) -> Option<CallCapture> {
        let take = |left: usize| left.checked_sub(1);
        let left = &self.0.calls_left;
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .ok()?;
        let capture = CallCapture {
            captures: Arc::clone(&self.0),
            id: self.0.next_id.fetch_add(1, Ordering::Relaxed),
            bytes_left: AtomicU64::new(self.0.max_bytes),
            is_over: AtomicBool::new(false),
        };
        capture.put(CaptureEvent::Start { caller, server });
        Some(capture)
    }

    /// Ends all captures, and waits until the files are written.
    pub(crate) fn finish(&self) {
        self.0.put(0, CaptureEvent::Finish);
        let thread = self.0.thread.lock();
        let thread = thread.unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes captures has panicked");
        }
    }
}

impl CapturesState {
    fn put(&self, id: u64, event: CaptureEvent) {
        let at = Instant::now();
        // An error: the writer has ended, and so have all captures.
        let _ = self.entries.send(CaptureEntry { id, at, event });
    }
}

/// The capture of one call. Dropping it ends the capture.
#[derive(Debug)]
pub(crate) struct CallCapture {
    captures: Arc<CapturesState>,
    id: u64,
    bytes_left: AtomicU64,
    is_over: AtomicBool,
}

impl CallCapture {
    /// Adds bytes that one side has sent. Ends the capture if it has its full size, or if too many bytes wait for the disk.
    pub(crate) fn push(&self, side: CallSide, bytes: &[u8]) {
        if self.is_over.load(Ordering::Relaxed) {
            return;
        }
        let len = bytes.len();
        let take = |left: u64| left.checked_sub(len as u64);
        let left = &self.bytes_left;
        if left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_err()
        {
            return self.cut("it has its full size; --capture-mb sets another");
        }
        let queued = &self.captures.queued;
        if queued.fetch_add(len, Ordering::Relaxed) + len > MAX_QUEUED {
            queued.fetch_sub(len, Ordering::Relaxed);
            return self.cut("the disk is too slow");
        }
        self.put(CaptureEvent::Bytes(side, bytes.to_vec()));
    }

    /// Notes that one side has closed its direction.
    pub(crate) fn half_close(&self, side: CallSide) {
        if !self.is_over.load(Ordering::Relaxed) {
            self.put(CaptureEvent::HalfClose(side));
        }
    }

    fn cut(&self, reason: &'static str) {
        if !self.is_over.swap(true, Ordering::Relaxed) {
            self.put(CaptureEvent::Cut(reason));
        }
    }

    fn put(&self, event: CaptureEvent) {
        self.captures.put(self.id, event);
    }
}

impl Drop for CallCapture {
    fn drop(&mut self) {
        self.put(CaptureEvent::End);
    }
}
