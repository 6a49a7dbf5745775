//! A server in this process that records its callbacks.

use std::io;
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use audiosocket_testing::transcript::{Answers, Entry, Record, Transcript, TranscriptAcceptor};
use audiosocket_tokio::admission::Admission;
use audiosocket_tokio::{Acceptor, Response, ServerHandle};
use uuid::Uuid;

/// The answer to audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Nothing.
    Silence,
    /// The same audio.
    Echo,
    /// The same audio, and a hangup after this number of records.
    HangUpAt(usize),
}

/// A server that records audio, key presses, exceptions and ends.
#[derive(Debug)]
pub struct Recorder {
    server: RunningServer,
    transcript: Transcript,
}

/// A server on the runtime under test, in a thread. It ends when this is dropped.
#[derive(Debug)]
pub struct RunningServer {
    port: u16,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl RunningServer {
    /// Starts a server on a port that the system chooses.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(acceptor: impl Acceptor, admission: Admission) -> Self {
        let (started, starting) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            serve(acceptor, admission, |addrs, handle| {
                let _ = started.send((addrs[0].port(), handle));
            })
            .expect("the server serves");
        });
        let (port, handle) = starting.recv().expect("the server starts");
        Self {
            port,
            handle,
            thread: Some(thread),
        }
    }

    /// Returns the port that Asterisk connects to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.handle.shutdown(Duration::ZERO);
        if let Some(thread) = self.thread.take()
            && !std::thread::panicking()
        {
            thread.join().expect("the server does not panic");
        }
    }
}

impl Recorder {
    /// Starts a server on a port that the system chooses.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(answer: Answer) -> Self {
        let transcript = Transcript::new();
        let acceptor = acceptor(answer, &transcript);
        let server = RunningServer::start(acceptor, Admission::new());
        Self { server, transcript }
    }

    /// Returns the port that Asterisk connects to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// Returns the records of `call` so far.
    #[must_use]
    pub fn records(&self, call: Uuid) -> Vec<Record> {
        let entries = self.transcript.entries();
        let of_call = entries.into_iter().filter(|entry| entry.uuid == Some(call));
        of_call.map(|entry| entry.record).collect()
    }

    /// Waits until `calls` calls have ended, ends the server, and returns the records of all calls.
    ///
    /// # Panics
    /// If they do not end.
    #[must_use]
    pub fn finish(self, calls: usize) -> Vec<Entry> {
        crate::wait_for("the calls to end", || {
            let is_end = |entry: &&Entry| matches!(entry.record, Record::End(_));
            let ends = |entries: &[Entry]| entries.iter().filter(is_end).count();
            (self.transcript.with(ends) >= calls).then_some(())
        });
        // So a callback after the end of a call is recorded too.
        crate::wait_for("the connections to be closed", || {
            self.server.handle.calls().is_empty().then_some(())
        });
        drop(self.server);
        self.transcript.take()
    }
}

/// Runs a server on the runtime under test. Calls `ready` when it listens.
///
/// # Errors
/// If the server cannot listen.
///
/// # Panics
/// If `AUDIOSOCKET_RUNTIME` names no runtime.
fn serve<A: Acceptor>(
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
        other => panic!("AUDIOSOCKET_RUNTIME is {other}, and not tokio, smol or blocking"),
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
