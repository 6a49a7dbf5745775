//! A connection with a handler that echoes and records its callbacks.

use std::cell::{RefCell, RefMut};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use audiosocket_proto::SessionConfig;
use audiosocket_server::io::Connection;
use audiosocket_server::{Callbacks, Calls};

use crate::runtime::{FakeStream, FakeTimer, Script};

pub(crate) const HANGUP: [u8; 3] = [0x00, 0, 0];

/// The frame that begins a call.
pub(crate) const UUID: &[u8] = b"\x01\x00\x10sixteen bytes !!";

/// A frame of audio.
pub(crate) const AUDIO: &[u8] = b"\x10\x00\x04four";

/// A waker that counts.
#[derive(Default)]
pub(crate) struct CountingWaker(AtomicUsize);

impl CountingWaker {
    /// Returns the number of wake-ups since the last call of this method.
    pub(crate) fn wake_count(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) type Lines = Arc<Mutex<Vec<String>>>;

/// Echoes, and records its callbacks.
pub(crate) fn echo(lines: &Lines) -> Callbacks {
    let (on_audio, on_exception) = (lines.clone(), lines.clone());
    Callbacks::new(
        move |_, _, audio| {
            on_audio.lock().unwrap().push(match audio.len() {
                0 => "end".to_owned(),
                len => format!("audio {len}"),
            });
            audio.into()
        },
        move |_, _, error| on_exception.lock().unwrap().push(error.to_string()),
    )
}

pub(crate) struct Rig {
    pub(crate) connection: Connection<FakeStream, FakeTimer, Callbacks>,
    pub(crate) calls: Calls,
    pub(crate) bell: Arc<CountingWaker>,
    script: Rc<RefCell<Script>>,
    pub(crate) lines: Lines,
}

impl Rig {
    /// A call that has started.
    pub(crate) fn talking() -> Self {
        Self::talking_with(|config| config)
    }

    pub(crate) fn talking_with(configure: impl FnOnce(SessionConfig) -> SessionConfig) -> Self {
        let lines = Lines::default();
        let mut rig = Self::new(echo(&lines), configure);
        rig.lines = lines;
        rig.reads([UUID]);
        assert!(rig.poll().is_pending());
        rig.log();
        rig
    }

    pub(crate) fn new(
        callbacks: Callbacks,
        configure: impl FnOnce(SessionConfig) -> SessionConfig,
    ) -> Self {
        let config = configure(SessionConfig::new().fill_silence(false));
        let (script, calls) = (Rc::default(), Calls::default());
        let stream = FakeStream::new(&script);
        Self {
            connection: Connection::new(stream, "peer".into(), callbacks.into(), config, &calls),
            calls,
            bell: Arc::default(),
            script,
            lines: Lines::default(),
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
        Pin::new(&mut self.connection).poll(&mut Context::from_waker(&waker))
    }

    /// Returns the actions of the stream since the last call of this method.
    pub(crate) fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.script().log)
    }

    /// Returns the bytes that the stream took since the last call of this method.
    pub(crate) fn sent(&self) -> Vec<u8> {
        std::mem::take(&mut self.script().sent)
    }

    /// Returns the callbacks since the last call of this method.
    pub(crate) fn callbacks(&self) -> Vec<String> {
        std::mem::take(&mut self.lines.lock().unwrap())
    }

    /// Turns the connection away. Returns the bytes that it sent.
    pub(crate) fn turn_away(self) -> Vec<u8> {
        let script = self.script.clone();
        self.connection.turn_away();
        script.take().sent
    }
}
