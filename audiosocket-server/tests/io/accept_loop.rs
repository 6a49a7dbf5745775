//! How a server accepts, fails to, and stops.

use std::cell::RefCell;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use audiosocket_proto::SessionConfig;
use audiosocket_server::io::{AcceptLoop, Connection, ServerOptions, Timer};

use crate::rig::{Bell, Recorded, echo};
use crate::runtime::{FakeListener, FakeStream, FakeTimer, Incoming, next_adopted, pass};

const PAUSE: Duration = Duration::from_millis(10);

#[test]
fn one_of_each_listener_is_accepted_and_then_it_is_the_calls_turn() {
    let mut office = Office::new();
    office.come(0, 9);
    office.come(1, 1);
    for served in 2..=10 {
        assert!(office.poll().is_pending());
        assert_eq!((office.served.len(), office.bell.rung()), (served, 1));
    }
    assert!(office.poll().is_pending());
    assert_eq!((office.served.len(), office.bell.rung()), (10, 0));
    assert_eq!(office.serving.handle().calls().len(), 10);
}

#[test]
fn a_listener_that_fails_is_left_alone_for_a_while_and_others_are_not() {
    let mut office = Office::new();
    office.fails(0, 24);
    office.come(0, 1);
    for _ in 0..3 {
        office.come(1, 1);
        assert!(office.poll().is_pending());
    }
    assert_eq!((office.served.len(), office.waiting()), (3, [1, 0]));
    assert_eq!(office.serving.listeners().count(), 1);
    assert_eq!(office.serving.deadline(), Some(FakeTimer::now() + PAUSE));

    pass(PAUSE);
    assert!(office.poll().is_pending());
    assert_eq!((office.served.len(), office.waiting()), (4, [0, 0]));
    assert_eq!(office.serving.listeners().count(), 2);
    assert_eq!(office.serving.deadline(), None);
}

/// So that thousands who came at once do not have their end at once: what their callers then do, and the
/// server with it, would keep the calls waiting.
#[test]
fn who_came_at_once_is_given_up_one_after_the_other() {
    let mut office = Office::new();
    office.come(0, 3);
    office.come(1, 3);
    for _ in 0..3 {
        assert!(office.poll().is_pending());
    }
    assert_eq!(office.served.len(), 6);
    let mut deadlines: Vec<_> = office.served.iter().map(Connection::deadline).collect();
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
fn a_connection_that_is_gone_is_no_reason_to_pause() {
    let mut office = Office::new();
    let gone = io::Error::from(io::ErrorKind::ConnectionAborted);
    office.incoming[0].borrow_mut().push_back(Err(gone));
    office.come(0, 1);
    for served in [0, 1] {
        assert!(office.poll().is_pending());
        assert_eq!(office.served.len(), served);
    }
    assert_eq!(office.waiting(), [0, 0]);
}

#[test]
fn who_cannot_be_served_is_lost_and_nobody_else() {
    let mut office = Office::new();
    office.come(0, 3);
    office.come(1, 1);
    office.no_thread_for = 1;
    assert!(office.poll().is_pending());
    assert_eq!((office.served.len(), office.waiting()), (1, [2, 0]));
    assert_eq!(office.serving.handle().calls().len(), 1);

    pass(PAUSE);
    for served in [2, 3] {
        assert!(office.poll().is_pending());
        assert_eq!(office.served.len(), served);
    }
    assert_eq!(office.waiting(), [0, 0]);
}

/// No thread and no task is made for those, of which there may be many.
#[test]
fn who_is_turned_away_is_not_served() {
    let mut office = Office::new();
    office.serving.handle().refuse_calls(true);
    office.come(0, 15);
    while office.waiting() != [0, 0] {
        assert!(office.poll().is_pending());
    }
    assert_eq!(office.served.len(), 8, "those that linger");
    let calls = office.serving.handle().calls().clone();
    assert_eq!((calls.len(), calls.admitted()), (8, 0));
}

/// The pause is longer each time, and as short as ever after one who could be served.
#[test]
fn pauses_grow_while_it_goes_on() {
    let mut office = Office::new();
    office.come(0, 30);
    office.no_thread_for = 3;
    for pause in [PAUSE, PAUSE * 2, PAUSE * 4] {
        assert!(office.poll().is_pending());
        assert_eq!(office.serving.deadline(), Some(FakeTimer::now() + pause));
        pass(pause);
    }
    assert!(office.poll().is_pending());
    assert_eq!(office.served.len(), 1);
    office.no_thread_for = 1;
    assert!(office.poll().is_pending());
    assert_eq!(office.serving.deadline(), Some(FakeTimer::now() + PAUSE));
}

#[test]
fn shutdown_does_not_wait_for_a_pause() {
    let mut office = Office::new();
    office.fails(0, 24);
    // Once more, since others might have waited behind the one that failed.
    for rung in [1, 0] {
        assert!(office.poll().is_pending());
        assert_eq!(office.bell.rung(), rung);
    }
    office.serving.handle().shutdown(Duration::from_secs(1));
    assert_eq!(office.bell.rung(), 1);
    assert!(office.poll().is_ready());
    assert!(office.poll().is_ready(), "and stays so");
}

/// They are calls to their callers already; that one cannot be taken over is no reason to reset
/// the others.
#[test]
fn what_waits_in_the_kernel_is_taken_at_shutdown_but_for_who_fails() {
    let mut office = Office::new();
    let callers: Vec<_> = [0, 1, 0, 1, 0]
        .map(|door| TcpStream::connect(office.serving.local_addrs()[door]).unwrap())
        .into();
    next_adopted([Ok(()), Err(io::ErrorKind::OutOfMemory.into())]);
    office.no_thread_for = 1;
    office.serving.handle().shutdown(Duration::from_secs(1));
    assert!(office.poll().is_pending());
    assert_eq!(
        office.served.len(),
        3,
        "one was not adopted, and one not served"
    );
    assert_eq!(office.serving.listeners().count(), 0);

    office.served.clear();
    assert_eq!(office.bell.rung(), 1, "by the end of the last call");
    assert!(office.poll().is_ready());
    drop(callers);
}

/// A server with two listeners, and those whom it served.
struct Office {
    serving: AcceptLoop<FakeListener, FakeTimer, Recorded>,
    incoming: Vec<Incoming>,
    served: Vec<Connection<FakeStream, FakeTimer, Recorded>>,
    /// How many of the next ones cannot be served.
    no_thread_for: usize,
    bell: Arc<Bell>,
}

impl Office {
    fn new() -> Self {
        let options = ServerOptions::new().bind("127.0.0.1:0").bind("127.0.0.1:0");
        let incoming = RefCell::new(Vec::new());
        let serving = AcceptLoop::new(echo(), options.listen().unwrap(), |socket| {
            let listener = FakeListener {
                incoming: Incoming::default(),
                socket,
            };
            incoming.borrow_mut().push(listener.incoming.clone());
            Ok(listener)
        });
        Self {
            serving: serving.unwrap(),
            incoming: incoming.into_inner(),
            served: Vec::new(),
            no_thread_for: 0,
            bell: Arc::default(),
        }
    }

    fn come(&self, listener: usize, count: usize) {
        let mut incoming = self.incoming[listener].borrow_mut();
        incoming.extend((0..count).map(|_| Ok(())));
    }

    /// Accepting fails by an error of the system.
    fn fails(&self, listener: usize, error: i32) {
        let error = io::Error::from_raw_os_error(error);
        self.incoming[listener].borrow_mut().push_back(Err(error));
    }

    /// Who was not accepted.
    fn waiting(&self) -> [usize; 2] {
        [0, 1].map(|listener| self.incoming[listener].borrow().len())
    }

    fn poll(&mut self) -> Poll<()> {
        let waker = Waker::from(self.bell.clone());
        let (served, no_thread_for) = (&mut self.served, &mut self.no_thread_for);
        let serve = |connection| {
            if *no_thread_for > 0 {
                *no_thread_for -= 1;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            served.push(connection);
            Ok(())
        };
        self.serving.poll(&mut Context::from_waker(&waker), serve)
    }
}
