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
use crate::frames::uuid;
use crate::runner::Runner;
use crate::scripted_connection::ScriptedConnection;
use crate::transcript::Transcripts;

/// A server that does what scripts say, for one case. When this is dropped, the server is shut down,
/// must return, and must have recorded nothing that the case did not expect.
pub(crate) struct TestServer {
    env: Rc<dyn Env>,
    transcripts: Transcripts,
}

impl TestServer {
    /// Starts a server with deadlines and a backlog that are out of reach, and without silence, so that
    /// a case which is not about them runs the same on a busy machine.
    pub(crate) fn new(runner: &Runner) -> Self {
        Self::with(runner, |session| session)
    }

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

    fn made(
        runner: &Runner,
        configure: impl FnOnce(SessionConfig) -> SessionConfig,
        admission: Admission,
    ) -> Self {
        let session = SessionConfig::new()
            .uuid_timeout(Duration::from_secs(3600))
            .linger(Duration::from_secs(3600))
            .write_timeout(Duration::from_secs(3600))
            .fill_silence(false);
        let session = configure(session);
        let transcripts = Transcripts::default();
        Self {
            env: runner.serve(scripted(&transcripts), session, admission),
            transcripts,
        }
    }

    /// A connection on which nothing was sent.
    pub(crate) fn connect(&self) -> ScriptedConnection {
        self.connect_from(None)
    }

    /// The same, from an address that may be another than that of this machine.
    pub(crate) fn connect_from(&self, from: Option<Ipv4Addr>) -> ScriptedConnection {
        let (wire, addr) = self.env.connect(from).unwrap();
        ScriptedConnection::new(wire, addr, &self.env, &self.transcripts)
    }

    /// A connection on which the UUID was sent; `name` says how the call goes.
    pub(crate) fn call(&self, name: &str) -> ScriptedConnection {
        let mut line = self.connect();
        line.send(&uuid(name));
        line
    }

    /// Waits until this many connections are open.
    pub(crate) fn open(&self, count: usize) {
        let reached = self.env.until(&|| self.env.open() == count);
        assert!(reached, "{} and not {count} open", self.env.open());
    }

    /// Waits until the server accepts no more.
    pub(crate) fn refuses_connections(&self) {
        let refused = self.env.until(&|| self.env.connect(None).is_err());
        assert!(refused, "the server still accepts");
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

    /// Waits until something was played or cleared, or its call is over. In virtual time a thread that
    /// blocks would never wake, so this polls.
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
        assert!(reached, "it is never played");
        outcome.get().unwrap()
    }

    pub(crate) fn wait(&self, time: Duration) {
        self.env.wait(time);
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.env.elapsed()
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
