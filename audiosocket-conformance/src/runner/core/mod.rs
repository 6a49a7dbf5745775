//! The core alone, in virtual time. Time passes only when a case waits for a deadline, and then
//! exactly until that deadline.

mod connection;
mod woken;

use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use audiosocket_proto::{SessionConfig, Timestamp};
use audiosocket_server::{ServerAction, ServerDriver};

use self::connection::Connection;
use self::woken::Woken;
use super::ServerSetup;
use crate::acceptor::ScriptedAcceptor;
use crate::env::{Env, Fault, PeerSocket};

/// The time at which the server starts. It is not zero, because no code may depend on that.
const STARTED: Timestamp = Timestamp::from_nanos(77_000_000_000);

pub(super) fn serve(setup: ServerSetup) -> Rc<dyn Env> {
    let session = setup.session;
    Rc::new(Core(Rc::new(RefCell::new(Server {
        acceptor: Some(setup.acceptor),
        session,
        now: STARTED,
        connections: Vec::new(),
        driver: ServerDriver::new(session.linger, setup.admission),
        // The first poll gives the driver its waker.
        woken: Arc::new(Woken::new(true)),
        listening: true,
        stopped: false,
    }))))
}

struct Core(Rc<RefCell<Server>>);

struct Server {
    /// `None` once the server has returned.
    acceptor: Option<ScriptedAcceptor>,
    session: SessionConfig,
    now: Timestamp,
    connections: Vec<Connection>,
    driver: ServerDriver,
    /// Whether the driver woke its waker. It is polled only then.
    woken: Arc<Woken>,
    listening: bool,
    stopped: bool,
}

impl Env for Core {
    fn connect(&self, from: Option<Ipv4Addr>) -> io::Result<(Box<dyn PeerSocket>, SocketAddr)> {
        let mut server = self.0.borrow_mut();
        server.settle();
        if !server.listening {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let index = server.connections.len();
        let port = u16::try_from(index).unwrap();
        let addr = SocketAddr::from((from.unwrap_or(Ipv4Addr::LOCALHOST), port));
        let connection = Connection::new(
            server.acceptor.clone().unwrap(),
            addr,
            server.session,
            server.now,
            server.driver.handle().calls(),
        );
        server.connections.push(connection);
        drop(server);
        let shared = Rc::clone(&self.0);
        Ok((Box::new(Peer { shared, index }), addr))
    }

    fn until(&self, holds: &dyn Fn() -> bool) -> bool {
        run_until(&self.0, holds)
    }

    fn open(&self) -> usize {
        self.0.borrow().driver.handle().calls().len()
    }

    fn wait(&self, time: Duration) {
        self.0.borrow_mut().wait(time);
    }

    fn elapsed(&self) -> Duration {
        self.0.borrow().now.saturating_since(STARTED)
    }

    fn shut_down(&self, grace: Duration) {
        let mut server = self.0.borrow_mut();
        server.settle();
        server.driver.handle().shutdown(grace);
        server.settle();
    }

    fn has_stopped(&self) -> bool {
        self.0.borrow().stopped
    }

    fn finish(&self) {
        // All peers have closed, so every connection must have ended.
        self.shut_down(Duration::MAX);
        assert!(
            self.has_stopped(),
            "{} connections are open after the end of the server",
            self.open()
        );
        self.0.borrow_mut().acceptor = None;
    }
}

impl Server {
    /// Does all work that needs no time.
    fn settle(&mut self) {
        for _ in 0..1_000_000 {
            let mut progress = false;
            for connection in &mut self.connections {
                progress |= connection.step(self.now);
            }
            progress |= self.attend();
            if !progress {
                return;
            }
        }
        panic!("the core never becomes idle");
    }

    /// Polls the driver of the server, if it is due. Returns whether it was.
    fn attend(&mut self) -> bool {
        let due = self.driver.poll_timeout();
        if !self.woken.take() && due.is_none_or(|due| self.now < due) {
            return false;
        }
        let waker = Waker::from(Arc::clone(&self.woken));
        match self.driver.poll(self.now, &mut Context::from_waker(&waker)) {
            ServerAction::StopAccepting => {
                // The driver returns this once, and must be polled again at once.
                self.listening = false;
                waker.wake();
            }
            ServerAction::Accept => self.listening = true,
            ServerAction::Refuse => self.listening = false,
            ServerAction::Over => self.stopped = true,
            _ => {}
        }
        true
    }

    /// Moves the clock to the next deadline and handles it. Returns false if there is none up to
    /// `until`.
    fn pass(&mut self, until: Option<Timestamp>) -> bool {
        self.settle();
        let deadlines = self.connections.iter().filter_map(Connection::deadline);
        let Some(next) = deadlines.chain(self.driver.poll_timeout()).min() else {
            return false;
        };
        if until.is_some_and(|until| next > until) {
            return false;
        }
        self.now = self.now.max(next);
        for connection in &mut self.connections {
            connection.handle_timeout(self.now);
        }
        self.settle();
        true
    }

    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while self.pass(Some(until)) {}
        self.now = until;
    }
}

/// Runs the server, and lets time pass, until `holds` returns true. Returns false if it never does.
fn run_until(shared: &RefCell<Server>, holds: impl Fn() -> bool) -> bool {
    shared.borrow_mut().settle();
    // More deadlines than any case waits for.
    for _ in 0..10_000 {
        if holds() {
            return true;
        }
        if !shared.borrow_mut().pass(None) {
            break;
        }
    }
    holds()
}

/// The peer's end of a connection.
struct Peer {
    shared: Rc<RefCell<Server>>,
    index: usize,
}

impl Peer {
    fn with<R>(&self, act: impl FnOnce(&mut Connection) -> R) -> R {
        let server = &mut *self.shared.borrow_mut();
        act(&mut server.connections[self.index])
    }

    fn run_until(&self, what: &str, holds: impl Fn(&Connection) -> bool) {
        let held = run_until(&self.shared, || self.with(|connection| holds(connection)));
        assert!(held, "waited for {what}");
    }

    fn settle(&self) {
        self.shared.borrow_mut().settle();
    }
}

impl PeerSocket for Peer {
    fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.run_until("the server to read", Connection::takes_more);
            let taken = self.with(|connection| connection.send(bytes))?;
            bytes = &bytes[taken..];
            self.settle();
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.run_until("bytes", Connection::has_more);
        let received = self.with(|connection| connection.receive(buffer));
        self.settle();
        received
    }

    fn half_close(&mut self) {
        self.with(Connection::half_close);
        self.settle();
    }

    fn reset(self: Box<Self>) {
        self.with(Connection::reset);
    }

    fn gone(&mut self) {
        self.run_until("the server to close", Connection::is_closed);
    }

    fn flood(&mut self, bytes: &[u8]) {
        for _ in 0..2_000 {
            if self.send(bytes).is_err() {
                return;
            }
            self.shared.borrow_mut().wait(Duration::from_millis(1));
        }
        panic!("the server does not close the connection");
    }

    fn fail(&mut self, fault: Fault) {
        self.with(|connection| connection.fail(fault));
        self.settle();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.with(Connection::close);
        self.settle();
    }
}
