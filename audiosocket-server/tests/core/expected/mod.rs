//! Calls that were announced, and those that were not.

mod behind;
mod model;
mod threads;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use audiosocket_proto::{Audio, Timestamp, Uuid};
use audiosocket_server::{
    Acceptor, AnnounceError, Call, CallRequest, Duplicate, ExpectedCalls, Handler, Refusal,
    Response,
};

use crate::acceptors::{panicking_in, silent};
use crate::call::HANGUP;
use crate::connection::Connection;
use crate::wire::frame;

const UNKNOWN: &str = "its UUID was not announced";
const EXPIRED: &str = "its UUID was announced, and has expired";
const WITHDRAWN: &str = "its UUID was announced, and withdrawn";
const USED: &str = "its UUID has been used";
const IN_CALL: &str = "its UUID is that of a call that goes on";

const SECOND: Duration = Duration::from_secs(1);

/// A clock that only tests move.
#[derive(Clone, Default)]
pub(super) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(super) fn pass(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap();
        self.0.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(super) fn registry<M>(&self) -> ExpectedCalls<M> {
        let Self(nanos) = self.clone();
        ExpectedCalls::new().clock(move || Timestamp::from_nanos(nanos.load(Ordering::Relaxed)))
    }
}

/// What a server does with a call of this UUID.
pub(super) fn call<A: Acceptor>(acceptor: &Arc<A>, uuid: Uuid) -> Connection<Shared<A>> {
    let mut connection = Connection::new(Shared(Arc::clone(acceptor)));
    connection.receive(&frame(0x01, uuid.as_bytes()));
    connection
}

pub(super) fn refusal<A: Acceptor>(connection: &Connection<A>) -> Option<String> {
    connection.driver.refusal().map(ToString::to_string)
}

/// An acceptor that several connections have.
pub(super) struct Shared<A>(Arc<A>);

impl<A: Acceptor> Acceptor for Shared<A> {
    type Handler = A::Handler;

    fn accept(&self, request: &CallRequest<'_>) -> Result<A::Handler, Refusal> {
        self.0.accept(request)
    }
}

/// Says the metadata at the start of the call.
struct Speaker(Arc<String>);

impl Handler for Speaker {
    fn on_start(&mut self, call: &mut Call<'_>) {
        let said = Audio::new(Default::default(), self.0.as_bytes());
        call.send(said).unwrap();
    }

    fn on_audio<'a>(&mut self, _: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        audio.into()
    }
}

fn speaker(announced: &ExpectedCalls<String>) -> Arc<impl Acceptor> {
    let announced = announced.clone();
    Arc::new(announced.then(|_: &CallRequest<'_>, said| Ok(Speaker(said))))
}

fn text(text: &str) -> String {
    text.to_owned()
}

#[test]
fn a_call_arrives_with_what_was_announced() {
    let announced = Clock::default().registry();
    let acceptor = speaker(&announced);
    let [anna, berta] = ["anna", "berta"].map(|name| announced.announce(text(name)).unwrap());
    assert_ne!(anna, berta);
    assert_eq!(anna.get_version_num(), 4);
    assert_eq!(announced.waiting(), 2);
    assert_eq!(announced.metadata(anna), None, "it does not go on yet");

    let mut connection = call(&acceptor, berta);
    assert_eq!(refusal(&connection), None);
    assert_eq!(connection.flush(), frame(0x10, b"berta"));
    assert_eq!(announced.waiting(), 1);
    assert_eq!(announced.metadata(berta).as_deref(), Some(&text("berta")));
    connection.receive(&frame(0x10, b"audio"));
    assert_eq!(connection.flush(), frame(0x10, b"audio"));
    connection.eof();
    assert_eq!(announced.metadata(berta), None, "it goes on no more");

    let mut connection = call(&acceptor, anna);
    assert_eq!(connection.flush(), frame(0x10, b"anna"));
}

#[test]
fn each_way_of_being_refused_has_its_reason() {
    let clock = Clock::default();
    let announced = clock.registry();
    let acceptor = speaker(&announced);
    let refused = |uuid| {
        let mut connection = call(&acceptor, uuid);
        assert_eq!(connection.flush(), HANGUP);
        refusal(&connection).unwrap()
    };

    assert_eq!(refused(Uuid::from_u128(1)), UNKNOWN);
    assert_eq!(refused(Uuid::nil()), UNKNOWN);

    let withdrawn = announced.announce(text("withdrawn")).unwrap();
    let told = announced.withdraw(withdrawn);
    assert_eq!(told.as_deref(), Some(&text("withdrawn")));
    assert_eq!(announced.withdraw(withdrawn), None);
    assert_eq!(refused(withdrawn), WITHDRAWN);

    let used = announced.announce(text("used")).unwrap();
    let mut connection = call(&acceptor, used);
    assert_eq!(refused(used), IN_CALL);
    assert_eq!(announced.withdraw(used), None, "it came");
    assert_eq!(
        connection.flush(),
        frame(0x10, b"used"),
        "nobody disturbs it"
    );
    connection.eof();
    assert_eq!(refused(used), USED);
    drop(connection);
    assert_eq!(refused(used), USED);

    let expired = announced.announce(text("expired")).unwrap();
    clock.pass(30 * SECOND);
    assert_eq!(refused(expired), EXPIRED);
    assert_eq!(announced.withdraw(expired), None);
    clock.pass(3600 * SECOND);
    assert_eq!(refused(expired), EXPIRED, "it is still known why");
}

#[test]
fn an_announcement_is_good_until_its_time_has_passed() {
    let clock = Clock::default();
    let announced = clock.registry().valid_for(7 * SECOND);
    let acceptor = speaker(&announced);
    let just_in_time = announced.announce(text("just in time")).unwrap();
    let too_late = announced.announce(text("too late")).unwrap();
    clock.pass(7 * SECOND - Duration::from_nanos(1));
    assert_eq!(refusal(&call(&acceptor, just_in_time)), None);
    clock.pass(Duration::from_nanos(1));
    assert_eq!(refusal(&call(&acceptor, too_late)).unwrap(), EXPIRED);

    let for_ever = announced.clone().valid_for(Duration::MAX);
    let uuid = for_ever.announce(text("patient")).unwrap();
    clock.pass(1_000_000_000 * SECOND);
    assert_eq!(refusal(&call(&acceptor, uuid)), None);
}

/// A call that goes on is not a call that waits.
#[test]
fn a_call_that_came_does_not_expire() {
    let clock = Clock::default();
    let announced = clock.registry();
    let acceptor = speaker(&announced);
    let uuid = announced.announce(text("long")).unwrap();
    let connection = call(&acceptor, uuid);
    clock.pass(3600 * SECOND);
    assert_eq!(refusal(&call(&acceptor, uuid)).unwrap(), IN_CALL);
    assert_eq!(announced.metadata(uuid).as_deref(), Some(&text("long")));
    drop(connection);
    assert_eq!(refusal(&call(&acceptor, uuid)).unwrap(), USED);
}

#[test]
fn how_many_wait_is_bounded() {
    let clock = Clock::default();
    let announced = clock.registry();
    for number in 0..10_000_u128 {
        let uuid = Uuid::from_u128(number);
        announced.announce_as(uuid, text("early")).unwrap();
    }
    clock.pass(10 * SECOND);
    let one_more = || announced.announce(text("one more"));
    assert_eq!(one_more(), Err(AnnounceError::Full));

    // Room is made by one that comes, one that is withdrawn, and those that expire.
    let acceptor = speaker(&announced);
    let connection = call(&acceptor, Uuid::from_u128(5));
    one_more().unwrap();
    assert_eq!(one_more(), Err(AnnounceError::Full));
    announced.withdraw(Uuid::from_u128(6)).unwrap();
    one_more().unwrap();
    assert_eq!(one_more(), Err(AnnounceError::Full));
    clock.pass(20 * SECOND);
    assert_eq!(announced.waiting(), 2);
    one_more().unwrap();
    drop(connection);

    let small = clock.registry().max_waiting(0);
    assert_eq!(small.announce(()), Err(AnnounceError::Full));
}

#[test]
fn a_uuid_is_announced_once_at_a_time() {
    let clock = Clock::default();
    let announced = clock.registry();
    let acceptor = speaker(&announced);
    let uuid = Uuid::from_u128(4711);
    let announce = |said| announced.announce_as(uuid, text(said));
    announce("first").unwrap();
    assert_eq!(announce("again"), Err(AnnounceError::Waiting));
    let mut connection = call(&acceptor, uuid);
    assert_eq!(
        connection.flush(),
        frame(0x10, b"first"),
        "the first counts"
    );
    assert_eq!(announce("again"), Err(AnnounceError::InCall));
    connection.eof();

    announce("after a call").unwrap();
    assert!(announced.withdraw(uuid).is_some());
    announce("after it was withdrawn").unwrap();
    clock.pass(30 * SECOND);
    announce("after it expired").unwrap();
    let mut connection = call(&acceptor, uuid);
    assert_eq!(connection.flush(), frame(0x10, b"after it expired"));
}

/// What is kept of UUIDs that are good no more is bounded as well.
#[test]
fn the_oldest_uuids_are_forgotten() {
    let clock = Clock::default();
    let announced = clock.registry();
    let acceptor = speaker(&announced);
    for number in 0..=10_000_u128 {
        let uuid = Uuid::from_u128(number);
        announced.announce_as(uuid, text("brief")).unwrap();
        announced.withdraw(uuid).unwrap();
    }
    let refused = |number| refusal(&call(&acceptor, Uuid::from_u128(number)));
    assert_eq!(refused(0).unwrap(), UNKNOWN);
    assert_eq!(refused(1).unwrap(), WITHDRAWN);
    assert_eq!(refused(10_000).unwrap(), WITHDRAWN);
}

#[test]
fn a_newcomer_takes_the_place_of_a_call_if_told_to() {
    let announced = Clock::default().registry().on_duplicate(Duplicate::Replace);
    let acceptor = speaker(&announced);
    let uuid = announced.announce(text("hello")).unwrap();
    let mut first = call(&acceptor, uuid);
    assert_eq!(first.flush(), frame(0x10, b"hello"));
    let mut second = call(&acceptor, uuid);
    assert_eq!(
        second.flush(),
        frame(0x10, b"hello"),
        "of the same metadata"
    );
    first.poll_commands();
    assert_eq!(first.flush(), HANGUP);
    first.see_to_close();
    drop(first);
    assert_eq!(announced.metadata(uuid).as_deref(), Some(&text("hello")));

    let third = call(&acceptor, uuid);
    second.poll_commands();
    assert_eq!(second.flush(), HANGUP);
    drop(third);
    assert_eq!(announced.metadata(uuid), None);
    assert_eq!(refusal(&call(&acceptor, uuid)).unwrap(), USED);
}

/// The other call is let in while the first one's handler is being made.
#[test]
fn a_call_whose_place_is_taken_before_it_starts_is_hung_up() {
    let announced = Clock::default().registry().on_duplicate(Duplicate::Replace);
    let plain = speaker(&announced);
    let uuid = announced.announce(text("hello")).unwrap();
    let meanwhile = std::sync::Mutex::new(None);
    let slow = announced.clone().guard({
        let acceptor = silent();
        move |request: &CallRequest<'_>| {
            *meanwhile.lock().unwrap() = Some(call(&plain, request.uuid));
            acceptor.accept(request)
        }
    });
    let mut first = call(&Arc::new(slow), uuid);
    first.poll_commands();
    assert_eq!(first.flush(), HANGUP);
    first.eof();
    assert!(announced.metadata(uuid).is_some(), "the other one's");
}

#[test]
fn an_announcement_is_spent_by_a_call_that_is_refused_after_all() {
    let announced = Clock::default().registry();
    let closed = |_: &CallRequest<'_>, _| Err::<Speaker, _>(Refusal::new("closed"));
    let acceptor = Arc::new(announced.clone().then(closed));
    let uuid = announced.announce(text("hello")).unwrap();
    assert_eq!(refusal(&call(&acceptor, uuid)).unwrap(), "closed");
    assert_eq!(refusal(&call(&acceptor, uuid)).unwrap(), USED);
    assert_eq!(announced.metadata(uuid), None);
}

#[test]
fn an_announcement_is_spent_by_a_call_whose_acceptor_panics() {
    let announced = Clock::default().registry();
    let acceptor = panicking_in(&["accept"]);
    let acceptor = Arc::new(announced.clone().guard(acceptor));
    let uuid = announced.announce(()).unwrap();
    assert_eq!(call(&acceptor, uuid).flush(), HANGUP);
    assert_eq!(refusal(&call(&acceptor, uuid)).unwrap(), USED);
}
