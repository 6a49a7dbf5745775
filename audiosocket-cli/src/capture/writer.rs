//! The thread that writes the files of all captures.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Instant, SystemTime};

use audiosocket_proto::{Frame, Message};
use audiosocket_tokio::stats::CallSide;
use uuid::Uuid;

use super::directory::{CaptureDirectory, CaptureFile};

/// Something that happened in a capture.
#[derive(Debug)]
pub(super) struct CaptureEntry {
    pub(super) id: u64,
    pub(super) at: Instant,
    pub(super) event: CaptureEvent,
}

#[derive(Debug)]
pub(super) enum CaptureEvent {
    Start {
        caller: SocketAddr,
        server: SocketAddr,
    },
    /// Bytes that one side sent.
    Bytes(CallSide, Vec<u8>),
    /// One side has closed its direction.
    HalfClose(CallSide),
    /// No more bytes come, for this reason.
    Cut(&'static str),
    /// The call is over.
    End,
    /// All captures end.
    Finish,
}

#[derive(Debug)]
pub(super) struct CaptureWriter {
    directory: CaptureDirectory,
    /// The bytes in the queue.
    queued: Arc<AtomicUsize>,
    clock: WallClock,
    open: HashMap<u64, OpenCapture>,
}

/// The wall clock at the start, from which on the monotonic clock counts. So the times of a capture never jump.
#[derive(Clone, Copy, Debug)]
struct WallClock {
    epoch: Instant,
    wall: SystemTime,
}

/// A capture that goes on.
#[derive(Debug)]
struct OpenCapture {
    caller: SocketAddr,
    server: SocketAddr,
    started: SystemTime,
    /// `None` before the first bytes. The first frame has the UUID, and the name of the file too.
    file: Option<CaptureFile>,
}

impl WallClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the times in a capture are times of the day"
    )]
    fn now() -> Self {
        Self {
            epoch: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    fn time(self, at: Instant) -> SystemTime {
        self.wall + at.saturating_duration_since(self.epoch)
    }
}

impl CaptureWriter {
    pub(super) fn new(directory: CaptureDirectory, queued: Arc<AtomicUsize>) -> Self {
        Self {
            directory,
            queued,
            clock: WallClock::now(),
            open: HashMap::new(),
        }
    }

    /// Writes until [`CaptureEvent::Finish`].
    pub(super) fn run(mut self, entries: &Receiver<CaptureEntry>) {
        while let Ok(CaptureEntry { id, at, event }) = entries.recv() {
            let len = match &event {
                CaptureEvent::Bytes(_, bytes) => bytes.len(),
                CaptureEvent::Finish => break,
                _ => 0,
            };
            self.handle(id, self.clock.time(at), event);
            self.queued.fetch_sub(len, Ordering::Relaxed);
        }
        for (_, capture) in self.open {
            capture.end("captured in part: the program ends");
        }
    }

    fn handle(&mut self, id: u64, at: SystemTime, event: CaptureEvent) {
        if let CaptureEvent::Start { caller, server } = event {
            let capture = OpenCapture {
                caller,
                server,
                started: at,
                file: None,
            };
            self.open.insert(id, capture);
            return;
        }
        // Without an entry, the capture has failed or was cut.
        let Some(capture) = self.open.get_mut(&id) else {
            return;
        };
        let written = match event {
            CaptureEvent::Bytes(side, bytes) => capture.write(&self.directory, side, at, &bytes),
            CaptureEvent::HalfClose(side) => capture.half_close(side, at),
            CaptureEvent::Cut(reason) => {
                tracing::warn!(
                    file = capture.name(),
                    reason,
                    "a capture ends before its call"
                );
                self.open.remove(&id);
                return;
            }
            CaptureEvent::End => {
                if let Some(capture) = self.open.remove(&id) {
                    capture.end("captured");
                }
                return;
            }
            CaptureEvent::Start { .. } | CaptureEvent::Finish => Ok(()),
        };
        if let Err(error) = written {
            let file = capture.name();
            tracing::warn!(file, %error, "a capture failed; its call goes on");
            self.open.remove(&id);
        }
    }
}

impl OpenCapture {
    fn write(
        &mut self,
        directory: &CaptureDirectory,
        side: CallSide,
        at: SystemTime,
        bytes: &[u8],
    ) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let uuid = (side == CallSide::Caller).then(|| uuid_of(bytes)).flatten();
                let file = directory.create(self.started, uuid, self.caller, self.server)?;
                self.file.insert(file)
            }
        };
        file.write(side, at, bytes)
    }

    fn half_close(&mut self, side: CallSide, at: SystemTime) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.half_close(side, at),
            None => Ok(()),
        }
    }

    fn name(&self) -> Option<&str> {
        self.file.as_ref().map(CaptureFile::name)
    }

    fn end(self, how: &str) {
        if let Some(file) = self.name() {
            tracing::info!(file, "{how}");
        }
    }
}

/// Returns the UUID, if `bytes` begin with its frame.
fn uuid_of(mut bytes: &[u8]) -> Option<Uuid> {
    match Message::parse(Frame::split_first(&mut bytes)?) {
        Ok(Message::Uuid(uuid)) => Some(uuid),
        _ => None,
    }
}
