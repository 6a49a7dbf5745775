//! What a network does when it likes, and a machine that goes away.

use std::io::ErrorKind;
use std::time::Duration;

use super::{NOTHING, call};
use crate::Runner;
use crate::bench::Bench;
use crate::frames::{HANGUP, audio, dtmf, uuid};
use crate::line::Line;
use crate::orders::FLOOD;
use crate::world::Fault;

/// Errors by which a reset shows itself.
const RESETS: [ErrorKind; 5] = [
    ErrorKind::ConnectionReset,
    ErrorKind::ConnectionAborted,
    ErrorKind::BrokenPipe,
    ErrorKind::NotConnected,
    ErrorKind::UnexpectedEof,
];

/// Errors by which a connection that broke shows itself.
const LOSSES: [(ErrorKind, &str); 3] = [
    (ErrorKind::TimedOut, "timed out"),
    (ErrorKind::HostUnreachable, "host unreachable"),
    (ErrorKind::Other, "other error"),
];

/// Reading meets a reset, before the UUID, between frames and inside one. Nothing is sent, and
/// the connection is closed at once.
pub(crate) fn a_reset_while_reading(runner: &Runner) {
    let bench = Bench::new(runner);
    let why = "the connection ended inside a frame, 4 bytes into it";
    for reset in RESETS {
        for (sent, told) in [
            (vec![], vec![]),
            (uuid("echo")[..4].to_vec(), vec![format!("no call: {why}")]),
            (uuid("echo"), call("echo", &NOTHING, "reset by the peer")),
            (
                [&uuid("echo"), &audio(b"cut")[..4]].concat(),
                call(
                    "echo",
                    &[format!("exception: {why}")],
                    &format!("failed: {why}"),
                ),
            ),
        ] {
            let mut line = bench.connect();
            line.send(&sent);
            line.fail(Fault::Read(reset));
            line.gone();
            line.expect_end();
            line.transcript(&told);
        }
    }
    assert_eq!(bench.elapsed(), Duration::ZERO);
}

/// Reading, or writing, fails otherwise: an exception, inside a frame or not, and the end.
pub(crate) fn a_connection_that_is_lost(runner: &Runner) {
    let bench = Bench::new(runner);
    for (loss, text) in LOSSES {
        let why = format!("the connection was lost: {text}");
        for (sent, told) in [
            (vec![], vec![format!("no call: {why}")]),
            (
                [&uuid("echo"), &audio(b"cut")[..4]].concat(),
                call("echo", &[format!("exception: {why}")], "connection lost"),
            ),
        ] {
            let mut line = bench.connect();
            line.send(&sent);
            line.fail(Fault::Read(loss));
            line.gone();
            line.expect_end();
            line.transcript(&told);
        }

        let mut line = bench.call("echo");
        line.fail(Fault::Write(loss));
        line.send(&audio(b"hello"));
        line.gone();
        let told = ["audio slin \"hello\"", &format!("exception: {why}")];
        line.transcript(&call("echo", &told, "connection lost"));
    }
    assert_eq!(bench.elapsed(), Duration::ZERO);
}

/// Writing meets the end of the connection, while there is still something to read: that is read,
/// and answers to it are dropped without a word. The read side tells how it ended.
pub(crate) fn a_write_side_that_closes(runner: &Runner) {
    let bench = Bench::new(runner);
    for closed in RESETS {
        for end in ["closed by the peer", "reset by the peer"] {
            let mut line = bench.call("echo");
            line.fail(Fault::Write(closed));
            line.send(&audio(b"first"));
            line.send(&[audio(b"second"), audio(b"send-nothing"), dtmf(b'1')].concat());
            if end == "closed by the peer" {
                line.half_close();
            } else {
                line.fail(Fault::Read(ErrorKind::ConnectionReset));
            }
            line.gone();
            line.expect_end();
            let told = [
                "audio slin \"first\"",
                "audio slin \"second\"",
                "audio slin \"send-nothing\"",
                "not sent: there is no call to send to",
                "dtmf 1",
            ];
            line.transcript(&call("echo", &told, end));
        }
    }
    assert_eq!(bench.elapsed(), Duration::ZERO);
}

/// Both sides of the connection end, in either order, while answers wait: nobody can be given
/// them, and it is closed at once.
pub(crate) fn a_write_side_that_closes_after_the_other(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.max_unsent(usize::MAX));
    for order in [[0, 1], [1, 0]] {
        let mut line = bench.call("echo");
        line.send(&audio(b"flood").repeat(3));
        for side in order {
            match side {
                0 => line.half_close(),
                _ => line.fail(Fault::Write(ErrorKind::ConnectionReset)),
            }
        }
        line.gone();
        line.transcript(&call("echo", &NOTHING, "closed by the peer"));
    }
    assert_eq!(bench.elapsed(), Duration::ZERO);
}

/// A call that is hung up when nothing can be written lingers for the peer's end all the same.
pub(crate) fn a_hangup_that_cannot_be_sent(runner: &Runner) {
    let linger = Duration::from_secs(2);
    let bench = Bench::with(runner, |session| session.linger(linger));
    let mut line = bench.call("echo");
    line.fail(Fault::Write(ErrorKind::BrokenPipe));
    line.send(&audio(b"first"));
    line.send(&audio(b"hangup"));
    line.gone();
    line.expect_end();
    assert_eq!(bench.elapsed(), linger);
    let told = ["audio slin \"first\"", "audio slin \"hangup\""];
    line.transcript(&call("echo", &told, "hung up by this side"));

    // And if that is what shows that nothing can.
    let mut line = bench.call("echo");
    line.fail(Fault::Write(ErrorKind::BrokenPipe));
    line.send(&audio(b"bye"));
    line.half_close();
    line.gone();
    assert_eq!(bench.elapsed(), linger);
    line.transcript(&call(
        "echo",
        &["audio slin \"bye\""],
        "hung up by this side",
    ));
}

/// On a call that is over, no error is an exception; it closes the connection at once.
pub(crate) fn an_error_after_the_end(runner: &Runner) {
    let bench = Bench::new(runner);
    let losses = LOSSES.map(|(loss, _)| loss);
    for error in losses.into_iter().chain(RESETS) {
        let mut line = bench.call("echo");
        line.send(&audio(b"hangup"));
        line.expect_hangup();
        line.fail(Fault::Read(error));
        line.gone();
        line.transcript(&call(
            "echo",
            &["audio slin \"hangup\""],
            "hung up by this side",
        ));
    }
    assert_eq!(bench.elapsed(), Duration::ZERO);
}

/// A runtime that is shut down drops its connections: calls are told, and others are not.
pub(crate) fn connections_that_are_abandoned(runner: &Runner) {
    let bench = Bench::new(runner);
    for (sent, told) in [
        (vec![], vec![]),
        (uuid("echo")[..4].to_vec(), vec![]),
        (uuid("refuse"), vec!["accept refuse".to_owned()]),
        (uuid("echo"), call("echo", &NOTHING, "abandoned")),
        (
            uuid("panic in end"),
            call("panic in end", &NOTHING, "abandoned"),
        ),
        (
            uuid("panic in drop"),
            call("panic in drop", &NOTHING, "abandoned"),
        ),
        (
            [&uuid("echo")[..], &HANGUP].concat(),
            call("echo", &NOTHING, "hung up by the peer"),
        ),
    ] {
        let mut line = bench.connect();
        line.send(&sent);
        line.fail(Fault::Abandoned);
        line.transcript(&told);
    }
}

/// That frames are dropped is told again only after the peer has taken half of what waited.
pub(crate) fn a_peer_that_falls_behind_twice(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.max_unsent(200_000));
    let mut line = bench.call("echo");
    let flood = |line: &mut Line, count| {
        for _ in 0..count {
            line.send(&audio(b"flood"));
        }
    };
    let answer = audio(&[0x55; FLOOD]);
    // 65,536 bytes are on their way, then three wait, and the fifth and sixth are dropped.
    flood(&mut line, 6);
    // 114,473 bytes wait: more than half, so the seventh fits, and the next one is not told.
    line.expect(&answer);
    flood(&mut line, 2);
    // 54,470 wait, and a little more: less than half.
    line.expect(&answer.repeat(2));
    line.send(&audio(b"caught up"));
    flood(&mut line, 4);
    line.expect(&answer.repeat(2));
    line.expect(&audio(b"caught up"));
    line.expect(&answer.repeat(2));
    line.half_close();
    line.expect_end();
    let dropped = "exception: the answer was not sent: dropped, since the peer takes nothing";
    let told = [dropped, "audio slin \"caught up\"", dropped];
    line.transcript(&call("echo", &told, "closed by the peer"));
}

/// Audio that a handler was too slow for is told as an exception, ahead of what comes next; on a
/// connection that is no call, or no longer, nobody is told.
pub(crate) fn a_handler_that_lags(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.connect();
    line.fail(Fault::Lagged(1));
    line.send(&uuid("echo"));
    line.fail(Fault::Blocked);
    line.fail(Fault::Lagged(320));
    line.fail(Fault::Lagged(640));
    line.send(&audio(b"first"));
    line.fail(Fault::Unblocked);
    line.expect(&audio(b"first"));
    line.send(&audio(b"hangup"));
    line.expect_hangup();
    line.fail(Fault::Lagged(1));
    line.close();
    let told = [
        "exception: the handler is too slow: \
         2 frames of audio (960 bytes) were dropped unheard",
        "audio slin \"first\"",
        "audio slin \"hangup\"",
    ];
    line.transcript(&call("echo", &told, "hung up by this side"));
}

/// A shutdown waits for a handler that blocks: for the grace and the linger and a second, until
/// which it is hung up on, and for one more, until which the call is abandoned. Then the server
/// returns without it.
pub(crate) fn a_shutdown_while_a_handler_blocks(runner: &Runner) {
    for (patient, end) in [
        (Duration::from_secs(12), "hung up by shutdown"),
        (Duration::from_secs(13), "abandoned"),
        (Duration::from_secs(14), "abandoned"),
    ] {
        let bench = Bench::with(runner, |session| session.linger(Duration::from_secs(2)));
        let mut line = bench.call("echo");
        line.told("start");
        line.fail(Fault::Blocked);
        bench.shut_down(Duration::from_secs(10));
        bench.wait(patient);
        assert_eq!(bench.has_stopped(), patient.as_secs() == 14);
        line.fail(Fault::Unblocked);
        if end == "abandoned" {
            line.expect_end();
        } else {
            line.expect_hangup();
        }
        line.close();
        bench.returned();
        line.transcript(&call("echo", &NOTHING, end));
    }
}

/// A call that is hung up and shut down before anybody gets round to it was ended by whoever was
/// first.
pub(crate) fn a_hangup_and_a_shutdown_at_once(runner: &Runner) {
    for (hung_up_first, end) in [
        (true, "hung up by this side"),
        (false, "hung up by shutdown"),
    ] {
        let bench = Bench::new(runner);
        let mut line = bench.call("echo");
        line.told("start");
        line.fail(Fault::Blocked);
        if hung_up_first {
            line.handle().hangup();
        }
        bench.shut_down(Duration::ZERO);
        line.handle().hangup();
        line.fail(Fault::Unblocked);
        line.expect_hangup();
        line.close();
        bench.returned();
        line.transcript(&call("echo", &NOTHING, end));
    }
}
