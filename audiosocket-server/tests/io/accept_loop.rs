//! The accept loop: accepting, errors, shutdown.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use audiosocket_proto::SessionConfig;
use audiosocket_server::io::{AcceptLoop, Connection, ServerConfig, Timer};
use audiosocket_server::{Callbacks, LimitReached, Limits, WhenFull};

use crate::rig::{CountingWaker, Lines, echo};
use crate::runtime::{FakeListener, FakeStream, FakeTimer, Incoming, Room, pass};

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

/// The listeners close when the last place is taken, and not at the next connection. A connection that waits at this
/// moment is a call for its peer, so it gets a hangup and no reset.
#[test]
fn the_listeners_close_with_the_last_place_and_open_with_the_next() {
    let mut server = Rig::closable(Limits::new().max_calls(4));
    server.come(0, 3);
    assert!(server.poll().is_pending());
    assert_eq!(server.rooms(), [Room::Open(2), Room::Open(2)]);
    server.wait(0, [Ok(())]);
    server.come(1, 9);
    for served in [3, 5] {
        assert!(server.poll().is_pending());
        assert_eq!(server.served.len(), served);
    }
    assert_eq!(server.rooms(), [Room::Closed, Room::Closed]);
    assert_eq!(server.waiting(), [0, 8]);
    assert_eq!(server.accept_loop.listeners().count(), 0);
    let handle = server.accept_loop.handle();
    let calls = handle.calls();
    assert_eq!(
        (calls.full(), calls.admitted()),
        (Some(LimitReached::Calls), 4)
    );
    assert_eq!(
        calls.counters().over_max_calls,
        1,
        "it waited in the kernel"
    );
    assert_eq!(calls.counters().times_full, 1);

    server.bell.wake_count();
    assert!(server.poll().is_pending());
    assert_eq!(server.served.len(), 5, "closed listeners are not polled");
    drop(server.served.remove(0));
    assert_eq!((calls.full(), server.bell.wake_count()), (None, 1));
    assert!(server.poll().is_pending());
    assert_eq!(server.rooms(), [Room::Closed, Room::Closed], "full again");
    assert_eq!((server.served.len(), server.waiting()), (5, [0, 7]));
    assert_eq!(calls.counters().times_full, 2);
}

#[test]
fn the_listeners_are_closed_while_the_application_refuses_calls() {
    let mut server = Rig::closable(Limits::new());
    assert!(server.poll().is_pending());
    let handle = server.accept_loop.handle();
    for _ in 0..2 {
        server.bell.wake_count();
        handle.refuse_calls(true);
        assert_eq!(server.bell.wake_count(), 1);
        assert!(server.poll().is_pending());
        assert_eq!(server.rooms(), [Room::Closed, Room::Closed]);
        assert_eq!(handle.calls().full(), Some(LimitReached::Refusing));

        handle.refuse_calls(false);
        assert_eq!(server.bell.wake_count(), 1);
        assert!(server.poll().is_pending());
        assert_eq!(server.accept_loop.listeners().count(), 2);
    }
    assert_eq!(handle.counters().times_full, 2);
}

/// With a short backlog, the kernel drops connection requests, and peers repeat them after a second.
#[test]
fn the_accept_loop_is_woken_when_the_number_of_places_doubles() {
    let mut server = Rig::closable(Limits::new().max_calls(10));
    server.come(0, 9);
    while server.waiting() != [0, 0] {
        assert!(server.poll().is_pending());
    }
    assert!(server.poll().is_pending());
    assert_eq!(server.rooms(), [Room::Open(1), Room::Open(1)]);
    server.bell.wake_count();
    for (places, wakes) in (2..=8).zip([1, 0, 1, 0, 0, 0, 1]) {
        drop(server.served.pop());
        assert_eq!(server.bell.wake_count(), wakes, "{places} places");
        if wakes > 0 {
            assert!(server.poll().is_pending());
        }
    }
    assert_eq!(server.rooms(), [Room::Open(4), Room::Open(4)]);
}

#[test]
fn a_server_that_hangs_up_when_it_is_full_closes_no_listener() {
    let mut server = Rig::closable(Limits::new().max_calls(1).when_full(WhenFull::HangUp));
    server.come(0, 3);
    while server.waiting() != [0, 0] {
        assert!(server.poll().is_pending());
    }
    assert!(!server.rooms().contains(&Room::Closed));
    let counters = server.accept_loop.handle().counters();
    assert_eq!((counters.over_max_calls, counters.times_full), (2, 0));
}

/// `accept` on a closed listener would fail.
#[test]
fn closed_listeners_are_not_polled_at_shutdown() {
    let mut server = Rig::closable(Limits::new().max_calls(0));
    assert!(server.poll().is_pending());
    assert_eq!(server.rooms(), [Room::Closed, Room::Closed]);
    server.wait(0, [Err(io::ErrorKind::InvalidInput.into())]);
    server.accept_loop.handle().shutdown(Duration::from_secs(1));
    assert!(server.poll().is_ready());
    assert_eq!(server.kernel[0].borrow().len(), 1);
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
    rooms: Vec<Rc<Cell<Room>>>,
    served: Vec<Connection<FakeStream, FakeTimer, Callbacks>>,
    /// For how many of the next connections `serve` fails.
    failures: usize,
    bell: Arc<CountingWaker>,
}

impl Rig {
    fn new() -> Self {
        let listeners = [FakeListener::default(), FakeListener::default()];
        Self::with(listeners, Limits::new(), Vec::new())
    }

    /// A server whose listeners can be closed.
    fn closable(limits: Limits) -> Self {
        let rooms = vec![Rc::<Cell<Room>>::default(), Rc::default()];
        let listeners = [0, 1].map(|index| FakeListener {
            room: Some(rooms[index].clone()),
            ..FakeListener::default()
        });
        Self::with(listeners, limits, rooms)
    }

    fn with(listeners: [FakeListener; 2], limits: Limits, rooms: Vec<Rc<Cell<Room>>>) -> Self {
        let mut config = ServerConfig::default();
        config.admission = limits.into();
        let incoming = listeners.iter().map(|from| from.incoming.clone()).collect();
        let kernel = listeners.iter().map(|from| from.waiting.clone()).collect();
        let acceptor = echo(&Lines::default());
        Self {
            accept_loop: AcceptLoop::new(acceptor, listeners, &config),
            incoming,
            kernel,
            rooms,
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

    fn rooms(&self) -> Vec<Room> {
        self.rooms.iter().map(|room| room.get()).collect()
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
