//! Expected calls, and calls that were not announced.

mod metadata;
mod model;
mod refusals;
mod threads;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use audiosocket_proto::{Audio, Timestamp, Uuid};
use audiosocket_server::{
    Acceptor, Admission, AnnounceError, Call, CallRequest, Calls, Duplicate, ExpectedCalls,
    Handler, Refusal, Response,
};

use crate::call::HANGUP;
use crate::recorder::{RecordingAcceptor, TestConnection};
use crate::wire::frame;

const SECOND: Duration = Duration::from_secs(1);

const IN_CALL: &str = "a call with its UUID goes on";
const USED: &str = "its UUID has been used";

/// A clock that only the test moves.
#[derive(Clone, Default)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    fn advance(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap();
        self.0.fetch_add(nanos, Ordering::Relaxed);
    }

    fn expected_calls<M>(&self) -> ExpectedCalls<M> {
        let Self(nanos) = self.clone();
        ExpectedCalls::new().clock(move || Timestamp::from_nanos(nanos.load(Ordering::Relaxed)))
    }
}

/// A server that accepts expected calls only.
struct Server<A> {
    acceptor: Arc<A>,
    calls: Calls,
}

impl<A: Acceptor> Server<A> {
    fn new<M: Send + Sync + 'static>(expected: &ExpectedCalls<M>, acceptor: A) -> Self {
        Self {
            acceptor: Arc::new(acceptor),
            calls: Calls::new(Admission::new().expected_calls(expected)),
        }
    }

    /// A connection that has sent this UUID.
    fn call(&self, uuid: Uuid) -> TestConnection<Shared<A>> {
        let acceptor = Shared(Arc::clone(&self.acceptor));
        let mut line = TestConnection::among(&self.calls, acceptor, |config| config);
        line.receive(&frame(0x01, uuid.as_bytes()));
        line
    }

    /// Returns the reason why a call with this UUID is refused. `None` if it is accepted.
    fn refusal(&self, uuid: Uuid) -> Option<String> {
        refusal(&self.call(uuid))
    }
}

fn refusal<A: Acceptor>(line: &TestConnection<A>) -> Option<String> {
    line.driver.refusal().map(ToString::to_string)
}

/// An acceptor of several connections.
struct Shared<A>(Arc<A>);

impl<A: Acceptor> Acceptor for Shared<A> {
    type Handler = A::Handler;

    fn accept(&self, request: &CallRequest<'_>) -> Result<A::Handler, Refusal> {
        self.0.accept(request)
    }
}

/// Sends the metadata when the call starts.
struct Speaker;

impl Handler for Speaker {
    fn on_start(&mut self, call: &mut Call<'_>) {
        let metadata = call.metadata::<String>().unwrap();
        let audio = Audio::new(Default::default(), metadata.as_bytes());
        call.send(audio).unwrap();
    }

    fn on_audio<'a>(&mut self, _: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        audio.into()
    }
}

fn speaking(expected: &ExpectedCalls<String>) -> Server<impl Acceptor> {
    Server::new(expected, |_: &CallRequest<'_>| Ok(Speaker))
}

fn text(text: &str) -> String {
    text.to_owned()
}

#[test]
fn a_call_has_the_metadata_that_was_announced() {
    let expected = Clock::default().expected_calls();
    let server = speaking(&expected);
    let [anna, berta] = ["anna", "berta"].map(|name| expected.announce(text(name)).unwrap());
    assert_ne!(anna, berta);
    assert_eq!(anna.get_version_num(), 4);
    assert_eq!(expected.waiting(), 2);

    let mut line = server.call(berta);
    assert_eq!(refusal(&line), None);
    assert_eq!(line.flush(), frame(0x10, b"berta"));
    assert_eq!(expected.waiting(), 1);
    line.receive(&frame(0x10, b"audio"));
    assert_eq!(line.flush(), frame(0x10, b"audio"));
    line.eof();

    let mut line = server.call(anna);
    assert_eq!(line.flush(), frame(0x10, b"anna"));
}

#[test]
fn a_call_that_started_does_not_expire() {
    let clock = Clock::default();
    let expected = clock.expected_calls();
    let server = speaking(&expected);
    let uuid = expected.announce(text("long")).unwrap();
    let line = server.call(uuid);
    clock.advance(3600 * SECOND);
    assert_eq!(server.refusal(uuid).unwrap(), IN_CALL);
    let metadata = line.driver.handle().metadata::<String>();
    assert_eq!(metadata.as_deref(), Some(&text("long")));
    drop(line);
    assert_eq!(server.refusal(uuid).unwrap(), USED);
}

#[test]
fn the_number_of_announced_calls_is_bounded() {
    let clock = Clock::default();
    let expected = clock.expected_calls();
    for number in 0..10_000_u128 {
        let uuid = Uuid::from_u128(number);
        expected.announce_as(uuid, text("early")).unwrap();
    }
    clock.advance(10 * SECOND);
    let announce = || expected.announce(text("one more"));
    assert_eq!(announce(), Err(AnnounceError::Full));

    // The start of a call makes room. A withdrawal and an expiry make room too.
    let server = speaking(&expected);
    let line = server.call(Uuid::from_u128(5));
    announce().unwrap();
    assert_eq!(announce(), Err(AnnounceError::Full));
    expected.withdraw(Uuid::from_u128(6)).unwrap();
    announce().unwrap();
    assert_eq!(announce(), Err(AnnounceError::Full));
    clock.advance(20 * SECOND);
    assert_eq!(expected.waiting(), 2);
    announce().unwrap();
    drop(line);

    let none = clock.expected_calls().max_waiting(0);
    assert_eq!(none.announce(()), Err(AnnounceError::Full));
}

#[test]
fn a_uuid_is_announced_once_at_a_time() {
    let clock = Clock::default();
    let expected = clock.expected_calls();
    let server = speaking(&expected);
    let uuid = Uuid::from_u128(4711);
    let announce = |metadata| expected.announce_as(uuid, text(metadata));
    announce("first").unwrap();
    assert_eq!(announce("again"), Err(AnnounceError::Waiting));
    let mut line = server.call(uuid);
    assert_eq!(line.flush(), frame(0x10, b"first"), "the first counts");
    assert_eq!(announce("again"), Err(AnnounceError::InCall));
    line.eof();

    announce("after a call").unwrap();
    assert!(expected.withdraw(uuid).is_some());
    announce("after a withdrawal").unwrap();
    clock.advance(30 * SECOND);
    announce("after an expiry").unwrap();
    let mut line = server.call(uuid);
    assert_eq!(line.flush(), frame(0x10, b"after an expiry"));
}

#[test]
fn a_second_call_with_the_uuid_replaces_the_first_under_that_policy() {
    let expected = Clock::default()
        .expected_calls()
        .on_duplicate(Duplicate::Replace);
    let server = speaking(&expected);
    let uuid = expected.announce(text("hello")).unwrap();
    let in_call = || expected.announce_as(uuid, text("again")) == Err(AnnounceError::InCall);
    let mut first = server.call(uuid);
    assert_eq!(first.flush(), frame(0x10, b"hello"));
    let mut second = server.call(uuid);
    assert_eq!(second.flush(), frame(0x10, b"hello"), "the same metadata");
    first.poll_commands();
    assert_eq!(first.flush(), HANGUP);
    first.expect_close();
    drop(first);
    assert!(in_call(), "the UUID is that of the second call");

    let third = server.call(uuid);
    second.poll_commands();
    assert_eq!(second.flush(), HANGUP);
    drop(third);
    assert_eq!(server.refusal(uuid).unwrap(), USED);
    assert!(!in_call());
}

/// The second call starts while the acceptor makes the handler of the first one.
#[test]
fn a_call_that_is_replaced_before_it_starts_is_hung_up() {
    let expected = Clock::default()
        .expected_calls()
        .on_duplicate(Duplicate::Replace);
    let other = speaking(&expected);
    let uuid = expected.announce(text("hello")).unwrap();
    let meanwhile = std::sync::Mutex::new(None);
    let slow = Server::new(&expected, {
        let desk = RecordingAcceptor::new();
        move |request: &CallRequest<'_>| {
            *meanwhile.lock().unwrap() = Some(other.call(request.uuid));
            desk.accept(request)
        }
    });
    let mut first = slow.call(uuid);
    first.poll_commands();
    assert_eq!(first.flush(), HANGUP);
    first.eof();
    let again = expected.announce_as(uuid, text("again"));
    assert_eq!(again, Err(AnnounceError::InCall), "the second call goes on");
}
