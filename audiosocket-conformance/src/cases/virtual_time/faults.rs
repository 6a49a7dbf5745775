//! Faults of the network, of the machine, and of handlers.

use std::io::ErrorKind;
use std::time::Duration;

use crate::Runner;
use crate::cases::{BY_SHUTDOWN, NOTHING, OURS, PEER_HUNG_UP, THEIRS, call};
use crate::env::Fault;
use crate::frames::{HANGUP, audio, dtmf, uuid};
use crate::orders::FLOOD;
use crate::scripted_connection::ScriptedConnection;
use crate::test_server::TestServer;

cases! {
    on core alone:
    a_reset_ends_the_connection_at_once
    a_lost_connection_is_an_exception_and_the_end
    after_a_failed_write_the_server_reads_to_the_end
    when_both_sides_fail_the_connection_closes_at_once
    a_hangup_that_cannot_be_sent_lingers
    an_error_after_the_end_is_no_exception
    an_abandoned_call_gets_on_end
    dropped_frames_are_reported_again_after_the_peer_caught_up
    audio_that_a_slow_handler_missed_is_an_exception
    shutdown_does_not_wait_for_a_handler_that_blocks
    the_first_of_a_hangup_and_a_shutdown_is_the_end
}

/// The errors of a reset.
const RESETS: [ErrorKind; 5] = [
    ErrorKind::ConnectionReset,
    ErrorKind::ConnectionAborted,
    ErrorKind::BrokenPipe,
    ErrorKind::NotConnected,
    ErrorKind::UnexpectedEof,
];

/// The errors of a lost connection.
const LOSSES: [(ErrorKind, &str); 3] = [
    (ErrorKind::TimedOut, "timed out"),
    (ErrorKind::HostUnreachable, "host unreachable"),
    (ErrorKind::Other, "other error"),
];

/// The reset comes before the UUID, between frames and inside a frame. The server sends nothing.
fn a_reset_ends_the_connection_at_once(server: &TestServer) {
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

/// The read or the write fails, inside a frame or between two frames.
fn a_lost_connection_is_an_exception_and_the_end(server: &TestServer) {
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
        connection.check(&records, "connection lost");
    }
    assert_eq!(server.elapsed(), Duration::ZERO);
}

/// Answers are dropped without an exception. The read side determines the end.
fn after_a_failed_write_the_server_reads_to_the_end(server: &TestServer) {
    for closed in RESETS {
        for end in [THEIRS, "reset by the peer"] {
            let mut connection = server.call("echo");
            connection.fail(Fault::Write(closed));
            connection.send(&audio(b"first"));
            connection.send(&[audio(b"second"), audio(b"send-nothing"), dtmf(b'1')].concat());
            if end == THEIRS {
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
            connection.check(&records, end);
        }
    }
    assert_eq!(server.elapsed(), Duration::ZERO);
}

/// The sides fail in either order, with unsent answers.
fn when_both_sides_fail_the_connection_closes_at_once(runner: &Runner) {
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
        connection.check(&NOTHING, THEIRS);
    }
    assert_eq!(server.elapsed(), Duration::ZERO);
}

fn a_hangup_that_cannot_be_sent_lingers(runner: &Runner) {
    let linger = Duration::from_secs(2);
    let server = TestServer::with(runner, |session| session.linger(linger));
    let mut connection = server.call("echo");
    connection.fail(Fault::Write(ErrorKind::BrokenPipe));
    connection.send(&audio(b"first"));
    connection.send(&audio(b"hangup"));
    connection.gone();
    connection.expect_end();
    assert_eq!(server.elapsed(), linger);
    connection.check(&["audio slin \"first\"", "audio slin \"hangup\""], OURS);

    // The answer is the first write that fails.
    let mut connection = server.call("echo");
    connection.fail(Fault::Write(ErrorKind::BrokenPipe));
    connection.send(&audio(b"bye"));
    connection.half_close();
    connection.gone();
    assert_eq!(server.elapsed(), linger);
    connection.check(&["audio slin \"bye\""], OURS);
}

/// The error closes the connection at once.
fn an_error_after_the_end_is_no_exception(server: &TestServer) {
    let losses = LOSSES.map(|(loss, _)| loss);
    for error in losses.into_iter().chain(RESETS) {
        let mut connection = server.call("echo");
        connection.send(&audio(b"hangup"));
        connection.expect_hangup();
        connection.fail(Fault::Read(error));
        connection.gone();
        connection.check(&["audio slin \"hangup\""], OURS);
    }
    assert_eq!(server.elapsed(), Duration::ZERO);
}

/// A runtime that shuts down drops its connections. No callback runs for a connection without a
/// call.
fn an_abandoned_call_gets_on_end(server: &TestServer) {
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
            call("echo", &NOTHING, PEER_HUNG_UP),
        ),
    ] {
        let mut connection = server.connect();
        connection.send(&sent);
        connection.fail(Fault::Abandoned);
        connection.transcript(&records);
    }
}

/// The next report comes after the peer has taken half of the send buffer.
fn dropped_frames_are_reported_again_after_the_peer_caught_up(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.max_unsent(200_000));
    let mut connection = server.call("echo");
    let flood = |connection: &mut ScriptedConnection, count| {
        for _ in 0..count {
            connection.send(&audio(b"flood"));
        }
    };
    let answer = audio(&[0x55; FLOOD]);
    // 65,536 bytes are on their way, three answers wait, and the fifth and sixth are dropped.
    flood(&mut connection, 6);
    // 114,473 bytes wait: more than half. The seventh answer fits, and the eighth is no exception.
    connection.expect(&answer);
    flood(&mut connection, 2);
    // Less than half of the send buffer waits.
    connection.expect(&answer.repeat(2));
    connection.send(&audio(b"caught up"));
    flood(&mut connection, 4);
    connection.expect(&answer.repeat(2));
    connection.expect(&audio(b"caught up"));
    connection.expect(&answer.repeat(2));
    connection.finish();
    let dropped = "exception: the answer was not sent: dropped, because the peer does not read";
    connection.check(&[dropped, "audio slin \"caught up\"", dropped], THEIRS);
}

/// The exception comes before the next callback. No callback runs before the UUID or after the end.
fn audio_that_a_slow_handler_missed_is_an_exception(server: &TestServer) {
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
         2 frames of audio (960 bytes) were dropped; do slow work outside of the callbacks",
        "audio slin \"first\"",
        "audio slin \"hangup\"",
    ];
    connection.check(&records, OURS);
}

/// The server waits for the grace, the linger and one second, and then hangs up. One second later the server abandons
/// the call and returns.
fn shutdown_does_not_wait_for_a_handler_that_blocks(runner: &Runner) {
    for (patient, end) in [
        (Duration::from_secs(12), BY_SHUTDOWN),
        (Duration::from_secs(13), "abandoned"),
        (Duration::from_secs(14), "abandoned"),
    ] {
        let server = TestServer::with(runner, |session| session.linger(Duration::from_secs(2)));
        let mut connection = server.started("echo");
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
        connection.check(&NOTHING, end);
    }
}

fn the_first_of_a_hangup_and_a_shutdown_is_the_end(runner: &Runner) {
    for (hung_up_first, end) in [(true, OURS), (false, BY_SHUTDOWN)] {
        let server = TestServer::new(runner);
        let mut connection = server.started("echo");
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
        connection.check(&NOTHING, end);
    }
}
