//! A connection with a handler that echoes and writes down what it is told.

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

/// Counts how often it was woken.
#[derive(Default)]
pub(crate) struct CountingWaker(AtomicUsize);

impl CountingWaker {
    /// How often since this was last asked.
    pub(crate) fn wake_count(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) type Told = Arc<Mutex<Vec<String>>>;

/// Echoes, and writes down what it is told.
pub(crate) fn echo(told: &Told) -> Callbacks {
    let (on_audio, on_exception) = (told.clone(), told.clone());
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
    pub(crate) told: Told,
}

impl Rig {
    /// A call that has begun.
    pub(crate) fn talking() -> Self {
        Self::talking_with(|config| config)
    }

    pub(crate) fn talking_with(configure: impl FnOnce(SessionConfig) -> SessionConfig) -> Self {
        let told = Told::default();
        let mut rig = Self::new(echo(&told), configure);
        rig.told = told;
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
            told: Told::default(),
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

    /// What the stream did since this was last asked.
    pub(crate) fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.script().log)
    }

    /// What it took since this was last asked.
    pub(crate) fn sent(&self) -> Vec<u8> {
        std::mem::take(&mut self.script().sent)
    }

    /// What the handler was told since this was last asked.
    pub(crate) fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().unwrap())
    }

    /// What it sent when nothing is left to serve it with.
    pub(crate) fn turn_away(self) -> Vec<u8> {
        let script = self.script.clone();
        self.connection.turn_away();
        script.take().sent
    }
}
