//! The connection loop: reads, writes, flushes, closes.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use audiosocket_server::{Callbacks, Calls, Lag, Response};

use crate::rig::{AUDIO, HANGUP, Rig, UUID};
use crate::runtime::{Script, pass};

#[test]
fn one_flush_follows_all_writes() {
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
    assert_eq!(rig.log(), [""; 0], "there is no second flush");
}

#[test]
fn an_interrupted_call_is_tried_again() {
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
    assert_eq!(rig.callbacks(), ["audio 4", "end"]);
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

/// The test runs reads of each size with writes of each size. No byte is lost or repeated.
#[test]
fn short_reads_and_writes_lose_no_byte() {
    let said = [AUDIO, AUDIO].concat();
    for read in 1..=said.len() {
        for written in 1..=said.len() {
            let mut rig = Rig::talking();
            let writes = (0..said.len()).map(|_| Poll::Ready(Ok(written)));
            rig.script().writes.extend(writes);
            for piece in said.chunks(read) {
                rig.reads([piece]);
            }
            // Polls while the task is woken.
            for _ in 0..=said.len() {
                assert!(rig.poll().is_pending());
            }
            assert_eq!(rig.sent(), said, "read by {read}, written by {written}");
            assert_eq!(rig.callbacks(), ["audio 4"; 2]);
        }
    }
}

/// A reset after any number of bytes of an answer is an ordinary end, and is reported once.
#[test]
fn a_reset_after_every_byte_of_an_answer_is_an_end() {
    for sent in 0..AUDIO.len() {
        for reset in [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe] {
            let mut rig = Rig::talking();
            rig.reads([AUDIO]);
            if sent > 0 {
                rig.script().writes.push_back(Poll::Ready(Ok(sent)));
            }
            rig.script()
                .writes
                .push_back(Poll::Ready(Err(reset.into())));
            rig.read_fails(ErrorKind::ConnectionReset);
            while rig.poll().is_pending() {}
            assert_eq!(rig.callbacks(), ["audio 4", "end"], "after {sent} bytes");
            assert!(AUDIO.starts_with(&rig.sent()));
        }
    }
}

/// Without this close, a TLS peer would report a cut connection.
#[test]
fn a_close_of_the_peer_is_answered_with_a_close() {
    for closed in [Poll::Ready(Ok(())), Poll::Pending] {
        let mut rig = Rig::talking();
        let waits = closed.is_pending();
        rig.script().closes.push_back(closed);
        rig.reads([AUDIO, b""]);
        assert!(
            rig.poll().is_ready(),
            "the connection does not wait for the close"
        );
        let mut log = vec!["read", "write", "read", "flush", "close"];
        log.truncate(if waits { 4 } else { 5 });
        assert_eq!(rig.log(), log);
        assert_eq!(rig.callbacks(), ["audio 4", "end"]);
        assert!(rig.poll().is_ready());
        assert_eq!(rig.log(), [""; 0], "the close is sent once");
    }
}

/// A stream with a buffer, such as TLS, can hold the last answer when the peer has closed already.
#[test]
fn the_last_answer_is_flushed_before_the_close() {
    for (flush, log) in [
        (
            Poll::Ready(Ok(())),
            &["read", "read", "write", "flush", "close"][..],
        ),
        (Poll::Pending, &["read", "read", "write"]),
    ] {
        let mut rig = Rig::talking();
        // The connection reads the end before it can write the answer.
        rig.script().writes.push_back(Poll::Pending);
        rig.script().flushes.push_back(flush);
        rig.reads([AUDIO, b""]);
        assert!(rig.poll().is_ready());
        assert_eq!(rig.log(), log);
    }
}

#[test]
fn a_connection_is_read_to_its_end_after_a_write_has_failed() {
    for written in [Ok(0), Err(ErrorKind::BrokenPipe.into())] {
        let mut rig = Rig::talking();
        rig.script().writes.push_back(Poll::Ready(written));
        rig.reads([AUDIO, AUDIO]);
        assert!(rig.poll().is_pending());
        assert_eq!(rig.log().len(), 3, "two reads and one attempt to write");
        assert_eq!(rig.callbacks(), ["audio 4", "audio 4"]);
        rig.reads([&b""[..]]);
        assert!(rig.poll().is_ready());
        assert_eq!(
            (rig.log(), rig.callbacks()),
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
    assert_eq!(rig.bell.wake_count(), 1);
    assert!(rig.poll().is_pending());
    assert_eq!(
        rig.log(),
        ["write"],
        "the hangup is written, and the flush waits"
    );
    assert_eq!(rig.sent(), [AUDIO, &HANGUP].concat());
    assert!(rig.poll().is_pending());
    assert_eq!(rig.log(), ["flush"]);
    assert!(rig.poll().is_pending());
    assert_eq!(rig.log(), ["close"]);
    rig.reads([&b""[..]]);
    assert!(rig.poll().is_ready());
    assert!(rig.poll().is_ready(), "it stays ready");
}

#[test]
fn a_half_close_has_a_deadline() {
    let mut rig = Rig::talking();
    rig.script().closes.extend((0..9).map(|_| Poll::Pending));
    rig.reads([&HANGUP[..]]);
    assert!(rig.poll().is_pending());
    assert_eq!(rig.callbacks(), ["end"]);
    pass(Duration::from_millis(999));
    assert!(rig.poll().is_pending());
    pass(Duration::from_millis(1));
    assert!(rig.poll().is_ready());
}

#[test]
fn the_kind_of_a_read_error_decides_the_callbacks() {
    for kind in [
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
        ErrorKind::BrokenPipe,
        ErrorKind::NotConnected,
        ErrorKind::UnexpectedEof,
    ] {
        assert_eq!(callbacks_of(|rig| rig.read_fails(kind)), ["end"], "{kind}");
    }
    for kind in [
        ErrorKind::TimedOut,
        ErrorKind::HostUnreachable,
        ErrorKind::Other,
    ] {
        let lines = callbacks_of(|rig| rig.read_fails(kind));
        assert_eq!(
            lines,
            [format!("the connection was lost: {kind}"), "end".to_owned()]
        );
    }
    let cut = callbacks_of(|rig| {
        rig.reads([&AUDIO[..4]]);
        rig.read_fails(ErrorKind::ConnectionReset);
    });
    assert_eq!(cut.len(), 2, "{cut:?}");
}

#[test]
fn the_kind_of_a_write_error_decides_whether_the_call_goes_on() {
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
        assert_eq!(rig.callbacks(), ["audio 4", "audio 4"]);
        let log = rig.log();
        let after = log.iter().skip_while(|line| !line.contains("reset"));
        assert!(after.skip(1).all(|line| line == "read"), "{log:?}");

        let lines = callbacks_of(|rig| {
            fails(&mut rig.script(), ErrorKind::TimedOut.into());
            rig.reads([AUDIO]);
        });
        assert_eq!(
            lines,
            ["audio 4", "the connection was lost: timed out", "end"]
        );
    }
}

#[test]
fn a_lag_of_the_stream_is_reported_before_the_next_audio() {
    let mut lag = Lag::default();
    lag.frames = 1;
    lag.bytes = 4;
    let mut rig = Rig::talking();
    rig.script().lag = Some(lag);
    rig.reads([AUDIO]);
    assert!(rig.poll().is_pending());
    let lag = "the handler is too slow: 1 frames of audio (4 bytes) were dropped; \
               do slow work outside of the callbacks";
    assert_eq!(rig.callbacks(), [lag, "audio 4"]);
}

#[test]
fn a_connection_counts_until_it_is_dropped() {
    let Rig {
        connection,
        calls,
        lines,
        ..
    } = Rig::talking();
    assert_eq!((calls.len(), connection.deadline()), (1, None));
    drop(connection);
    assert!(calls.is_empty());
    assert_eq!(*lines.lock().unwrap(), ["end"]);
}

/// The command wakes the task, so the next poll handles it.
#[test]
fn a_command_of_a_callback_is_handled_in_the_next_poll() {
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
        |config| config,
    );
    calls.set(rig.calls.clone()).unwrap();
    rig.reads([UUID, AUDIO]);
    assert!(rig.poll().is_pending());
    assert_eq!((rig.bell.wake_count(), rig.sent()), (1, vec![]));
    assert!(rig.poll().is_pending());
    assert_eq!(rig.sent(), HANGUP);
}

/// The read buffer of the thread is in use while the handler runs.
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
    let mut rig = Rig::new(outer, |config| config);
    rig.reads([UUID, &AUDIO.repeat(2)]);
    assert!(rig.poll().is_pending());
    assert_eq!(rig.sent(), AUDIO.repeat(2));
}

/// Returns the callbacks of a call that ends like this.
fn callbacks_of(end: impl FnOnce(&Rig)) -> Vec<String> {
    let mut rig = Rig::talking();
    end(&rig);
    assert!(rig.poll().is_ready());
    rig.callbacks()
}

/// In one poll, a call reads at most 64 KiB and one read more. Then other calls run.
#[test]
fn a_flood_is_read_in_several_polls() {
    let mut rig = Rig::talking();
    let flood = [b"\x03\x00\x011".as_slice(); 4096].concat();
    rig.reads([&*flood; 16]);
    assert!(rig.poll().is_pending());
    assert_eq!(
        rig.bell.wake_count(),
        1,
        "it goes on when the others had theirs"
    );
    assert_eq!(rig.script().reads.len(), 12);
    assert!(rig.poll().is_pending());
    assert_eq!((rig.bell.wake_count(), rig.script().reads.len()), (1, 8));
}

/// A bug in this project or in a stream must not end other calls.
#[test]
fn a_panic_outside_of_the_handler_ends_its_connection_only() {
    let mut rig = Rig::talking();
    let lines = rig.lines.clone();
    // The core panics at this error.
    rig.script().boasts = true;
    rig.reads([AUDIO]);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let polled = std::pin::Pin::new(&mut rig.connection).poll(&mut cx);
    assert!(polled.is_ready());
    drop(rig);
    assert_eq!(*lines.lock().unwrap(), ["audio 4", "end"]);
}

/// The server does not wait for the peer, since the connection has no task or thread.
#[test]
fn a_connection_that_is_turned_away_gets_a_hangup() {
    let rig = Rig::new(
        Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {}),
        |config| config,
    );
    rig.reads([UUID]);
    let calls = rig.calls.clone();
    assert_eq!(rig.turn_away(), HANGUP);
    assert!(calls.is_empty());
}
