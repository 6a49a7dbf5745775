use std::cell::{Cell, RefCell};
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use audiosocket_proto::{MarkOutcome, SessionConfig};
use audiosocket_server::{Limits, Played};

use crate::frames::uuid;
use crate::line::Line;
use crate::recorder::{Door, Recorder};
use crate::runner::Runner;
use crate::transcript::Transcripts;
use crate::world::World;

/// A server with a [`Recorder`], for the time of one case. When it is dropped, the server is shut
/// down, must return, and must have told nothing that the case did not expect.
pub(crate) struct Bench {
    world: Rc<dyn World>,
    transcripts: Transcripts,
}

impl Bench {
    /// With deadlines that are out of reach, a backlog that is, and nothing said of its own accord, so
    /// that a case which is not about them runs the same on a machine that is busy with something
    /// else.
    pub(crate) fn new(runner: &Runner) -> Self {
        Self::with(runner, |_| {})
    }

    /// With this done to whoever connects.
    pub(crate) fn with_door(runner: &Runner, door: Door) -> Self {
        Self::made(runner, door, |_| {}, Limits::default())
    }

    pub(crate) fn with(runner: &Runner, configure: impl FnOnce(&mut SessionConfig)) -> Self {
        Self::made(runner, Door::Open, configure, Limits::default())
    }

    /// With so many connections and no more.
    pub(crate) fn with_limits(runner: &Runner, limits: Limits) -> Self {
        Self::made(runner, Door::Open, |_| {}, limits)
    }

    fn made(
        runner: &Runner,
        door: Door,
        configure: impl FnOnce(&mut SessionConfig),
        limits: Limits,
    ) -> Self {
        let mut session = SessionConfig::default();
        session.uuid_timeout = Duration::from_secs(3600);
        session.linger = Duration::from_secs(3600);
        session.write_timeout = Duration::from_secs(3600);
        session.max_unread = 1 << 30;
        session.fill_silence = false;
        configure(&mut session);
        let transcripts = Transcripts::default();
        Self {
            world: runner.serve(Recorder::new(&transcripts, door), session, limits),
            transcripts,
        }
    }

    /// A connection on which nothing was sent.
    pub(crate) fn connect(&self) -> Line {
        self.connect_from(None)
    }

    /// The same, from an address that may be another than that of this machine.
    pub(crate) fn connect_from(&self, from: Option<Ipv4Addr>) -> Line {
        let (wire, addr) = self.world.connect(from).unwrap();
        Line::new(wire, addr, &self.world, &self.transcripts)
    }

    /// A connection on which the UUID was sent; `name` says how the call goes.
    pub(crate) fn call(&self, name: &str) -> Line {
        let mut line = self.connect();
        line.send(&uuid(name));
        line
    }

    /// Waits until this many connections are open.
    pub(crate) fn open(&self, count: usize) {
        let reached = self.world.until(&|| self.world.open() == count);
        assert!(reached, "{} and not {count} open", self.world.open());
    }

    /// Waits until the server accepts no more.
    pub(crate) fn refuses_connections(&self) {
        let refused = self.world.until(&|| self.world.connect(None).is_err());
        assert!(refused, "the server goes on accepting");
    }

    pub(crate) fn shut_down(&self, grace: Duration) {
        self.world.shut_down(grace);
    }

    /// Waits until the server has returned.
    pub(crate) fn returned(&self) {
        let returned = self.world.until(&|| self.world.has_stopped());
        assert!(returned, "the server does not return");
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.world.has_stopped()
    }

    /// Waits until something was played, cleared, or will be no more. Not by blocking, since in virtual
    /// time that would be for ever.
    pub(crate) fn outcome(&self, waiting: Played) -> MarkOutcome {
        let waiting = RefCell::new(waiting);
        let outcome = Cell::new(None);
        let reached = self.world.until(&|| {
            let mut cx = Context::from_waker(Waker::noop());
            if let Poll::Ready(told) = Pin::new(&mut *waiting.borrow_mut()).poll(&mut cx) {
                outcome.set(Some(told));
            }
            outcome.get().is_some()
        });
        assert!(reached, "it is never played");
        outcome.get().unwrap()
    }

    pub(crate) fn wait(&self, time: Duration) {
        self.world.wait(time);
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.world.elapsed()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.world.finish();
        let unclaimed = self.transcripts.unclaimed();
        assert!(unclaimed.is_empty(), "told besides: {unclaimed:#?}");
        assert_eq!(self.transcripts.writers(), 1, "a call was not let go");
    }
}
