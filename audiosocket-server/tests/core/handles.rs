//! Reaching a call from elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::time::Duration;

use audiosocket_proto::Transmit;
use audiosocket_server::CallHandle;

use crate::acceptors::{Transcript, silent};
use crate::call::HANGUP;
use crate::connection::Connection;

/// Counts how often it was woken.
#[derive(Default)]
pub(crate) struct Bell(AtomicUsize);

impl Bell {
    pub(crate) fn rung(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_command_wakes_whoever_drives_the_call() {
    let mut connection = Connection::talking(silent());
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    connection.driver.poll_commands(connection.now, &waker);
    assert_eq!(bell.rung(), 0);
    assert_eq!(connection.transmit(), Transmit::Idle);

    connection.driver.handle().hangup();
    assert_eq!(bell.rung(), 1);
    connection.driver.poll_commands(connection.now, &waker);
    assert_eq!(connection.transmit(), Transmit::Bytes(&HANGUP));
}

/// As with every poll: a task that moved is woken where it is, not where it was.
#[test]
fn the_waker_of_the_last_poll_counts() {
    let mut connection = Connection::talking(silent());
    let (before, after) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
    connection
        .driver
        .poll_commands(connection.now, &Waker::from(before.clone()));
    connection
        .driver
        .poll_commands(connection.now, &Waker::from(after.clone()));
    connection.driver.handle().hangup();
    assert_eq!((before.rung(), after.rung()), (0, 1));
}

#[test]
fn a_command_that_came_before_the_first_poll_is_not_lost() {
    let mut connection = Connection::talking(silent());
    connection.driver.handle().hangup();
    connection.poll_commands();
    assert_eq!(connection.flush(), HANGUP);
}

#[test]
fn a_callback_can_give_its_handle_away() {
    let handles = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = handles.clone();
    let acceptor = silent().in_call(move |call, record| {
        if record.callback() == "on_start" {
            sink.lock().unwrap().push(call.handle());
        }
    });
    let transcript: Transcript = acceptor.transcript();
    let mut connection = Connection::talking(acceptor);
    transcript.take_lines();
    let handle = handles.lock().unwrap().pop().unwrap();
    let elsewhere = std::thread::spawn(move || {
        handle.hangup();
        handle
    });
    let handle = elsewhere.join().unwrap();
    connection.poll_commands();
    assert_eq!(
        transcript.take_lines(),
        ["end: hung up by this side", "drop"]
    );
    assert_eq!(connection.flush(), HANGUP);

    // On a call that is over, and on one that is gone, it does nothing.
    handle.hangup();
    connection.poll_commands();
    assert_eq!(connection.flush(), [0_u8; 0]);
    drop(connection);
    handle.hangup();
    assert_eq!(transcript.take_lines(), [""; 0]);
}

#[test]
fn a_command_comes_at_the_time_of_its_poll() {
    let seen = Transcript::default();
    let sink = seen.clone();
    let acceptor = silent().in_call(move |call, record| {
        sink.note(format!("{} {:?}", record.callback(), call.duration()));
    });
    let mut connection = Connection::talking(acceptor);
    connection.pass(Duration::from_secs(3));
    connection.driver.handle().hangup();
    connection.poll_commands();
    assert_eq!(seen.take_lines(), ["on_start 0ns", "on_end 3s"]);
    assert_eq!(
        connection.driver.poll_timeout(),
        Some(connection.now + Duration::from_secs(1))
    );
}

/// A task that hangs up when it is dropped, of which the call has the last waker.
struct HangsUpWhenDropped(CallHandle);

impl Wake for HangsUpWhenDropped {
    fn wake(self: Arc<Self>) {}
}

impl Drop for HangsUpWhenDropped {
    fn drop(&mut self) {
        self.0.hangup();
    }
}

/// It would hang here if a waker were dropped under the lock that its drop takes.
#[test]
fn a_waker_may_use_the_handle_when_it_is_dropped() {
    let mut connection = Connection::talking(silent());
    let handle = connection.driver.handle().clone();
    let waker = || Waker::from(Arc::new(HangsUpWhenDropped(handle.clone())));
    connection.driver.poll_commands(connection.now, &waker());
    connection.driver.poll_commands(connection.now, &waker());
    assert_eq!(connection.transmit(), Transmit::Idle);
    connection
        .driver
        .poll_commands(connection.now, Waker::noop());
    assert_eq!(connection.transmit(), Transmit::Bytes(&HANGUP));

    let connection = Connection::talking(silent());
    let handle = connection.driver.handle().clone();
    let mut driver = connection.driver;
    driver.poll_commands(
        connection.now,
        &Waker::from(Arc::new(HangsUpWhenDropped(handle))),
    );
    drop(driver);
}
