//! A shutdown is announced to the calls, and waits for the application's work on them.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use audiosocket_proto::{Audio, End, Timestamp};
use audiosocket_server::{
    Acceptor, Call, CallEvent, CallRequest, Calls, Handler, Incoming, IncomingCall, IncomingCalls,
    Limits, Refusal, Response, ServerAction, ServerDriver, incoming,
};

use crate::call::{HANGUP, uuid_frame};
use crate::recorder::TestConnection;

const LINGER: Duration = Duration::from_secs(3);
const GRACE: Duration = Duration::from_secs(5);
const WORK: Duration = Duration::from_millis(100);

fn noop() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// A server with a clock that only tests advance.
struct Server {
    driver: ServerDriver,
    now: Timestamp,
    acceptor: Arc<Incoming>,
    incoming: IncomingCalls,
}

/// A call of the server: its connection, and the application's side.
struct OpenCall {
    line: TestConnection<Shared>,
    incoming: IncomingCall,
}

struct Shared(Arc<Incoming>);

impl Acceptor for Shared {
    type Handler = <Incoming as Acceptor>::Handler;

    fn accept(&self, request: &CallRequest<'_>) -> Result<Self::Handler, Refusal> {
        self.0.accept(request)
    }
}

impl Server {
    fn new() -> Self {
        let (acceptor, incoming) = incoming();
        Self {
            driver: ServerDriver::new(LINGER, Limits::default()),
            now: Timestamp::from_nanos(99_000_000_000),
            acceptor: Arc::new(acceptor),
            incoming,
        }
    }

    fn calls(&self) -> &Calls {
        self.driver.handle().calls()
    }

    fn connect(&self) -> TestConnection<Shared> {
        TestConnection::talking_among(self.calls(), Shared(Arc::clone(&self.acceptor)))
    }

    fn call(&mut self) -> OpenCall {
        let line = self.connect();
        let Poll::Ready(Some(incoming)) = self.incoming.poll_accept(&mut noop()) else {
            panic!("no call");
        };
        OpenCall { line, incoming }
    }

    fn shut_down(&mut self, grace: Duration) {
        assert_eq!(self.poll(), ServerAction::Accept);
        self.driver.handle().shutdown(grace);
        assert_eq!(self.poll(), ServerAction::StopAccepting);
    }

    fn poll(&mut self) -> ServerAction {
        self.driver.poll(self.now, &mut noop())
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }
}

impl OpenCall {
    /// The events since the last time.
    fn events(&mut self) -> Vec<CallEvent> {
        self.line.poll_commands();
        std::iter::from_fn(|| match self.incoming.poll_next(&mut noop()) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        })
        .collect()
    }
}

/// A bot writes its summary after the caller has hung up. The process must not end before it.
#[test]
fn a_shutdown_waits_for_work_after_the_last_event() {
    let mut server = Server::new();
    let mut calls: Vec<_> = (0..10).map(|_| server.call()).collect();
    server.shut_down(GRACE);
    assert_eq!(server.poll(), ServerAction::Wait);
    let mut working = Vec::new();
    for mut call in calls.drain(..) {
        let events = call.events();
        assert_eq!(events, [CallEvent::Started, CallEvent::ShuttingDown]);
        call.line.eof();
        let events = call.events();
        assert_eq!(events, [CallEvent::Ended(End::Closed)]);
        // The connection is closed; the task works on.
        drop(call.line);
        working.push((server.now + WORK, call.incoming));
    }
    assert!(server.calls().is_empty());

    let mut finished = 0;
    while server.poll() != ServerAction::Over {
        server.pass(Duration::from_millis(10));
        let now = server.now;
        working.retain(|(until, _)| *until > now);
        finished = 10 - working.len();
    }
    assert_eq!(finished, 10);
}

#[test]
fn a_shutdown_does_not_wait_for_work_beyond_its_grace() {
    let mut server = Server::new();
    let mut call = server.call();
    server.shut_down(GRACE);
    call.line.eof();
    drop(call.line);
    server.pass(GRACE - Duration::from_nanos(1));
    assert_eq!(server.poll(), ServerAction::Wait);
    server.pass(Duration::from_nanos(1));
    assert_eq!(server.poll(), ServerAction::Over);
    drop(call.incoming);
}

/// At the deadline the server waits for the hangup of its connections, and for nothing else.
#[test]
fn a_hung_up_call_does_not_wait_for_its_task() {
    let mut server = Server::new();
    let mut call = server.call();
    server.shut_down(Duration::ZERO);
    assert_eq!(server.poll(), ServerAction::Wait);
    let events = [
        CallEvent::Started,
        CallEvent::ShuttingDown,
        CallEvent::Ended(End::ShutDown),
    ];
    assert_eq!(call.events(), events);
    assert_eq!(call.line.flush(), HANGUP);
    drop(call.line);
    assert_eq!(server.poll(), ServerAction::Over);
}

/// A call that the application has not accepted yet counts as work, too.
#[test]
fn a_shutdown_waits_for_calls_in_the_accept_queue() {
    let mut server = Server::new();
    let mut line = server.connect();
    server.shut_down(GRACE);
    line.eof();
    drop(line);
    assert_eq!(server.poll(), ServerAction::Wait);
    let Poll::Ready(Some(call)) = server.incoming.poll_accept(&mut noop()) else {
        panic!("no call");
    };
    assert_eq!(server.poll(), ServerAction::Wait);
    drop(call);
    assert_eq!(server.poll(), ServerAction::Over);

    let mut server = Server::new();
    drop(server.connect());
    server.shut_down(GRACE);
    assert_eq!(server.poll(), ServerAction::Wait);
    drop(std::mem::replace(&mut server.incoming, incoming().1));
    assert_eq!(server.poll(), ServerAction::Over, "none will be accepted");
}

/// Connections that wait in the kernel when the shutdown begins become calls after it.
#[test]
fn a_call_that_starts_after_the_shutdown_began_learns_of_it() {
    let mut server = Server::new();
    let mut early = server.call();
    server.shut_down(GRACE);
    let mut late = server.call();
    for call in [&mut early, &mut late] {
        let events = call.events();
        assert_eq!(events, [CallEvent::Started, CallEvent::ShuttingDown]);
    }
    server.driver.handle().shutdown(Duration::ZERO);
    assert_eq!(server.poll(), ServerAction::Wait);
    for call in [&mut early, &mut late] {
        let ended = CallEvent::Ended(End::ShutDown);
        assert_eq!(call.events(), [ended], "not announced again");
    }
}

/// Writes down its callbacks, except audio.
struct Recording(Arc<Mutex<Vec<&'static str>>>);

impl Recording {
    fn note(&self, callback: &'static str) {
        self.0.lock().unwrap().push(callback);
    }
}

impl Handler for Recording {
    fn on_start(&mut self, _: &mut Call<'_>) {
        self.note("start");
    }

    fn on_audio<'a>(&mut self, _: &mut Call<'_>, _: Audio<'a>) -> Response<'a> {
        Response::Nothing
    }

    fn on_shutdown(&mut self, _: &mut Call<'_>) {
        self.note("shutdown");
    }

    fn on_end(&mut self, _: &mut Call<'_>, _: End) {
        self.note("end");
    }
}

#[test]
fn a_handler_learns_of_the_shutdown_once() {
    let callbacks = Arc::default();
    let calls = Calls::default();
    let recording = |callbacks: &Arc<_>| {
        let callbacks = Arc::clone(callbacks);
        move |_: &CallRequest<'_>| Ok(Recording(Arc::clone(&callbacks)))
    };
    let mut line = TestConnection::talking_among(&calls, recording(&callbacks));
    calls.begin_shutdown();
    calls.begin_shutdown();
    for _ in 0..2 {
        line.poll_commands();
        assert_eq!(*callbacks.lock().unwrap(), ["start", "shutdown"]);
    }
    line.eof();
    assert_eq!(*callbacks.lock().unwrap(), ["start", "shutdown", "end"]);

    // The notice of the shutdown arrives before the UUID.
    let callbacks = Arc::default();
    let mut line = TestConnection::among(&calls, recording(&callbacks), |config| config);
    line.poll_commands();
    assert_eq!(*callbacks.lock().unwrap(), [""; 0]);
    line.receive(&uuid_frame());
    assert_eq!(*callbacks.lock().unwrap(), ["start", "shutdown"]);
}
