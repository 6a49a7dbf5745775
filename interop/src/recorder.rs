//! A server made with this project's library, which writes down what its callbacks are told.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use audiosocket_tokio::admission::Admission;
use audiosocket_tokio::{Acceptor, Callbacks, Response, ServerHandle};
use uuid::Uuid;

/// What the server answers to audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Nothing.
    Silence,
    /// The same audio.
    Echo,
    /// The same audio, and from this piece of it on a hangup.
    HangUpAt(usize),
}

/// A callback of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Told {
    /// `on_audio`; no bytes say that the call is over.
    Audio(Vec<u8>),
    /// `on_dtmf`.
    Key(char),
    /// `on_exception`.
    Exception(String),
}

type Story = Arc<Mutex<Vec<(Option<Uuid>, Told)>>>;

/// The running server.
#[derive(Debug)]
pub struct Recorder {
    port: u16,
    story: Story,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Starts on a port of its own.
    ///
    /// # Panics
    /// When it cannot.
    #[must_use]
    pub fn start(answer: Answer) -> Self {
        let story = Story::default();
        let callbacks = callbacks(answer, &story);
        let (started, starting) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            serve(callbacks, Admission::new(), |addrs, handle| {
                let _ = started.send((addrs[0].port(), handle));
            })
            .expect("the server serves");
        });
        let (port, handle) = starting.recv().expect("the server starts");
        let thread = Some(thread);
        Self {
            port,
            story,
            handle,
            thread,
        }
    }

    /// The port to send Asterisk to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the callbacks were told of `call` so far.
    #[must_use]
    pub fn told(&self, call: Uuid) -> Vec<Told> {
        let story = self.story.lock().unwrap_or_else(PoisonError::into_inner);
        let of_call = story.iter().filter(|(uuid, _)| *uuid == Some(call));
        of_call.map(|(_, told)| told.clone()).collect()
    }

    /// Returns what the callbacks were told of all calls, after `calls` of them are over and the
    /// server has ended.
    ///
    /// # Panics
    /// When they do not end.
    #[must_use]
    pub fn finish(mut self, calls: usize) -> Vec<(Option<Uuid>, Told)> {
        crate::wait_for("the calls to be over", || {
            let story = self.story.lock().unwrap_or_else(PoisonError::into_inner);
            let ends = story.iter().filter(|(_, told)| told.is_end()).count();
            (ends >= calls).then_some(())
        });
        // What comes after the last word of a call is worth knowing, too.
        crate::wait_for("the connections to be closed", || {
            self.handle.calls().is_empty().then_some(())
        });
        self.stop();
        std::mem::take(&mut self.story.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn stop(&mut self) {
        self.handle.shutdown(Duration::ZERO);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the server does not panic");
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

impl Told {
    /// Whether this says that the call is over.
    #[must_use]
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Audio(audio) if audio.is_empty())
    }
}

/// Serves on the runtime under test, with these options, on a port of its own. Runs `ready` when it listens.
///
/// # Errors
/// Those of listening.
///
/// # Panics
/// When `AUDIOSOCKET_RUNTIME` names no runtime.
pub fn serve<A: Acceptor>(
    acceptor: A,
    admission: Admission,
    ready: impl FnOnce(&[SocketAddr], ServerHandle),
) -> io::Result<()> {
    let addr = "127.0.0.1:0";
    match &*crate::runtime() {
        "tokio" => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(async {
                let server = audiosocket_tokio::Server::builder()
                    .bind(addr)
                    .admission(admission)
                    .start(acceptor)
                    .await?;
                ready(server.local_addrs(), server.handle());
                server.serve_forever().await
            }),
        "smol" => async_io::block_on(async {
            let server = audiosocket_smol::Server::builder()
                .bind(addr)
                .admission(admission)
                .start(acceptor)
                .await?;
            ready(server.local_addrs(), server.handle());
            server.serve_forever().await
        }),
        "blocking" => {
            let server = audiosocket_blocking::Server::builder()
                .bind(addr)
                .admission(admission)
                .start(acceptor)?;
            ready(server.local_addrs(), server.handle());
            server.serve_forever()
        }
        other => panic!("AUDIOSOCKET_RUNTIME is {other}"),
    }
}

fn callbacks(answer: Answer, story: &Story) -> Callbacks {
    let tell = |story: &Story| {
        let story = Arc::clone(story);
        move |call: Option<Uuid>, told: Told| {
            let mut story = story.lock().unwrap_or_else(PoisonError::into_inner);
            story.push((call, told));
            story.iter().filter(|(uuid, _)| *uuid == call).count()
        }
    };
    let (on_audio, on_dtmf, on_exception) = (tell(story), tell(story), tell(story));
    Callbacks::new(
        move |call, _, audio| {
            let so_far = on_audio(Some(call), Told::Audio(audio.payload().to_vec()));
            match answer {
                Answer::Silence => Response::Nothing,
                Answer::HangUpAt(at) if so_far >= at => Response::Hangup,
                Answer::Echo | Answer::HangUpAt(_) => audio.into(),
            }
        },
        move |call, _, error| {
            on_exception(call, Told::Exception(error.to_string()));
        },
    )
    .on_dtmf(move |call, _, digit| {
        on_dtmf(Some(call), Told::Key(digit.as_char()));
        Response::Nothing
    })
}
