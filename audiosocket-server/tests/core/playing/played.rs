//! `CallHandle::played`, which waits until the queued audio has been played.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use audiosocket_proto::MarkOutcome::{self, CallOver, Cleared, Played};
use audiosocket_server::Played as Waiting;

use crate::handles::CountingWaker;
use crate::playing::{PTIME, RATE, speech};
use crate::recorder::{RecordingAcceptor, TestConnection};

fn poll(waiting: &mut Waiting) -> Poll<MarkOutcome> {
    pin!(waiting).poll(&mut Context::from_waker(Waker::noop()))
}

/// A call with one frame that has left and one frame in the queue.
fn speaking() -> TestConnection<RecordingAcceptor> {
    let mut line = TestConnection::talking(RecordingAcceptor::new());
    line.driver.handle().try_play((RATE, speech(2))).unwrap();
    line.poll_commands();
    line.flush();
    line
}

#[test]
fn played_is_ready_when_the_last_sample_is_written() {
    let mut line = speaking();
    let mut waiting = line.driver.handle().played();
    line.poll_commands();
    let bell = Arc::new(CountingWaker::default());
    let waker = Waker::from(bell.clone());
    let mut cx = Context::from_waker(&waker);
    assert_eq!(pin!(&mut waiting).poll(&mut cx), Poll::Pending);
    line.wait(PTIME);
    assert_eq!(bell.wake_count(), 0, "it has not been written");
    line.flush();
    assert_eq!(bell.wake_count(), 1);
    assert_eq!(poll(&mut waiting), Poll::Ready(Played));
    assert_eq!(poll(&mut waiting), Poll::Ready(Played), "the outcome stays");
}

/// Audio that is queued later does not count.
#[test]
fn played_waits_for_the_audio_that_is_queued_at_its_call() {
    let mut line = speaking();
    let mut waiting = line.driver.handle().played();
    line.driver.handle().try_play((RATE, speech(100))).unwrap();
    line.wait(PTIME);
    line.flush();
    assert_eq!(poll(&mut waiting), Poll::Ready(Played));
    let mut nothing = TestConnection::talking(RecordingAcceptor::new());
    let mut waiting = nothing.driver.handle().played();
    nothing.poll_commands();
    assert_eq!(
        poll(&mut waiting),
        Poll::Ready(Played),
        "nothing was queued"
    );
}

#[test]
fn several_tasks_may_wait_for_played() {
    let mut line = speaking();
    let handle = line.driver.handle().clone();
    let mut waiting = [handle.played(), handle.played()];
    handle.try_play((RATE, speech(1))).unwrap();
    let mut later = handle.played();
    line.poll_commands();
    line.wait(PTIME);
    line.flush();
    for waiting in &mut waiting {
        assert_eq!(poll(waiting), Poll::Ready(Played));
    }
    assert_eq!(poll(&mut later), Poll::Pending);
    handle.clear();
    line.poll_commands();
    assert_eq!(poll(&mut later), Poll::Ready(Cleared));
}

#[test]
fn played_returns_cleared_when_its_audio_is_cleared() {
    let mut line = speaking();
    let mut waiting = line.driver.handle().played();
    line.driver.handle().clear();
    line.poll_commands();
    assert_eq!(poll(&mut waiting), Poll::Ready(Cleared));
}

#[test]
fn played_returns_call_over_when_the_call_ends_first() {
    let ends: [fn(&mut TestConnection<RecordingAcceptor>); 4] = [
        TestConnection::eof,
        |line| line.write_error(std::io::ErrorKind::BrokenPipe),
        |line| {
            line.driver.handle().hangup();
            line.poll_commands();
        },
        |line| line.receive(&[0, 0, 0]),
    ];
    for end in ends {
        let mut line = speaking();
        let mut waiting = line.driver.handle().played();
        end(&mut line);
        assert_eq!(poll(&mut waiting), Poll::Ready(CallOver));
        let handle = line.driver.handle().clone();
        assert_eq!(poll(&mut handle.played()), Poll::Ready(CallOver));
        drop(line);
        assert_eq!(handle.played().wait(), CallOver);
    }
}

#[test]
fn played_returns_call_over_when_the_driver_is_dropped() {
    let line = speaking();
    let handle = line.driver.handle().clone();
    let mut waiting = handle.played();
    assert_eq!(poll(&mut waiting), Poll::Pending);
    drop(line);
    assert_eq!(poll(&mut waiting), Poll::Ready(CallOver));
    // The outcome is the same before the call has started.
    let line = TestConnection::new(RecordingAcceptor::new());
    assert_eq!(line.driver.handle().played().wait(), CallOver);
}

#[test]
fn a_thread_can_wait_for_played() {
    for clear in [true, false] {
        let mut line = speaking();
        let handle = line.driver.handle().clone();
        let (begun, asked) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            let played = handle.played();
            begun.send(()).unwrap();
            played.wait()
        });
        asked.recv().unwrap();
        if clear {
            line.driver.handle().clear();
        }
        line.poll_commands();
        line.wait(PTIME);
        line.flush();
        assert_eq!(thread.join().unwrap(), if clear { Cleared } else { Played });
    }
}

/// The future moves to another task.
#[test]
fn the_last_waker_counts() {
    let mut line = speaking();
    let mut waiting = line.driver.handle().played();
    let bells = [(); 2].map(|()| Arc::new(CountingWaker::default()));
    for bell in &bells {
        let waker = Waker::from(bell.clone());
        let polled = pin!(&mut waiting).poll(&mut Context::from_waker(&waker));
        assert_eq!(polled, Poll::Pending);
    }
    line.driver.handle().clear();
    line.poll_commands();
    assert_eq!(bells.map(|bell| bell.wake_count()), [0, 1]);
}

/// The mark stays in the queue until it is reached. It must not keep the task of a dropped future in memory.
#[test]
fn a_dropped_played_future_keeps_no_task_in_memory() {
    let mut line = speaking();
    let mut waiting = line.driver.handle().played();
    let bell = Arc::new(CountingWaker::default());
    let waker = Waker::from(bell.clone());
    let polled = pin!(&mut waiting).poll(&mut Context::from_waker(&waker));
    assert_eq!(polled, Poll::Pending);
    drop(waker);
    drop(waiting);
    assert_eq!(Arc::strong_count(&bell), 1);
    line.wait(PTIME);
    line.flush();
    assert_eq!(bell.wake_count(), 0);
}

/// The test sets more marks than the driver reports in one poll.
#[test]
fn a_thousand_played_futures_are_all_resolved() {
    let mut line = speaking();
    let handle = line.driver.handle().clone();
    let mut waiting: Vec<_> = (0..1000).map(|_| handle.played()).collect();
    line.poll_commands();
    line.wait(PTIME);
    line.flush();
    for _ in 0..1000 {
        if line.driver.poll_timeout() != Some(line.now) {
            break;
        }
        line.wait(Duration::ZERO);
    }
    for waiting in &mut waiting {
        assert_eq!(poll(waiting), Poll::Ready(Played));
    }
}
