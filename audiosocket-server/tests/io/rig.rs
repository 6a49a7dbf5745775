//! A connection with a handler that echoes and records its callbacks.

use std::cell::{RefCell, RefMut};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use audiosocket_proto::SessionConfig;
use audiosocket_server::io::Connection;
use audiosocket_server::{Callbacks, Calls};
use audiosocket_testing::transcript::{Record, Transcript, TranscriptAcceptor};

use crate::runtime::{FakeStream, FakeTimer, Script};

pub(crate) const HANGUP: [u8; 3] = [0x00, 0, 0];

/// The frame that begins a call.
pub(crate) const UUID: &[u8] = b"\x01\x00\x10sixteen bytes !!";

/// A frame of audio.
pub(crate) const AUDIO: &[u8] = b"\x10\x00\x04four";

/// Counts how often it was woken.
#[derive(Default)]
pub(crate) struct Bell(AtomicUsize);

impl Bell {
    /// How often since this was last asked.
    pub(crate) fn rung(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Two closures, with a transcript of what happens between a call's start and its end.
pub(crate) type Recorded = TranscriptAcceptor<Callbacks>;

/// The record of [`AUDIO`].
pub(crate) const AUDIO_RECORD: &str = "audio slin 4 bytes";

/// Answers audio with the same audio.
pub(crate) fn echo() -> Recorded {
    recorded(Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {}))
}

fn recorded(callbacks: Callbacks) -> Recorded {
    TranscriptAcceptor::new(callbacks).keep_if(|entry| {
        !matches!(
            entry.record,
            Record::Accept(_) | Record::Start | Record::Drop
        )
    })
}

pub(crate) struct Rig {
    pub(crate) connection: Connection<FakeStream, FakeTimer, Recorded>,
    pub(crate) calls: Calls,
    pub(crate) bell: Arc<Bell>,
    script: Rc<RefCell<Script>>,
    pub(crate) transcript: Transcript,
}

impl Rig {
    /// A call that has begun.
    pub(crate) fn talking() -> Self {
        Self::talking_with(|_| {})
    }

    pub(crate) fn talking_with(configure: impl FnOnce(&mut SessionConfig)) -> Self {
        let mut rig = Self::with(echo(), configure);
        rig.reads([UUID]);
        assert!(rig.poll().is_pending());
        rig.log();
        rig
    }

    pub(crate) fn new(callbacks: Callbacks) -> Self {
        Self::with(recorded(callbacks), |_| {})
    }

    fn with(acceptor: Recorded, configure: impl FnOnce(&mut SessionConfig)) -> Self {
        let mut config = SessionConfig::default();
        config.fill_silence = false;
        configure(&mut config);
        let (script, calls) = (Rc::default(), Calls::default());
        let stream = FakeStream::new(&script);
        Self {
            transcript: acceptor.transcript(),
            connection: Connection::new(stream, "peer".into(), acceptor.into(), config, &calls),
            calls,
            bell: Arc::default(),
            script,
        }
    }

    pub(crate) fn script(&self) -> RefMut<'_, Script> {
        self.script.borrow_mut()
    }

    pub(crate) fn reads<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) {
        let pieces = pieces.into_iter().map(|piece| Ok(piece.to_vec()));
        self.script().reads.extend(pieces);
    }

    pub(crate) fn read_fails(&self, kind: io::ErrorKind) {
        self.script().reads.push_back(Err(kind.into()));
    }

    pub(crate) fn poll(&mut self) -> Poll<()> {
        let waker = Waker::from(self.bell.clone());
        self.connection.poll(&mut Context::from_waker(&waker))
    }

    /// What the stream did since this was last asked.
    pub(crate) fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.script().log)
    }

    /// What it took since this was last asked.
    pub(crate) fn sent(&self) -> Vec<u8> {
        std::mem::take(&mut self.script().sent)
    }

    /// Returns and removes the records of the handler so far.
    pub(crate) fn records(&self) -> Vec<String> {
        self.transcript.take_lines()
    }

    /// What it sent when nothing is left to serve it with.
    pub(crate) fn turn_away(self) -> Vec<u8> {
        let script = self.script.clone();
        self.connection.turn_away();
        script.take().sent
    }
}
