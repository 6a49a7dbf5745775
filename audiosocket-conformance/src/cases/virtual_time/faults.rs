//! What a network does when it likes, and a machine that goes away.

use std::io::ErrorKind;
use std::time::Duration;

use crate::Runner;
use crate::cases::{NOTHING, call};
use crate::env::Fault;
use crate::frames::{HANGUP, audio, dtmf, uuid};
use crate::orders::FLOOD;
use crate::scripted_connection::ScriptedConnection;
use crate::test_server::TestServer;

cases! {
    on core alone:
    a_reset_while_reading
    a_connection_that_is_lost
    a_write_side_that_closes
    a_write_side_that_closes_after_the_other
    a_hangup_that_cannot_be_sent
    an_error_after_the_end
    connections_that_are_abandoned
    a_peer_that_falls_behind_twice
    a_handler_that_lags
    a_shutdown_while_a_handler_blocks
    a_hangup_and_a_shutdown_at_once
}

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
fn a_reset_while_reading(runner: &Runner) {
    let server = TestServer::new(runner);
    let why = "the connection ended inside a frame, 4 bytes into it";
    for reset in RESETS {
        for (sent, records) in [
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
            let mut connection = server.connect();
            connection.send(&sent);
            connection.fail(Fault::Read(reset));
            connection.gone();
            connection.expect_end();
            connection.transcript(&records);
        }
    }
    assert_eq!(server.elapsed(), Duration::ZERO);
}

/// Reading, or writing, fails otherwise: an exception, inside a frame or not, and the end.
fn a_connection_that_is_lost(runner: &Runner) {
    let server = TestServer::new(runner);
    for (loss, text) in LOSSES {
        let why = format!("the connection was lost: {text}");
        for (sent, records) in [
            (vec![], vec![format!("no call: {why}")]),
            (
                [&uuid("echo"), &audio(b"cut")[..4]].concat(),
                call("echo", &[format!("exception: {why}")], "connection lost"),
            ),
        ] {
            let mut connection = server.connect();
            connection.send(&sent);
            connection.fail(Fault::Read(loss));
            connection.gone();
            connection.expect_end();
            connection.transcript(&records);
        }

        let mut connection = server.call("echo");
        connection.fail(Fault::Write(loss));
        connection.send(&audio(b"hello"));
        connection.gone();
        let records = ["audio slin \"hello\"", &format!("exception: {why}")];
        connection.transcript(&call("echo", &records, "connection lost"));
    }
    assert_eq!(server.elapsed(), Duration::ZERO);
}

/// A write meets the end of the connection while there are bytes to read. They are read, answers to
/// them are dropped without an exception, and the read side decides which end it was.
fn a_write_side_that_closes(runner: &Runner) {
    let server = TestServer::new(runner);
    for closed in RESETS {
        for end in ["closed by the peer", "reset by the peer"] {
            let mut connection = server.call("echo");
            connection.fail(Fault::Write(closed));
            connection.send(&audio(b"first"));
            connection.send(&[audio(b"second"), audio(b"send-nothing"), dtmf(b'1')].concat());
            if end == "closed by the peer" {
                connection.half_close();
            } else {
                connection.fail(Fault::Read(ErrorKind::ConnectionReset));
            }
            connection.gone();
            connection.expect_end();
            let records = [
                "audio slin \"first\"",
                "audio slin \"second\"",
                "audio slin \"send-nothing\"",
                "not sent: there is no call to send to",
                "dtmf 1",
            ];
            connection.transcript(&call("echo", &records, end));
        }
    }
    assert_eq!(server.elapsed(), Duration::ZERO);
}

/// Both sides of the connection end, in either order, while answers wait. They cannot be
/// delivered, and the connection is closed at once.
fn a_write_side_that_closes_after_the_other(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.max_unsent(usize::MAX));
    for order in [[0, 1], [1, 0]] {
        let mut connection = server.call("echo");
        connection.send(&audio(b"flood").repeat(3));
        for side in order {
            match side {
                0 => connection.half_close(),
                _ => connection.fail(Fault::Write(ErrorKind::ConnectionReset)),
            }
        }
        connection.gone();
        connection.transcript(&call("echo", &NOTHING, "closed by the peer"));
    }
    assert_eq!(server.elapsed(), Duration::ZERO);
}

/// A call that is hung up when nothing can be written lingers for the peer's end all the same.
fn a_hangup_that_cannot_be_sent(runner: &Runner) {
    let linger = Duration::from_secs(2);
    let server = TestServer::with(runner, |session| session.linger(linger));
    let mut connection = server.call("echo");
    connection.fail(Fault::Write(ErrorKind::BrokenPipe));
    connection.send(&audio(b"first"));
    connection.send(&audio(b"hangup"));
    connection.gone();
    connection.expect_end();
    assert_eq!(server.elapsed(), linger);
    let records = ["audio slin \"first\"", "audio slin \"hangup\""];
    connection.transcript(&call("echo", &records, "hung up by this side"));

    // And if that is what shows that nothing can.
    let mut connection = server.call("echo");
    connection.fail(Fault::Write(ErrorKind::BrokenPipe));
    connection.send(&audio(b"bye"));
    connection.half_close();
    connection.gone();
    assert_eq!(server.elapsed(), linger);
    connection.transcript(&call(
        "echo",
        &["audio slin \"bye\""],
        "hung up by this side",
    ));
}

/// On a call that is over, no error is an exception; it closes the connection at once.
fn an_error_after_the_end(runner: &Runner) {
    let server = TestServer::new(runner);
    let losses = LOSSES.map(|(loss, _)| loss);
    for error in losses.into_iter().chain(RESETS) {
        let mut connection = server.call("echo");
        connection.send(&audio(b"hangup"));
        connection.expect_hangup();
        connection.fail(Fault::Read(error));
        connection.gone();
        connection.transcript(&call(
            "echo",
            &["audio slin \"hangup\""],
            "hung up by this side",
        ));
    }
    assert_eq!(server.elapsed(), Duration::ZERO);
}

/// A runtime that is shut down drops its connections. `on_end` runs for calls, and no callback for
/// others.
fn connections_that_are_abandoned(runner: &Runner) {
    let server = TestServer::new(runner);
    for (sent, records) in [
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
        let mut connection = server.connect();
        connection.send(&sent);
        connection.fail(Fault::Abandoned);
        connection.transcript(&records);
    }
}

/// Dropped frames are an exception again only after the peer has taken half of what waited.
fn a_peer_that_falls_behind_twice(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.max_unsent(200_000));
    let mut connection = server.call("echo");
    let flood = |connection: &mut ScriptedConnection, count| {
        for _ in 0..count {
            connection.send(&audio(b"flood"));
        }
    };
    let answer = audio(&[0x55; FLOOD]);
    // 65,536 bytes are on their way, then three wait, and the fifth and sixth are dropped.
    flood(&mut connection, 6);
    // 114,473 bytes wait: more than half, so the seventh fits, and the next one is no exception.
    connection.expect(&answer);
    flood(&mut connection, 2);
    // 54,470 wait, and a little more: less than half.
    connection.expect(&answer.repeat(2));
    connection.send(&audio(b"caught up"));
    flood(&mut connection, 4);
    connection.expect(&answer.repeat(2));
    connection.expect(&audio(b"caught up"));
    connection.expect(&answer.repeat(2));
    connection.half_close();
    connection.expect_end();
    let dropped = "exception: the answer was not sent: dropped, because the peer does not read";
    let records = [dropped, "audio slin \"caught up\"", dropped];
    connection.transcript(&call("echo", &records, "closed by the peer"));
}

/// Audio that a handler was too slow for is an exception, ahead of what comes next. On a connection
/// before its UUID or after its end, no callback runs.
fn a_handler_that_lags(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.connect();
    connection.fail(Fault::Lagged(1));
    connection.send(&uuid("echo"));
    connection.fail(Fault::Blocked);
    connection.fail(Fault::Lagged(320));
    connection.fail(Fault::Lagged(640));
    connection.send(&audio(b"first"));
    connection.fail(Fault::Unblocked);
    connection.expect(&audio(b"first"));
    connection.send(&audio(b"hangup"));
    connection.expect_hangup();
    connection.fail(Fault::Lagged(1));
    connection.close();
    let records = [
        "exception: the handler is too slow: \
         2 frames of audio (960 bytes) were dropped unheard",
        "audio slin \"first\"",
        "audio slin \"hangup\"",
    ];
    connection.transcript(&call("echo", &records, "hung up by this side"));
}

/// A shutdown waits for a handler that blocks: for the grace and the linger and a second, until
/// which it is hung up on, and for one more, until which the call is abandoned. Then the server
/// returns without it.
fn a_shutdown_while_a_handler_blocks(runner: &Runner) {
    for (patient, end) in [
        (Duration::from_secs(12), "hung up by shutdown"),
        (Duration::from_secs(13), "abandoned"),
        (Duration::from_secs(14), "abandoned"),
    ] {
        let server = TestServer::with(runner, |session| session.linger(Duration::from_secs(2)));
        let mut connection = server.call("echo");
        connection.wait_for("start");
        connection.fail(Fault::Blocked);
        server.shut_down(Duration::from_secs(10));
        server.wait(patient);
        assert_eq!(server.has_stopped(), patient.as_secs() == 14);
        connection.fail(Fault::Unblocked);
        if end == "abandoned" {
            connection.expect_end();
        } else {
            connection.expect_hangup();
        }
        connection.close();
        server.returned();
        connection.transcript(&call("echo", &NOTHING, end));
    }
}

/// A call is hung up and shut down before the server acts on either. The first of the two is its end.
fn a_hangup_and_a_shutdown_at_once(runner: &Runner) {
    for (hung_up_first, end) in [
        (true, "hung up by this side"),
        (false, "hung up by shutdown"),
    ] {
        let server = TestServer::new(runner);
        let mut connection = server.call("echo");
        connection.wait_for("start");
        connection.fail(Fault::Blocked);
        if hung_up_first {
            connection.handle().hangup();
        }
        server.shut_down(Duration::ZERO);
        connection.handle().hangup();
        connection.fail(Fault::Unblocked);
        connection.expect_hangup();
        connection.close();
        server.returned();
        connection.transcript(&call("echo", &NOTHING, end));
    }
}
