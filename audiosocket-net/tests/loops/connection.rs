//! How a connection reads, writes, flushes and closes.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use audiosocket_proto::server::{Backlog, Callbacks, Calls, Response};

use crate::rig::{AUDIO, HANGUP, Rig, UUID};
use crate::runtime::{Script, pass};

#[test]
fn one_flush_follows_all_that_was_written() {
    let mut rig = Rig::talking();
    rig.script()
        .writes
        .extend((0..7).map(|_| Poll::Ready(Ok(1))));
    rig.reads([AUDIO]);
    assert!(rig.poll().is_pending());
    assert_eq!(
        rig.log(),
        [&["read"][..], &["write"; 7], &["flush"]].concat()
    );
    assert_eq!(rig.sent(), AUDIO);
    assert!(rig.poll().is_pending());
    assert_eq!(rig.log(), [""; 0], "and no second one");
}

#[test]
fn an_interruption_is_no_error() {
    let mut rig = Rig::talking();
    rig.read_fails(ErrorKind::Interrupted);
    rig.reads([AUDIO, &HANGUP]);
    let interrupted = || Poll::Ready(Err(ErrorKind::Interrupted.into()));
    rig.script()
        .writes
        .extend([interrupted(), Poll::Ready(Ok(5)), interrupted()]);
    rig.script()
        .flushes
        .push_back(Poll::Ready(Err(ErrorKind::Interrupted.into())));
    rig.script()
        .closes
        .push_back(Poll::Ready(Err(ErrorKind::Interrupted.into())));
    assert!(rig.poll().is_pending());
    assert_eq!(rig.sent(), AUDIO);
    assert_eq!(rig.told(), ["audio 4", "end"]);
    assert_eq!(
        rig.log(),
        [
            "read: operation interrupted",
            "read",
            "write: operation interrupted",
            "read",
            "write",
            "write: operation interrupted",
            "write",
            "flush: operation interrupted",
            "flush",
            "close: operation interrupted",
            "close",
        ]
    );
}

/// What the peer sent before it closed is still to be heard.
#[test]
fn who_takes_nothing_more_is_read_to_the_end() {
    for written in [Ok(0), Err(ErrorKind::BrokenPipe.into())] {
        let mut rig = Rig::talking();
        rig.script().writes.push_back(Poll::Ready(written));
        rig.reads([AUDIO, AUDIO]);
        assert!(rig.poll().is_pending());
        assert_eq!(rig.log().len(), 3, "two reads and one attempt to write");
        assert_eq!(rig.told(), ["audio 4", "audio 4"]);
        rig.reads([&b""[..]]);
        assert!(rig.poll().is_ready());
        assert_eq!(
            (rig.log(), rig.told()),
            (vec!["read".into()], vec!["end".into()])
        );
    }
}

#[test]
fn the_half_close_waits_for_the_flush_and_the_end_for_the_half_close() {
    let mut rig = Rig::talking();
    rig.reads([AUDIO]);
    rig.script().flushes.extend([Poll::Pending, Poll::Pending]);
    rig.script().closes.push_back(Poll::Pending);
    assert!(rig.poll().is_pending());
    assert_eq!(rig.log(), ["read", "write"]);

    rig.calls.shut_down();
    assert_eq!(rig.bell.rung(), 1);
    assert!(rig.poll().is_pending());
    assert_eq!(rig.log(), ["write"], "of the hangup, while the flush waits");
    assert_eq!(rig.sent(), [AUDIO, &HANGUP].concat());
    assert!(rig.poll().is_pending());
    assert_eq!(rig.log(), ["flush"]);
    assert!(rig.poll().is_pending());
    assert_eq!(rig.log(), ["close"]);
    rig.reads([&b""[..]]);
    assert!(rig.poll().is_ready());
    assert!(rig.poll().is_ready(), "and stays so");
}

#[test]
fn a_half_close_that_hangs_is_given_up() {
    let mut rig = Rig::talking();
    rig.script().closes.extend((0..9).map(|_| Poll::Pending));
    rig.reads([&HANGUP[..]]);
    assert!(rig.poll().is_pending());
    assert_eq!(rig.told(), ["end"]);
    pass(Duration::from_millis(999));
    assert!(rig.poll().is_pending());
    pass(Duration::from_millis(1));
    assert!(rig.poll().is_ready());
}

#[test]
fn how_reading_fails_decides_what_is_told() {
    for kind in [
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
        ErrorKind::BrokenPipe,
        ErrorKind::NotConnected,
        ErrorKind::UnexpectedEof,
    ] {
        assert_eq!(told_of(|rig| rig.read_fails(kind)), ["end"], "{kind}");
    }
    for kind in [
        ErrorKind::TimedOut,
        ErrorKind::HostUnreachable,
        ErrorKind::Other,
    ] {
        let told = told_of(|rig| rig.read_fails(kind));
        assert_eq!(
            told,
            [format!("the connection was lost: {kind}"), "end".to_owned()]
        );
    }
    let cut = told_of(|rig| {
        rig.reads([&AUDIO[..4]]);
        rig.read_fails(ErrorKind::ConnectionReset);
    });
    assert_eq!(cut.len(), 2, "{cut:?}");
}

#[test]
fn how_writing_fails_decides_whether_the_call_goes_on() {
    type Fails = fn(&mut Script, io::Error);
    let failing: [Fails; 2] = [
        |script, error| script.writes.push_back(Poll::Ready(Err(error))),
        |script, error| script.flushes.push_back(Poll::Ready(Err(error))),
    ];
    for fails in failing {
        let mut rig = Rig::talking();
        fails(&mut rig.script(), ErrorKind::ConnectionReset.into());
        rig.reads([AUDIO, AUDIO]);
        assert!(rig.poll().is_pending());
        assert_eq!(rig.told(), ["audio 4", "audio 4"]);
        let log = rig.log();
        let after = log.iter().skip_while(|line| !line.contains("reset"));
        assert!(after.skip(1).all(|line| line == "read"), "{log:?}");

        let told = told_of(|rig| {
            fails(&mut rig.script(), ErrorKind::TimedOut.into());
            rig.reads([AUDIO]);
        });
        assert_eq!(
            told,
            ["audio 4", "the connection was lost: timed out", "end"]
        );
    }
}

#[test]
fn what_the_stream_dropped_is_told_ahead_of_what_it_reads() {
    let mut backlog = Backlog::new(0);
    backlog.push(AUDIO);
    let mut rig = Rig::talking();
    rig.script().lag = backlog.take_lag();
    rig.reads([AUDIO]);
    assert!(rig.poll().is_pending());
    let lag = "the handler is too slow: 1 frames of audio (4 bytes) were dropped unheard";
    assert_eq!(rig.told(), [lag, "audio 4"]);
}

#[test]
fn a_connection_counts_until_it_is_dropped_and_is_abandoned_then() {
    let Rig {
        connection,
        calls,
        told,
        ..
    } = Rig::talking();
    assert_eq!((calls.len(), connection.deadline()), (1, None));
    drop(connection);
    assert!(calls.is_empty());
    assert_eq!(*told.lock().unwrap(), ["end"]);
}

/// It is looked at when the turn is over, which the command itself sees to.
#[test]
fn a_command_from_within_a_callback_is_not_lost() {
    let calls = Arc::new(OnceLock::<Calls>::new());
    let from_within = calls.clone();
    let mut rig = Rig::new(
        Callbacks::new(
            move |_, _, _| {
                from_within.get().unwrap().shut_down();
                Response::Nothing
            },
            |_, _, _| {},
        ),
        |_| {},
    );
    calls.set(rig.calls.clone()).unwrap();
    rig.reads([UUID, AUDIO]);
    assert!(rig.poll().is_pending());
    assert_eq!((rig.bell.rung(), rig.sent()), (1, vec![]));
    assert!(rig.poll().is_pending());
    assert_eq!(rig.sent(), HANGUP);
}

/// The buffer that this thread reads with is in use then.
#[test]
fn a_handler_may_drive_another_call() {
    thread_local! {
        static INNER: RefCell<Rig> = RefCell::new(Rig::talking());
    }
    let outer = Callbacks::new(
        |_, _, audio| {
            INNER.with_borrow_mut(|rig| {
                rig.reads([&AUDIO.repeat(100)[..]]);
                assert!(rig.poll().is_pending());
                assert_eq!(rig.sent(), AUDIO.repeat(100));
            });
            audio.into()
        },
        |_, _, _| {},
    );
    let mut rig = Rig::new(outer, |_| {});
    rig.reads([UUID, &AUDIO.repeat(2)]);
    assert!(rig.poll().is_pending());
    assert_eq!(rig.sent(), AUDIO.repeat(2));
}

/// What the handler is told of a call that ends like this.
fn told_of(end: impl FnOnce(&Rig)) -> Vec<String> {
    let mut rig = Rig::talking();
    end(&rig);
    assert!(rig.poll().is_ready());
    rig.told()
}
