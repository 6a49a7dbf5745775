//! Handles: commands to a call from other tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

use audiosocket_proto::Transmit;
use audiosocket_server::CallHandle;

use crate::call::HANGUP;
use crate::recorder::{RecordingAcceptor, TestConnection, Transcript};

/// Counts how often it was woken.
#[derive(Default)]
pub(crate) struct CountingWaker(AtomicUsize);

impl CountingWaker {
    pub(crate) fn wake_count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_command_wakes_the_task_of_the_call() {
    let mut line = TestConnection::talking(RecordingAcceptor::new());
    let bell = Arc::new(CountingWaker::default());
    let waker = Waker::from(bell.clone());
    line.driver.poll_commands(line.now, &waker);
    assert_eq!(bell.wake_count(), 0);
    assert_eq!(line.transmit(), Transmit::Idle);

    line.driver.handle().hangup();
    assert_eq!(bell.wake_count(), 1);
    line.driver.poll_commands(line.now, &waker);
    assert_eq!(line.transmit(), Transmit::Bytes(&HANGUP));
}

/// A call can move to another task. Then a command wakes the new task only.
#[test]
fn the_waker_of_the_last_poll_counts() {
    let mut line = TestConnection::talking(RecordingAcceptor::new());
    let (before, after) = (
        Arc::new(CountingWaker::default()),
        Arc::new(CountingWaker::default()),
    );
    line.driver
        .poll_commands(line.now, &Waker::from(before.clone()));
    line.driver
        .poll_commands(line.now, &Waker::from(after.clone()));
    line.driver.handle().hangup();
    assert_eq!((before.wake_count(), after.wake_count()), (0, 1));
}

#[test]
fn a_command_that_came_before_the_first_poll_is_not_lost() {
    let mut line = TestConnection::talking(RecordingAcceptor::new());
    line.driver.handle().hangup();
    line.poll_commands();
    assert_eq!(line.flush(), HANGUP);
}

#[test]
fn a_callback_can_give_its_handle_away() {
    let handles = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = handles.clone();
    let desk = RecordingAcceptor::new().on_any(move |name, call| {
        if name == "on_start" {
            sink.lock().unwrap().push(call.handle());
        }
    });
    let transcript: Transcript = desk.transcript.clone();
    let mut line = TestConnection::talking(desk);
    transcript.take();
    let handle = handles.lock().unwrap().pop().unwrap();
    let elsewhere = std::thread::spawn(move || {
        handle.hangup();
        handle
    });
    let handle = elsewhere.join().unwrap();
    line.poll_commands();
    assert_eq!(transcript.take(), ["end HungUp", "drop"]);
    assert_eq!(line.flush(), HANGUP);

    // A command does nothing after the end of the call, or after the driver is dropped.
    handle.hangup();
    line.poll_commands();
    assert_eq!(line.flush(), [0_u8; 0]);
    drop(line);
    handle.hangup();
    assert_eq!(transcript.take(), [""; 0]);
}

#[test]
fn a_command_has_the_time_of_the_poll() {
    let seen = Transcript::default();
    let sink = seen.clone();
    let desk = RecordingAcceptor::new()
        .on_any(move |name, call| sink.add(format!("{name} {:?}", call.duration())));
    let mut line = TestConnection::talking(desk);
    line.pass(Duration::from_secs(3));
    line.driver.handle().hangup();
    line.poll_commands();
    assert_eq!(seen.take(), ["on_start 0ns", "on_end 3s"]);
    assert_eq!(
        line.driver.poll_timeout(),
        Some(line.now + Duration::from_secs(1))
    );
}

/// A task that hangs up when it is dropped. The call has its last waker.
struct HangsUpWhenDropped(CallHandle);

impl Wake for HangsUpWhenDropped {
    fn wake(self: Arc<Self>) {}
}

impl Drop for HangsUpWhenDropped {
    fn drop(&mut self) {
        self.0.hangup();
    }
}

/// This would deadlock if the call dropped the waker under the lock that the drop takes.
#[test]
fn a_waker_may_use_the_handle_when_it_is_dropped() {
    let mut line = TestConnection::talking(RecordingAcceptor::new());
    let handle = line.driver.handle().clone();
    let waker = || Waker::from(Arc::new(HangsUpWhenDropped(handle.clone())));
    line.driver.poll_commands(line.now, &waker());
    line.driver.poll_commands(line.now, &waker());
    assert_eq!(line.transmit(), Transmit::Idle);
    line.driver.poll_commands(line.now, Waker::noop());
    assert_eq!(line.transmit(), Transmit::Bytes(&HANGUP));

    let line = TestConnection::talking(RecordingAcceptor::new());
    let handle = line.driver.handle().clone();
    let mut driver = line.driver;
    driver.poll_commands(line.now, &Waker::from(Arc::new(HangsUpWhenDropped(handle))));
    drop(driver);
}
