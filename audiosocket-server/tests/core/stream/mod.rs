//! Incoming calls: their events, and the queues.

mod events;
mod shutdown_work;

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use audiosocket_proto::{
    Audio, AudioBuf, Bytes, End, MarkOutcome, PeerError, SampleRate, Transmit,
};
use audiosocket_server::{
    Acceptor, Call, CallEvent, CallRequest, Elapsed, Handler, Incoming, IncomingCall,
    IncomingCalls, Refusal, Response, incoming,
};

use crate::call::{HANGUP, uuid_frame};
use crate::handles::CountingWaker;
use crate::recorder::TestConnection;
use crate::wire::{UUID, frame};

const RATE: SampleRate = SampleRate::Hz8000;

fn accepted(calls: &mut IncomingCalls) -> Option<IncomingCall> {
    match calls.poll_accept(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(call) => Some(call.expect("the server has ended")),
        Poll::Pending => None,
    }
}

/// Takes all events that wait.
fn take_events(call: &mut IncomingCall) -> Vec<CallEvent> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut events = Vec::new();
    while let Poll::Ready(Some(event)) = call.poll_next(&mut cx) {
        events.push(event);
    }
    events
}

/// A call that has started, and whose first event is taken.
fn started(
    acceptor: Incoming,
    calls: &mut IncomingCalls,
) -> (TestConnection<Incoming>, IncomingCall) {
    let line = TestConnection::talking(acceptor);
    let mut call = accepted(calls).expect("the call is there");
    assert_eq!(take_events(&mut call), [CallEvent::Started]);
    (line, call)
}

fn audio(bytes: &[u8]) -> CallEvent {
    CallEvent::Audio(AudioBuf::new(RATE, Bytes::copy_from_slice(bytes)))
}

#[test]
fn a_call_from_its_start_to_its_end() {
    let (acceptor, mut calls) = incoming();
    assert!(accepted(&mut calls).is_none());
    let mut line = TestConnection::talking(acceptor);
    line.receive(&frame(0x12, b"wide"));
    line.receive(&frame(0x03, b"5"));
    line.receive(&frame(0x03, b"x"));
    line.receive(&frame(0xff, &[0x02]));
    line.eof();

    let mut call = accepted(&mut calls).unwrap();
    assert_eq!(call.uuid().as_u128(), UUID);
    assert_eq!(call.peer().to_string(), "tester");
    let [
        started,
        wide,
        CallEvent::Dtmf(digit),
        malformed,
        reported,
        ended,
    ] = &take_events(&mut call)[..]
    else {
        panic!("other events");
    };
    assert_eq!(*started, CallEvent::Started);
    let payload = Bytes::from_static(b"wide");
    let payload = AudioBuf::new(SampleRate::Hz16000, payload);
    assert_eq!(*wide, CallEvent::Audio(payload));
    assert_eq!(digit.as_char(), '5');
    assert_eq!(*malformed, CallEvent::Exception(PeerError::DtmfMalformed));
    assert!(matches!(
        reported,
        CallEvent::Exception(PeerError::Reported { .. })
    ));
    assert_eq!(*ended, CallEvent::Ended(End::Closed));
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(call.poll_next(&mut cx), Poll::Ready(None), "and again");
    assert_eq!(call.poll_next(&mut cx), Poll::Ready(None), "and again");
}

#[test]
fn the_handle_plays_and_marks() {
    let (acceptor, mut calls) = incoming();
    let (mut line, mut call) = started(acceptor, &mut calls);
    call.handle().try_play((RATE, vec![7; 320])).unwrap();
    call.handle().mark(42).unwrap();
    line.poll_commands();
    assert!(take_events(&mut call).is_empty(), "it has not left yet");
    assert_eq!(line.flush(), frame(0x10, &[7; 320]));
    assert_eq!(
        take_events(&mut call),
        [CallEvent::Mark(42, MarkOutcome::Played)]
    );
}

/// Only audio is dropped, the oldest first. `Lagged` comes before all events that were not dropped.
#[test]
fn a_slow_application_misses_the_oldest_audio() {
    let (acceptor, mut calls) = incoming();
    let (mut line, mut call) = started(acceptor.event_queue(10_000), &mut calls);
    line.receive(&frame(0x03, b"1"));
    for number in 0..100 {
        line.receive(&frame(0x10, &[number; 320]));
    }
    line.receive(&frame(0x03, b"2"));
    line.eof();

    let events = take_events(&mut call);
    let CallEvent::Lagged(lag) = events[0] else {
        panic!("{:?} comes first", events[0]);
    };
    let first = u8::try_from(lag.frames).unwrap();
    assert_eq!(lag.bytes, lag.frames * 320);
    assert!(matches!(events[1], CallEvent::Dtmf(digit) if digit.as_char() == '1'));
    let heard: Vec<_> = (first..100).map(|number| audio(&[number; 320])).collect();
    assert_eq!(events[2..events.len() - 2], heard);
    // At least three quarters of 10,000 bytes are kept.
    assert!((19..=26).contains(&heard.len()), "{}", heard.len());
    assert!(matches!(events[events.len() - 2], CallEvent::Dtmf(digit) if digit.as_char() == '2'));
    assert_eq!(events[events.len() - 1], CallEvent::Ended(End::Closed));
}

#[test]
fn a_frame_that_does_not_fit_into_the_queue_is_counted_as_lag() {
    let (acceptor, mut calls) = incoming();
    let (mut line, mut call) = started(acceptor.event_queue(0), &mut calls);
    line.receive(&frame(0x10, b"hello"));
    line.receive(&frame(0x10, b"again"));
    let events = take_events(&mut call);
    let [CallEvent::Lagged(lag), ..] = events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((lag.frames, lag.bytes), (2, 10));
    assert_eq!(call.times().lagged_frames, 2, "the diagnosis has it");
    assert_eq!(line.transmit(), Transmit::Idle, "the call goes on");
}

/// Key presses are never dropped, and the queue is bounded.
#[test]
fn a_flood_of_keys_that_no_task_takes_ends_the_call() {
    let (acceptor, mut calls) = incoming();
    let (mut line, mut call) = started(acceptor.event_queue(6_400), &mut calls);
    for _ in 0..100 {
        line.receive(&frame(0x03, b"1"));
    }
    assert_eq!(line.transmit(), Transmit::Idle, "all of them fit");
    line.receive(&frame(0x03, b"1"));
    assert_eq!(line.transmit(), Transmit::Bytes(&HANGUP));
    line.receive(&frame(0x03, b"1").repeat(100));
    let events = take_events(&mut call);
    assert_eq!(events.len(), 102);
    assert_eq!(events[101], CallEvent::Ended(End::HungUp));
}

#[test]
fn a_dropped_call_is_hung_up() {
    let (acceptor, mut calls) = incoming();
    let (mut line, call) = started(acceptor, &mut calls);
    drop(call);
    line.receive(&frame(0x10, b"no task takes this"));
    line.poll_commands();
    assert_eq!(line.flush(), HANGUP);
}

#[test]
fn calls_that_are_not_accepted_fill_the_accept_queue() {
    let (acceptor, mut calls) = incoming();
    let acceptor = Arc::new(acceptor.accept_queue(2));
    let open = || {
        let mut line = TestConnection::with(Shared(Arc::clone(&acceptor)), |config| config);
        line.receive(&uuid_frame());
        line
    };
    let (mut first, second, mut third) = (open(), open(), open());
    let refusal = |line: &TestConnection<Shared>| line.driver.refusal().map(Refusal::to_string);
    assert_eq!(refusal(&first), None);
    assert_eq!(refusal(&second), None);
    let reason = "too many calls wait for `accept`";
    assert_eq!(refusal(&third).as_deref(), Some(reason));
    assert_eq!(third.flush(), HANGUP);

    // An accepted call makes room. A call that has ended meanwhile can still be accepted.
    first.eof();
    let mut gone = accepted(&mut calls).unwrap();
    let events = [CallEvent::Started, CallEvent::Ended(End::Closed)];
    assert_eq!(take_events(&mut gone), events);
    let mut fourth = open();
    assert_eq!(refusal(&fourth), None);

    drop(calls);
    fourth.poll_commands();
    assert_eq!(fourth.flush(), HANGUP);
    let reason =
        "the application accepts no more calls: it has dropped its server or its `IncomingCalls`";
    assert_eq!(refusal(&open()).as_deref(), Some(reason));
}

/// An acceptor of several connections.
struct Shared(Arc<Incoming>);

impl Acceptor for Shared {
    type Handler = <Incoming as Acceptor>::Handler;

    fn accept(&self, request: &CallRequest<'_>) -> Result<Self::Handler, Refusal> {
        self.0.accept(request)
    }
}

#[test]
fn a_call_that_is_not_accepted_does_not_arrive() {
    let (acceptor, mut calls) = incoming();
    let acceptor = acceptor.accept_if(|request| Err(Refusal::new(request.peer.to_string())));
    let line = TestConnection::talking(acceptor);
    assert_eq!(line.driver.refusal().unwrap().to_string(), "tester");
    assert!(accepted(&mut calls).is_none());
}

#[test]
fn the_stream_ends_with_the_server() {
    let (acceptor, mut calls) = incoming();
    let wakes = Arc::new(CountingWaker::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut cx = Context::from_waker(&waker);
    assert!(calls.poll_accept(&mut cx).is_pending());
    let line = TestConnection::talking(acceptor);
    assert_eq!(wakes.wake_count(), 1);
    assert!(calls.poll_accept(&mut cx).is_ready());
    assert!(calls.poll_accept(&mut cx).is_pending());
    drop(line);
    assert_eq!(wakes.wake_count(), 2);
    assert!(matches!(calls.poll_accept(&mut cx), Poll::Ready(None)));
}

#[test]
fn an_event_wakes_the_task_that_waits() {
    let (acceptor, mut calls) = incoming();
    let (mut line, mut call) = started(acceptor, &mut calls);
    let wakes = Arc::new(CountingWaker::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut cx = Context::from_waker(&waker);
    assert!(call.poll_next(&mut cx).is_pending());
    line.receive(&frame(0x10, b"hello"));
    assert_eq!(wakes.wake_count(), 1);
    line.receive(&frame(0x10, b"again"));
    assert_eq!(wakes.wake_count(), 1, "it is awake");
    assert_eq!(take_events(&mut call), [audio(b"hello"), audio(b"again")]);
}

#[test]
fn a_thread_iterates() {
    let (acceptor, mut calls) = incoming();
    let (sender, received) = std::sync::mpsc::channel();
    let thread = thread::spawn(move || {
        for mut call in calls.blocking() {
            for event in call.blocking() {
                sender.send(event).unwrap();
            }
        }
    });
    let mut line = TestConnection::talking(acceptor);
    assert_eq!(received.recv().unwrap(), CallEvent::Started);
    line.receive(&frame(0x10, b"hello"));
    assert_eq!(received.recv().unwrap(), audio(b"hello"));
    line.eof();
    assert_eq!(received.recv().unwrap(), CallEvent::Ended(End::Closed));
    drop(line);
    thread.join().unwrap();
}

#[test]
fn a_thread_can_wait_with_a_timeout() {
    let (acceptor, mut calls) = incoming();
    let (mut line, mut call) = started(acceptor, &mut calls);
    let waited: Result<_, Elapsed> = call.next_timeout(Duration::from_millis(1));
    assert!(waited.is_err());
    line.receive(&frame(0x10, b"hello"));
    assert_eq!(call.next_timeout(Duration::MAX), Ok(Some(audio(b"hello"))));
    line.eof();
    let ended = CallEvent::Ended(End::Closed);
    assert_eq!(call.next_timeout(Duration::ZERO), Ok(Some(ended)));
    assert_eq!(call.next_timeout(Duration::ZERO), Ok(None));
}

/// Wraps an acceptor. Refuses a call that the inner acceptor has accepted, or does not forward the start or the
/// end of a call.
struct Wrapped {
    inside: Arc<Incoming>,
    refuses: bool,
    forwards_start: bool,
}

struct WrappedCall<H> {
    inside: H,
    forwards_start: bool,
}

impl Acceptor for Wrapped {
    type Handler = WrappedCall<<Incoming as Acceptor>::Handler>;

    fn accept(&self, request: &CallRequest<'_>) -> Result<Self::Handler, Refusal> {
        let inside = self.inside.accept(request)?;
        if self.refuses {
            return Err(Refusal::new("not today"));
        }
        Ok(WrappedCall {
            inside,
            forwards_start: self.forwards_start,
        })
    }
}

impl<H: Handler> Handler for WrappedCall<H> {
    fn on_start(&mut self, call: &mut Call<'_>) {
        if self.forwards_start {
            self.inside.on_start(call);
        }
    }

    fn on_audio<'a>(&mut self, call: &mut Call<'_>, audio: Audio<'a>) -> Response<'a> {
        self.inside.on_audio(call, audio)
    }
}

/// If the place stayed taken, the queue would be full although no call waits.
#[test]
fn a_call_that_does_not_start_frees_its_place() {
    let (acceptor, mut calls) = incoming();
    let inside = Arc::new(acceptor.accept_queue(1));
    for refuses in [true, false] {
        for _ in 0..5 {
            drop(TestConnection::talking(Wrapped {
                inside: Arc::clone(&inside),
                refuses,
                forwards_start: false,
            }));
        }
    }
    let line = TestConnection::talking(Shared(inside));
    assert!(line.driver.refusal().is_none());
    assert!(accepted(&mut calls).is_some());
}

#[test]
fn a_call_whose_end_is_not_forwarded_ends_with_its_handler() {
    let (acceptor, mut calls) = incoming();
    let mut line = TestConnection::talking(Wrapped {
        inside: Arc::new(acceptor),
        refuses: false,
        forwards_start: true,
    });
    let mut call = accepted(&mut calls).unwrap();
    line.eof();
    let events = [CallEvent::Started, CallEvent::Ended(End::Abandoned)];
    assert_eq!(take_events(&mut call), events);
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(call.poll_next(&mut cx), Poll::Ready(None));
}

#[test]
fn the_counters_at_the_end_are_final() {
    let (acceptor, mut calls) = incoming();
    let (mut line, mut call) = started(acceptor, &mut calls);
    line.poll_commands();
    line.receive(&[frame(0x10, b"one."), frame(0x10, b"two."), frame(0x00, b"")].concat());
    let events = take_events(&mut call);
    assert_eq!(events.last(), Some(&CallEvent::Ended(End::HangupReceived)));
    let stats = call.handle().stats();
    assert_eq!(
        (
            stats.session.frames_received,
            stats.session.audio_bytes_received
        ),
        (4, 8)
    );
    drop(line);
    assert_eq!(call.handle().stats(), stats);
}
