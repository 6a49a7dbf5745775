//! A server made with this project's library, whose callbacks are recorded.

use std::io;
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use audiosocket_testing::transcript::{Answers, Entry, Record, Transcript, TranscriptAcceptor};
use audiosocket_tokio::admission::Admission;
use audiosocket_tokio::{Acceptor, Response, ServerHandle};
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

/// The running server. It records audio, key presses, exceptions and ends.
#[derive(Debug)]
pub struct Recorder {
    port: u16,
    transcript: Transcript,
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
        let transcript = Transcript::new();
        let acceptor = acceptor(answer, &transcript);
        let (started, starting) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            serve(acceptor, Admission::new(), |addrs, handle| {
                let _ = started.send((addrs[0].port(), handle));
            })
            .expect("the server serves");
        });
        let (port, handle) = starting.recv().expect("the server starts");
        Self {
            port,
            transcript,
            handle,
            thread: Some(thread),
        }
    }

    /// The port that Asterisk connects to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the records of `call` so far.
    #[must_use]
    pub fn records(&self, call: Uuid) -> Vec<Record> {
        let entries = self.transcript.entries();
        let of_call = entries.into_iter().filter(|entry| entry.uuid == Some(call));
        of_call.map(|entry| entry.record).collect()
    }

    /// Returns the records of all calls, after `calls` of them are over and the server has ended.
    ///
    /// # Panics
    /// When they do not end.
    #[must_use]
    pub fn finish(mut self, calls: usize) -> Vec<Entry> {
        crate::wait_for("the calls to be over", || {
            let is_end = |entry: &&Entry| matches!(entry.record, Record::End(_));
            let ends = |entries: &[Entry]| entries.iter().filter(is_end).count();
            (self.transcript.with(ends) >= calls).then_some(())
        });
        // A callback after the end of a call must not be missed.
        crate::wait_for("the connections to be closed", || {
            self.handle.calls().is_empty().then_some(())
        });
        self.stop();
        self.transcript.take()
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

/// Serves on the runtime under test, with this admission, and calls `ready` when it listens.
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

fn acceptor(answer: Answer, transcript: &Transcript) -> TranscriptAcceptor<Answers> {
    let records = transcript.clone();
    let answers = Answers::new().on_audio(move |call, audio| {
        let of_call = |entry: &&Entry| entry.uuid == Some(call.uuid());
        let so_far = records.with(|entries| entries.iter().filter(of_call).count());
        match answer {
            Answer::Silence => Response::Nothing,
            Answer::HangUpAt(at) if so_far >= at => Response::Hangup,
            Answer::Echo | Answer::HangUpAt(_) => audio.into(),
        }
    });
    TranscriptAcceptor::new(answers)
        .record_into(transcript)
        .keep_if(|entry| {
            matches!(
                entry.record,
                Record::NoCall(_)
                    | Record::Audio(..)
                    | Record::Dtmf(_)
                    | Record::Exception(_)
                    | Record::End(_)
            )
        })
}
