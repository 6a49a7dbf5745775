use std::cell::{Cell, RefCell};
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use audiosocket_proto::{MarkOutcome, SessionConfig};
use audiosocket_server::{Admission, Played};

use crate::acceptor::scripted;
use crate::env::Env;
use crate::frames::{audio, uuid};
use crate::runner::{Runner, ServerSetup};
use crate::scripted_connection::ScriptedConnection;
use crate::transcript::Transcripts;

/// The server of one case. The drop shuts the server down, and fails if the server does not return
/// or has records that the case did not expect.
pub(crate) struct TestServer {
    env: Rc<dyn Env>,
    transcripts: Transcripts,
}

impl TestServer {
    /// Starts a server that sends no silence and no fades, and whose deadlines no case reaches. So a busy machine does not
    /// change cases that are not about deadlines.
    pub(crate) fn new(runner: &Runner) -> Self {
        Self::with(runner, |session| session)
    }

    /// Starts a server whose session differs from that of [`new`](Self::new).
    pub(crate) fn with(
        runner: &Runner,
        configure: impl FnOnce(SessionConfig) -> SessionConfig,
    ) -> Self {
        Self::made(runner, configure, Admission::new())
    }

    /// Starts a server with these limits or this admission.
    pub(crate) fn with_admission(runner: &Runner, admission: impl Into<Admission>) -> Self {
        Self::made(runner, |session| session, admission.into())
    }

    /// Starts a server with this session and this admission.
    pub(crate) fn made(
        runner: &Runner,
        configure: impl FnOnce(SessionConfig) -> SessionConfig,
        admission: Admission,
    ) -> Self {
        let session = SessionConfig::new()
            .uuid_timeout(Duration::from_secs(3600))
            .linger(Duration::from_secs(3600))
            .write_timeout(Duration::from_secs(3600))
            .fill_silence(false)
            .fade_cuts(false);
        let transcripts = Transcripts::default();
        let setup = ServerSetup {
            acceptor: scripted(&transcripts),
            session: configure(session),
            admission,
        };
        Self {
            env: runner.serve(setup),
            transcripts,
        }
    }

    /// Connects, and sends nothing.
    pub(crate) fn connect(&self) -> ScriptedConnection {
        self.connect_from(None)
    }

    /// Connects from this address.
    pub(crate) fn connect_from(&self, from: Option<Ipv4Addr>) -> ScriptedConnection {
        let (wire, addr) = self.env.connect(from).unwrap();
        ScriptedConnection::new(wire, addr, &self.env, &self.transcripts)
    }

    /// Connects and sends the UUID of the call with this name.
    pub(crate) fn call(&self, name: &str) -> ScriptedConnection {
        let mut connection = self.connect();
        name.clone_into(&mut connection.name);
        connection.send(&uuid(name));
        connection
    }

    /// Starts the call with this name, and waits for its `on_start`.
    pub(crate) fn started(&self, name: &str) -> ScriptedConnection {
        let connection = self.call(name);
        connection.wait_for("start");
        connection
    }

    /// Checks a call that goes on after the frames `sent`. The server sends `back`, and then an echo.
    pub(crate) fn survives<L: AsRef<str>>(
        &self,
        name: &str,
        sent: &[u8],
        back: &[u8],
        records: &[L],
    ) {
        let mut connection = self.call(name);
        let alive = audio(b"alive");
        connection.send(&[sent, &alive].concat());
        connection.expect(&[back, &alive].concat());
        let mut records: Vec<_> = records.iter().map(AsRef::as_ref).collect();
        records.push("audio slin \"alive\"");
        connection.half_closes(&records);
    }

    /// Checks a call that the frames `sent` end. The server sends `back`, and then ends the stream. Frames in the same
    /// write and after the end reach no callback.
    pub(crate) fn ends<L: AsRef<str>>(
        &self,
        name: &str,
        sent: &[u8],
        back: &[u8],
        records: &[L],
        end: &str,
    ) {
        let mut connection = self.call(name);
        connection.send(&[sent, &audio(b"after the end")].concat());
        connection.expect(back);
        connection.expect_end();
        connection.send(&audio(b"long after the end"));
        connection.close();
        connection.check(records, end);
    }

    /// Waits until this many connections are open.
    pub(crate) fn open(&self, count: usize) {
        let reached = self.env.until(&|| self.env.open() == count);
        assert!(
            reached,
            "{} connections are open, and not {count}",
            self.env.open()
        );
    }

    /// Starts the call with this name as soon as the server accepts connections again.
    pub(crate) fn started_when_open(&self, name: &str) -> ScriptedConnection {
        let connected = RefCell::new(None);
        let opened = self.env.until(&|| {
            let connection = self.env.connect(None);
            connected.replace(connection.ok()).is_none() && connected.borrow().is_some()
        });
        assert!(opened, "the server still refuses connections");
        let (wire, addr) = connected.take().unwrap();
        let mut connection = ScriptedConnection::new(wire, addr, &self.env, &self.transcripts);
        name.clone_into(&mut connection.name);
        connection.send(&uuid(name));
        connection.wait_for("start");
        connection
    }

    /// Waits until the server accepts no connection.
    pub(crate) fn refuses_connections(&self) {
        let refused = self.env.until(&|| self.env.connect(None).is_err());
        assert!(refused, "the server still accepts connections");
    }

    pub(crate) fn shut_down(&self, grace: Duration) {
        self.env.shut_down(grace);
    }

    /// Waits until the server has returned.
    pub(crate) fn returned(&self) {
        let returned = self.env.until(&|| self.env.has_stopped());
        assert!(returned, "the server does not return");
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.env.has_stopped()
    }

    /// Waits until the audio was played or cleared, or its call is over. It polls, because a thread
    /// that blocks stops virtual time.
    pub(crate) fn outcome(&self, waiting: Played) -> MarkOutcome {
        let waiting = RefCell::new(waiting);
        let outcome = Cell::new(None);
        let reached = self.env.until(&|| {
            let mut cx = Context::from_waker(Waker::noop());
            if let Poll::Ready(ready) = Pin::new(&mut *waiting.borrow_mut()).poll(&mut cx) {
                outcome.set(Some(ready));
            }
            outcome.get().is_some()
        });
        assert!(reached, "the audio is never played");
        outcome.get().unwrap()
    }

    pub(crate) fn wait(&self, time: Duration) {
        self.env.wait(time);
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.env.elapsed()
    }
}

impl From<Runner> for TestServer {
    fn from(runner: Runner) -> Self {
        Self::new(&runner)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.env.finish();
        let unexpected = self.transcripts.unexpected();
        assert!(unexpected.is_empty(), "unexpected records: {unexpected:#?}");
        let holders = self.transcripts.entries().holders();
        assert_eq!(holders, 1, "a handler was not dropped");
    }
}
