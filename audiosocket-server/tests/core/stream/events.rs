//! Incoming calls: the methods that play, injected events, and the sample rate of the caller.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use audiosocket_proto::{AudioBuf, End, MarkOutcome, SampleRate};
use audiosocket_server::{CallEvent, Incoming, IncomingCall, InjectError, incoming};
use futures_core::Stream;

use crate::call::HANGUP;
use crate::handles::CountingWaker;
use crate::recorder::TestConnection;
use crate::wire::frame;

fn noop() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// Takes all events that wait.
fn events(call: &mut IncomingCall) -> Vec<CallEvent> {
    std::iter::from_fn(|| match call.poll_next(&mut noop()) {
        Poll::Ready(event) => event,
        Poll::Pending => None,
    })
    .collect()
}

/// A call that has started, and whose first event is taken.
fn started(
    configure: impl FnOnce(Incoming) -> Incoming,
) -> (TestConnection<Incoming>, IncomingCall) {
    let (acceptor, mut calls) = incoming();
    let line = TestConnection::talking(configure(acceptor));
    let Poll::Ready(Some(mut call)) = calls.poll_accept(&mut noop()) else {
        panic!("no call");
    };
    assert_eq!(events(&mut call), [CallEvent::Started]);
    (line, call)
}

fn audio(rate: SampleRate, bytes: &[u8]) -> CallEvent {
    CallEvent::Audio(AudioBuf::new(rate, bytes.to_vec()))
}

#[test]
fn the_call_plays_marks_and_hangs_up() {
    let (mut line, mut call) = started(|acceptor| acceptor);
    call.try_play((SampleRate::Hz8000, vec![7; 640])).unwrap();
    call.mark(42).unwrap();
    let mut played = call.played();
    line.poll_commands();
    assert_eq!(line.flush(), frame(0x10, &[7; 320]));
    let dropped = call.clear();
    assert_eq!(dropped.duration, Duration::from_millis(20));
    line.poll_commands();
    let outcome = Pin::new(&mut played).poll(&mut noop());
    assert_eq!(outcome, Poll::Ready(MarkOutcome::Cleared));
    let mark = CallEvent::Mark(42, MarkOutcome::Cleared);
    assert_eq!(events(&mut call), [mark]);
    assert_eq!(call.stats(), call.handle().stats());

    call.hangup();
    line.poll_commands();
    assert_eq!(line.flush(), HANGUP);
    assert_eq!(events(&mut call), [CallEvent::Ended(End::HungUp)]);
}

#[test]
fn the_call_hangs_up_after_its_playout() {
    let (mut line, call) = started(|acceptor| acceptor);
    call.try_play((SampleRate::Hz8000, vec![7; 320])).unwrap();
    call.hangup_after_playout();
    line.poll_commands();
    assert_eq!(line.flush(), frame(0x10, &[7; 320]));
    line.wait(Duration::from_secs(1));
    assert_eq!(line.flush(), HANGUP);
}

/// The streams return the same events. The combinators of `futures` and `tokio-stream` need these streams.
#[test]
fn calls_and_events_are_streams() {
    let (acceptor, mut calls) = incoming();
    assert!(Pin::new(&mut calls).poll_next(&mut noop()).is_pending());
    let mut line = TestConnection::talking(acceptor);
    let Poll::Ready(Some(mut call)) = Pin::new(&mut calls).poll_next(&mut noop()) else {
        panic!("no call");
    };
    line.eof();
    for event in [
        Some(CallEvent::Started),
        Some(CallEvent::Ended(End::Closed)),
        None,
    ] {
        let next = Stream::poll_next(Pin::new(&mut call), &mut noop());
        assert_eq!(next, Poll::Ready(event));
    }
    drop(line);
    let end = Pin::new(&mut calls).poll_next(&mut noop());
    assert!(matches!(end, Poll::Ready(None)));
}

#[test]
fn an_injected_value_comes_behind_the_events_that_wait() {
    let (mut line, mut call) = started(|acceptor| acceptor);
    let bell = Arc::new(CountingWaker::default());
    let waker = Waker::from(bell.clone());
    assert!(
        call.poll_next(&mut Context::from_waker(&waker))
            .is_pending()
    );
    line.receive(&frame(0x03, b"1"));
    let injector = call.injector();
    let thread = std::thread::spawn(move || injector.inject("recognised"));
    assert_eq!(thread.join().unwrap(), Ok(()));
    line.receive(&frame(0x03, b"2"));
    assert_eq!(bell.wake_count(), 1);

    let events = events(&mut call);
    assert!(matches!(events[0], CallEvent::Dtmf(digit) if digit.as_char() == '1'));
    let CallEvent::Injected(value) = &events[1] else {
        panic!("{:?} is not injected", events[1]);
    };
    assert_eq!(value.downcast_ref::<&str>(), Some(&"recognised"));
    assert_eq!(value.downcast_ref::<String>(), None);
    assert_eq!(events[1], events[1].clone());
    assert!(value.clone().downcast::<u64>().is_err());
    let value = value.clone().downcast::<&str>().unwrap();
    assert_eq!(*value, "recognised");
    assert!(matches!(events[2], CallEvent::Dtmf(digit) if digit.as_char() == '2'));
}

#[test]
fn injected_values_take_half_of_the_queue_at_most() {
    // The queue has room for 100 events without audio.
    let (mut line, mut call) = started(|acceptor| acceptor.event_queue(6_400));
    let injector = call.injector();
    for number in 0..50 {
        assert_eq!(injector.inject(number), Ok(()));
    }
    assert_eq!(injector.inject(50), Err(InjectError::QueueFull));
    // Key presses and audio of the caller still have room.
    line.receive(&frame(0x03, b"1").repeat(40));
    line.receive(&frame(0x10, &[1; 320]));
    assert_eq!(line.flush(), b"", "not hung up");
    assert_eq!(events(&mut call).len(), 91);
    assert_eq!(injector.inject(51), Ok(()));
}

#[test]
fn an_injected_value_drops_the_oldest_audio_of_a_full_queue() {
    let (mut line, mut call) = started(|acceptor| acceptor.event_queue(1_950));
    for number in 0..5 {
        line.receive(&frame(0x10, &[number; 320]));
    }
    assert_eq!(call.injector().inject(()), Ok(()));
    let events = events(&mut call);
    assert!(
        matches!(events[0], CallEvent::Lagged(lag) if (lag.frames, lag.bytes) == (2, 640)),
        "{events:?}"
    );
    assert!(matches!(events.last(), Some(CallEvent::Injected(_))));
}

#[test]
fn inject_fails_after_the_call_is_over() {
    let (mut line, call) = started(|acceptor| acceptor);
    let injector = call.injector();
    line.eof();
    assert_eq!(injector.inject(()), Err(InjectError::CallOver));

    let (_line, call) = started(|acceptor| acceptor);
    let injector = call.injector();
    let value = Arc::new(());
    injector.inject(Arc::clone(&value)).unwrap();
    drop(call);
    assert_eq!(Arc::strong_count(&value), 1, "what waits is dropped");
    assert_eq!(injector.inject(()), Err(InjectError::CallOver));
}

#[test]
fn the_sample_rate_is_that_of_the_latest_audio() {
    let (mut line, mut call) = started(|acceptor| acceptor);
    assert_eq!(call.sample_rate(), None);
    line.receive(&frame(0x12, b"wide"));
    assert_eq!(call.sample_rate(), Some(SampleRate::Hz16000));
    line.receive(&frame(0x10, b"thin"));
    assert_eq!(call.sample_rate(), Some(SampleRate::Hz8000));
    let (wide, thin) = (SampleRate::Hz16000, SampleRate::Hz8000);
    let expected = [audio(wide, b"wide"), audio(thin, b"thin")];
    assert_eq!(events(&mut call), expected);
    assert_eq!(call.sample_rate(), Some(thin));
}

#[test]
fn the_first_audio_ends_the_wait_for_the_sample_rate() {
    let (mut line, mut call) = started(|acceptor| acceptor);
    let bell = Arc::new(CountingWaker::default());
    let waker = Waker::from(bell.clone());
    {
        let mut cx = Context::from_waker(&waker);
        let mut wait = pin!(call.wait_sample_rate(Duration::from_millis(500)));
        assert!(wait.as_mut().poll(&mut cx).is_pending());
        line.poll_commands();
        line.wait(Duration::from_millis(499));
        assert!(wait.as_mut().poll(&mut cx).is_pending());
        line.receive(&frame(0x12, b"wide"));
        assert_ne!(bell.wake_count(), 0);
        let rate = wait.as_mut().poll(&mut cx);
        assert_eq!(rate, Poll::Ready(SampleRate::Hz16000));
    }
    // No event was taken.
    let wide = audio(SampleRate::Hz16000, b"wide");
    assert_eq!(events(&mut call), [wide]);
    let mut wait = pin!(call.wait_sample_rate(Duration::ZERO));
    let rate = wait.as_mut().poll(&mut noop());
    assert_eq!(rate, Poll::Ready(SampleRate::Hz16000), "it is known");
}

#[test]
fn the_wait_for_the_sample_rate_ends_at_its_timeout() {
    let (mut line, mut call) = started(|acceptor| acceptor);
    let timeout = Duration::from_millis(500);
    let bell = Arc::new(CountingWaker::default());
    let waker = Waker::from(bell.clone());
    let mut cx = Context::from_waker(&waker);
    let mut wait = pin!(call.wait_sample_rate(timeout));
    assert!(wait.as_mut().poll(&mut cx).is_pending());
    line.poll_commands();
    assert_eq!(line.driver.poll_timeout(), Some(line.now + timeout));
    line.wait(timeout - Duration::from_nanos(1));
    assert!(wait.as_mut().poll(&mut cx).is_pending());
    line.wait(Duration::from_nanos(1));
    assert_eq!(bell.wake_count(), 1);
    assert_eq!(line.driver.poll_timeout(), None);
    let rate = wait.as_mut().poll(&mut cx);
    assert_eq!(rate, Poll::Ready(SampleRate::Hz8000));
}

#[test]
fn the_end_of_the_call_ends_the_wait_for_the_sample_rate() {
    let (mut line, mut call) = started(|acceptor| acceptor);
    {
        let mut wait = pin!(call.wait_sample_rate(Duration::MAX));
        assert!(wait.as_mut().poll(&mut noop()).is_pending());
        line.poll_commands();
        line.eof();
        let rate = wait.as_mut().poll(&mut noop());
        assert_eq!(rate, Poll::Ready(SampleRate::Hz8000));
    }
    assert_eq!(events(&mut call), [CallEvent::Ended(End::Closed)]);
    let mut wait = pin!(call.wait_sample_rate(Duration::MAX));
    assert!(wait.as_mut().poll(&mut noop()).is_ready());
}

/// A wait that is dropped leaves no waker in the connection.
#[test]
fn a_dropped_wait_for_the_sample_rate_is_forgotten() {
    let (mut line, mut call) = started(|acceptor| acceptor);
    let bell = Arc::new(CountingWaker::default());
    let waker = Waker::from(bell.clone());
    {
        let mut wait = pin!(call.wait_sample_rate(Duration::from_secs(1)));
        let mut cx = Context::from_waker(&waker);
        assert!(wait.as_mut().poll(&mut cx).is_pending());
        line.poll_commands();
    }
    assert!(
        call.poll_next(&mut noop()).is_pending(),
        "replaces the waker"
    );
    drop(waker);
    assert_eq!(Arc::strong_count(&bell), 1);
    line.wait(Duration::from_secs(1));
    assert_eq!(bell.wake_count(), 0);
}
