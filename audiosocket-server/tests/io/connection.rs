//! How a connection reads, writes, flushes and closes.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use audiosocket_server::{Callbacks, Calls, Lag, Response};

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

/// Reads of every size against writes of every size: nothing is lost, and nothing comes twice.
#[test]
fn reads_and_writes_may_be_as_short_as_they_like() {
    let said = [AUDIO, AUDIO].concat();
    for read in 1..=said.len() {
        for written in 1..=said.len() {
            let mut rig = Rig::talking();
            let writes = (0..said.len()).map(|_| Poll::Ready(Ok(written)));
            rig.script().writes.extend(writes);
            for piece in said.chunks(read) {
                rig.reads([piece]);
            }
            // As often as it asks for.
            for _ in 0..=said.len() {
                assert!(rig.poll().is_pending());
            }
            assert_eq!(rig.sent(), said, "read by {read}, written by {written}");
            assert_eq!(rig.told(), ["audio 4"; 2]);
        }
    }
}

/// A reset that shows after any number of bytes of an answer is an ordinary end, told once.
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
            assert_eq!(rig.told(), ["audio 4", "end"], "after {sent} bytes");
            assert!(AUDIO.starts_with(&rig.sent()));
        }
    }
}

/// Over TLS the peer would otherwise take the connection for one that was cut.
#[test]
fn who_closes_is_answered_by_a_close() {
    for closed in [Poll::Ready(Ok(())), Poll::Pending] {
        let mut rig = Rig::talking();
        let waits = closed.is_pending();
        rig.script().closes.push_back(closed);
        rig.reads([AUDIO, b""]);
        assert!(rig.poll().is_ready(), "which is not waited for");
        let mut log = vec!["read", "write", "read", "flush", "close"];
        log.truncate(if waits { 4 } else { 5 });
        assert_eq!(rig.log(), log);
        assert_eq!(rig.told(), ["audio 4", "end"]);
        assert!(rig.poll().is_ready());
        assert_eq!(rig.log(), [""; 0], "and is done once");
    }
}

/// What the peer sent before it closed is still to be heard.
/// A stream that holds back, such as TLS, has the last answer when the peer has closed already.
#[test]
fn what_was_written_last_is_flushed_ahead_of_the_close() {
    for (flush, log) in [
        (
            Poll::Ready(Ok(())),
            &["read", "read", "write", "flush", "close"][..],
        ),
        (Poll::Pending, &["read", "read", "write"]),
    ] {
        let mut rig = Rig::talking();
        // The end is read before the answer can be written.
        rig.script().writes.push_back(Poll::Pending);
        rig.script().flushes.push_back(flush);
        rig.reads([AUDIO, b""]);
        assert!(rig.poll().is_ready());
        assert_eq!(rig.log(), log);
    }
}

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
    assert_eq!(rig.bell.wake_count(), 1);
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
    let mut lag = Lag::default();
    lag.frames = 1;
    lag.bytes = 4;
    let mut rig = Rig::talking();
    rig.script().lag = Some(lag);
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
        |config| config,
    );
    calls.set(rig.calls.clone()).unwrap();
    rig.reads([UUID, AUDIO]);
    assert!(rig.poll().is_pending());
    assert_eq!((rig.bell.wake_count(), rig.sent()), (1, vec![]));
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
    let mut rig = Rig::new(outer, |config| config);
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

/// However much there is to read, one call reads 64 KiB and one read more, then others get their turn.
#[test]
fn a_flood_is_read_in_turns() {
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

/// A defect of ours, or of a stream, is not to take other calls along.
#[test]
fn a_panic_that_is_not_the_handlers_ends_one_connection() {
    let mut rig = Rig::talking();
    let told = rig.told.clone();
    // Which the core does not put up with.
    rig.script().boasts = true;
    rig.reads([AUDIO]);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let polled = std::pin::Pin::new(&mut rig.connection).poll(&mut cx);
    assert!(polled.is_ready());
    drop(rig);
    assert_eq!(*told.lock().unwrap(), ["audio 4", "end"]);
}

/// Without waiting for anything, since nothing is left to wait with.
#[test]
fn who_is_turned_away_hears_a_hangup() {
    let rig = Rig::new(
        Callbacks::new(|_, _, audio| audio.into(), |_, _, _| {}),
        |config| config,
    );
    rig.reads([UUID]);
    let calls = rig.calls.clone();
    assert_eq!(rig.turn_away(), HANGUP);
    assert!(calls.is_empty());
}
