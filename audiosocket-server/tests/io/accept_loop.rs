//! The accept loop: accepting, errors, shutdown.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use audiosocket_proto::SessionConfig;
use audiosocket_server::Callbacks;
use audiosocket_server::io::{AcceptLoop, Connection, ServerConfig, Timer};

use crate::rig::{CountingWaker, Lines, echo};
use crate::runtime::{FakeListener, FakeStream, FakeTimer, Incoming, pass};

const PAUSE: Duration = Duration::from_millis(10);

#[test]
fn one_connection_of_each_listener_is_accepted_at_a_time() {
    let mut server = Rig::new();
    server.come(0, 9);
    server.come(1, 1);
    for served in 2..=10 {
        assert!(server.poll().is_pending());
        assert_eq!((server.served.len(), server.bell.wake_count()), (served, 1));
    }
    assert!(server.poll().is_pending());
    assert_eq!((server.served.len(), server.bell.wake_count()), (10, 0));
    assert_eq!(server.accept_loop.handle().calls().len(), 10);
}

#[test]
fn a_listener_that_fails_pauses_and_others_do_not() {
    let mut server = Rig::new();
    server.fails(0, 24);
    server.come(0, 1);
    for _ in 0..3 {
        server.come(1, 1);
        assert!(server.poll().is_pending());
    }
    assert_eq!((server.served.len(), server.waiting()), (3, [1, 0]));
    assert_eq!(server.accept_loop.listeners().count(), 1);
    assert_eq!(
        server.accept_loop.deadline(),
        Some(FakeTimer::now() + PAUSE)
    );

    pass(PAUSE);
    assert!(server.poll().is_pending());
    assert_eq!((server.served.len(), server.waiting()), (4, [0, 0]));
    assert_eq!(server.accept_loop.listeners().count(), 2);
    assert_eq!(server.accept_loop.deadline(), None);
}

/// Without the spread, thousands of connections would end at the same time, and this work would delay the calls.
#[test]
fn timeouts_of_connections_of_the_same_time_are_spread() {
    let mut server = Rig::new();
    server.come(0, 3);
    server.come(1, 3);
    for _ in 0..3 {
        assert!(server.poll().is_pending());
    }
    assert_eq!(server.served.len(), 6);
    let mut deadlines: Vec<_> = server.served.iter().map(Connection::deadline).collect();
    deadlines.sort();
    let now = FakeTimer::now();
    let patience: Vec<_> = deadlines
        .iter()
        .map(|deadline| deadline.unwrap().duration_since(now))
        .collect();
    assert_eq!(patience[0], SessionConfig::default().uuid_timeout);
    assert!(
        patience.windows(2).all(|pair| pair[0] < pair[1]),
        "{patience:?}"
    );
}

#[test]
fn a_closed_connection_causes_no_pause() {
    let mut server = Rig::new();
    let gone = io::Error::from(io::ErrorKind::ConnectionAborted);
    server.incoming[0].borrow_mut().push_back(Err(gone));
    server.come(0, 1);
    for served in [0, 1] {
        assert!(server.poll().is_pending());
        assert_eq!(server.served.len(), served);
    }
    assert_eq!(server.waiting(), [0, 0]);
}

#[test]
fn an_error_of_serve_loses_that_connection_only() {
    let mut server = Rig::new();
    server.come(0, 3);
    server.come(1, 1);
    server.failures = 1;
    assert!(server.poll().is_pending());
    assert_eq!((server.served.len(), server.waiting()), (1, [2, 0]));
    assert_eq!(server.accept_loop.handle().calls().len(), 1);

    pass(PAUSE);
    for served in [2, 3] {
        assert!(server.poll().is_pending());
        assert_eq!(server.served.len(), served);
    }
    assert_eq!(server.waiting(), [0, 0]);
}

/// A flood of refused connections must not start threads or tasks.
#[test]
fn refused_connections_are_not_served() {
    let mut server = Rig::new();
    server.accept_loop.handle().refuse_calls(true);
    server.come(0, 15);
    while server.waiting() != [0, 0] {
        assert!(server.poll().is_pending());
    }
    assert_eq!(server.served.len(), 8, "the connections that linger");
    let calls = server.accept_loop.handle().calls().clone();
    assert_eq!((calls.len(), calls.admitted()), (8, 0));
}

/// After a served connection, the next pause is short again.
#[test]
fn pauses_grow_while_connections_cannot_be_served() {
    let mut server = Rig::new();
    server.come(0, 30);
    server.failures = 3;
    for pause in [PAUSE, PAUSE * 2, PAUSE * 4] {
        assert!(server.poll().is_pending());
        assert_eq!(
            server.accept_loop.deadline(),
            Some(FakeTimer::now() + pause)
        );
        pass(pause);
    }
    assert!(server.poll().is_pending());
    assert_eq!(server.served.len(), 1);
    server.failures = 1;
    assert!(server.poll().is_pending());
    assert_eq!(
        server.accept_loop.deadline(),
        Some(FakeTimer::now() + PAUSE)
    );
}

#[test]
fn shutdown_does_not_wait_for_a_pause() {
    let mut server = Rig::new();
    server.fails(0, 24);
    // The server is woken again, since other connections may wait behind the failed one.
    for wake_count in [1, 0] {
        assert!(server.poll().is_pending());
        assert_eq!(server.bell.wake_count(), wake_count);
    }
    server.accept_loop.handle().shutdown(Duration::from_secs(1));
    assert_eq!(server.bell.wake_count(), 1);
    assert!(server.poll().is_ready());
    assert!(server.poll().is_ready(), "it stays ready");
}

/// For their peers, these connections are calls. An error of one of them must not reset the others.
#[test]
fn connections_that_wait_in_the_kernel_are_accepted_at_shutdown() {
    let mut server = Rig::new();
    server.wait(0, [Ok(()), Err(io::ErrorKind::OutOfMemory.into()), Ok(())]);
    server.wait(1, [Ok(()), Ok(())]);
    server.failures = 1;
    server.accept_loop.handle().shutdown(Duration::from_secs(1));
    assert!(server.poll().is_pending());
    assert_eq!(server.served.len(), 3, "one failed, and one was not served");
    assert_eq!(server.accept_loop.listeners().count(), 0);

    server.served.clear();
    assert_eq!(
        server.bell.wake_count(),
        1,
        "woken by the end of the last call"
    );
    assert!(server.poll().is_ready());
}

/// Without a free descriptor, `accept` fails each time, and the connection stays in the kernel.
#[test]
fn a_listener_that_keeps_failing_at_shutdown_is_closed() {
    let mut server = Rig::new();
    server.wait(0, (0..100).map(|_| Err(io::Error::from_raw_os_error(24))));
    server.accept_loop.handle().shutdown(Duration::from_secs(1));
    assert!(server.poll().is_ready());
    assert_eq!(server.kernel[0].borrow().len(), 100 - 16);
}

/// A server with two listeners, and its served connections.
struct Rig {
    accept_loop: AcceptLoop<FakeListener, FakeTimer, Callbacks>,
    incoming: Vec<Incoming>,
    kernel: Vec<Incoming>,
    served: Vec<Connection<FakeStream, FakeTimer, Callbacks>>,
    /// For how many of the next connections `serve` fails.
    failures: usize,
    bell: Arc<CountingWaker>,
}

impl Rig {
    fn new() -> Self {
        let listeners = [FakeListener::default(), FakeListener::default()];
        let incoming = listeners.iter().map(|from| from.incoming.clone()).collect();
        let kernel = listeners.iter().map(|from| from.waiting.clone()).collect();
        let acceptor = echo(&Lines::default());
        Self {
            accept_loop: AcceptLoop::new(acceptor, listeners, &ServerConfig::default()),
            incoming,
            kernel,
            served: Vec::new(),
            failures: 0,
            bell: Arc::default(),
        }
    }

    /// Adds connections that wait in the kernel, without an event for the runtime.
    fn wait(&self, listener: usize, connections: impl IntoIterator<Item = io::Result<()>>) {
        self.kernel[listener].borrow_mut().extend(connections);
    }

    fn come(&self, listener: usize, count: usize) {
        let mut incoming = self.incoming[listener].borrow_mut();
        incoming.extend((0..count).map(|_| Ok(())));
    }

    /// Makes `accept` return an error of the system.
    fn fails(&self, listener: usize, error: i32) {
        let error = io::Error::from_raw_os_error(error);
        self.incoming[listener].borrow_mut().push_back(Err(error));
    }

    /// Returns how many connections were not accepted.
    fn waiting(&self) -> [usize; 2] {
        [0, 1].map(|listener| self.incoming[listener].borrow().len())
    }

    fn poll(&mut self) -> Poll<()> {
        let waker = Waker::from(self.bell.clone());
        let (served, failures) = (&mut self.served, &mut self.failures);
        let serve = |connection| {
            if *failures > 0 {
                *failures -= 1;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            served.push(connection);
            Ok(())
        };
        self.accept_loop
            .poll(&mut Context::from_waker(&waker), serve)
    }
}
