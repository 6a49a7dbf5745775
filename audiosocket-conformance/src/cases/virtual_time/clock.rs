//! Deadlines, to the nanosecond.

use std::time::Duration;

use audiosocket_proto::SessionConfig;

use crate::Runner;
use crate::cases::{BY_SHUTDOWN, NOTHING, OURS, THEIRS, call};
use crate::frames::{HANGUP, audio, dtmf, frame, noise, uuid};
use crate::orders::FLOOD;
use crate::scripted_connection::ScriptedConnection;
use crate::test_server::TestServer;
use crate::transcript::audio_record;

cases! {
    on core alone:
    the_defaults_are_5_s_1_s_30_s_and_128_kib
    the_uuid_must_be_whole_in_time
    the_linger_counts_from_the_end_of_the_call
    a_peer_that_half_closes_has_the_linger_to_read
    the_write_timeout_counts_from_the_last_byte_taken
    the_write_timeout_starts_again_with_the_next_answer
    an_empty_send_buffer_has_no_write_timeout
    the_idle_timeout_counts_from_the_last_whole_frame
    the_earlier_of_two_deadlines_ends_the_call
    the_longest_duration_means_never
    the_duration_of_a_call_counts_from_its_acceptance
    the_grace_of_a_shutdown_is_exact
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
const NANO: Duration = Duration::from_nanos(1);

const STALLED: &str = "the peer read nothing for too long";
const IDLE: &str = "the peer sent nothing for too long";

/// The defaults are 5 s for the UUID, 1 s of linger, 30 s for a stalled write, no idle timeout, a send buffer of 128
/// KiB.
fn the_defaults_are_5_s_1_s_30_s_and_128_kib(runner: &Runner) {
    let server = TestServer::with(runner, |_| SessionConfig::new().fill_silence(false));
    let mut silent = server.connect();
    silent.expect_hangup();
    assert_eq!(server.elapsed(), 5 * SECOND);
    silent.gone();
    assert_eq!(server.elapsed(), 6 * SECOND);
    silent.transcript(&["no call: no UUID came in time"]);

    let mut stuck = server.call("echo");
    // One answer is on its way, two wait, and there is no room for a fourth.
    for _ in 0..4 {
        stuck.send(&audio(b"flood"));
    }
    stuck.gone();
    assert_eq!(server.elapsed(), 36 * SECOND);
    let records = [
        "exception: the answer was not sent: dropped, because the peer does not read",
        &format!("exception: {STALLED}"),
    ];
    stuck.check(&records, &format!("failed: {STALLED}"));

    let mut quiet = server.call("echo");
    server.wait(365 * DAY);
    quiet.echoes(b"good morning");
    quiet.closes(&["audio slin \"good morning\""]);
}

/// A part of the UUID does not extend the deadline.
fn the_uuid_must_be_whole_in_time(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.uuid_timeout(5 * SECOND));
    let mut early = server.connect();
    let mut late = server.connect();
    server.wait(5 * SECOND - NANO);
    early.send(&uuid("echo"));
    late.send(&uuid("echo")[..18]);
    early.wait_for("start");
    assert_eq!(server.elapsed(), 5 * SECOND - NANO);
    late.expect_hangup();
    assert_eq!(server.elapsed(), 5 * SECOND);
    server.wait(DAY);
    early.echoes(b"hello");
    early.closes(&["audio slin \"hello\""]);
    late.transcript(&["no call: no UUID came in time"]);
}

/// Frames do not extend the linger. The linger is over when the peer closes.
fn the_linger_counts_from_the_end_of_the_call(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.linger(3 * SECOND));
    let mut connection = server.call("echo");
    server.wait(DAY);
    connection.send(&audio(b"hangup"));
    connection.expect_hangup();
    for _ in 0..2 {
        server.wait(SECOND);
        connection.send(&audio(b"more"));
    }
    connection.gone();
    assert_eq!(server.elapsed(), DAY + 3 * SECOND);
    connection.check(&["audio slin \"hangup\""], OURS);

    let mut connection = server.call("echo");
    connection.send(&audio(b"hangup"));
    connection.expect_hangup();
    server.wait(SECOND);
    connection.half_close();
    connection.gone();
    assert_eq!(server.elapsed(), DAY + 4 * SECOND);
    connection.check(&["audio slin \"hangup\""], OURS);
}

/// The connection closes when the peer has read all bytes.
fn a_peer_that_half_closes_has_the_linger_to_read(runner: &Runner) {
    let server = TestServer::with(runner, |session| {
        session.linger(3 * SECOND).max_unsent(usize::MAX)
    });
    let mut reading = stuck(&server);
    let mut stuck = stuck(&server);
    reading.half_close();
    stuck.half_close();
    server.wait(SECOND);
    reading.expect(&audio(&[0x55; FLOOD]).repeat(3));
    reading.expect_end();
    reading.gone();
    assert_eq!(server.elapsed(), SECOND);
    stuck.gone();
    assert_eq!(server.elapsed(), 3 * SECOND);
    let records = call("echo", &NOTHING, THEIRS);
    reading.transcript(&records);
    stuck.transcript(&records);
}

/// The timeout does not count from the start of the write or of the call.
fn the_write_timeout_counts_from_the_last_byte_taken(runner: &Runner) {
    let server = TestServer::with(runner, |session| {
        session.write_timeout(30 * SECOND).max_unsent(usize::MAX)
    });
    let mut connection = server.call("echo");
    server.wait(100 * SECOND);
    for _ in 0..3 {
        connection.send(&audio(b"flood"));
    }
    let answers = audio(&[0x55; FLOOD]).repeat(3);
    // Frames of the peer do not extend the timeout.
    for taken in 0..4 {
        server.wait(29 * SECOND);
        connection.expect(&answers[taken * 10..][..10]);
        connection.send(&audio(b"quiet"));
    }
    server.wait(15 * SECOND);
    connection.send(&audio(b"flood"));
    assert_eq!(server.elapsed(), (100 + 4 * 29 + 15) * SECOND);
    connection.gone();
    assert_eq!(server.elapsed(), (100 + 4 * 29 + 30) * SECOND);
    let mut records = vec!["audio slin \"quiet\"".to_owned(); 4];
    records.push(format!("exception: {STALLED}"));
    connection.check(&records, &format!("failed: {STALLED}"));
}

/// A peer that has taken all bytes has no deadline.
fn the_write_timeout_starts_again_with_the_next_answer(runner: &Runner) {
    let server = TestServer::with(runner, |session| {
        session.write_timeout(30 * SECOND).max_unsent(usize::MAX)
    });
    let mut connection = stuck(&server);
    server.wait(29 * SECOND);
    connection.expect(&audio(&[0x55; FLOOD]).repeat(3));
    server.wait(DAY);
    for _ in 0..3 {
        connection.send(&audio(b"flood"));
    }
    connection.gone();
    assert_eq!(server.elapsed(), DAY + 59 * SECOND);
    connection.check(
        &[format!("exception: {STALLED}")],
        &format!("failed: {STALLED}"),
    );
}

/// The peer has not read the bytes in the kernel, so no byte of the next answer can leave. That answer
/// has the whole timeout, whether it is returned or sent.
fn an_empty_send_buffer_has_no_write_timeout(runner: &Runner) {
    for order in ["more", "many"] {
        let server = TestServer::with(runner, |session| session.write_timeout(30 * SECOND));
        let mut connection = server.call("echo");
        // With its header it fills the connection to the last byte.
        let full = noise(65_533);
        connection.send(&audio(&full));
        server.wait(DAY);
        connection.send(&audio(order.as_bytes()));
        connection.gone();
        assert_eq!(server.elapsed(), DAY + 30 * SECOND);
        let records = [
            audio_record("slin", &full),
            audio_record("slin", order.as_bytes()),
            format!("exception: {STALLED}"),
        ];
        connection.check(&records, &format!("failed: {STALLED}"));
    }
}

/// The frame can be of any kind.
fn the_idle_timeout_counts_from_the_last_whole_frame(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.idle_timeout(Some(10 * SECOND)));
    let mut connection = server.connect();
    server.wait(9 * SECOND);
    connection.send(&uuid("echo"));
    for sent in [
        audio(b"quiet"),
        audio(b""),
        dtmf(b'1'),
        dtmf(b'x'),
        frame(0x02, b""),
        frame(0x7f, b""),
        frame(0xff, b""),
    ] {
        server.wait(9 * SECOND);
        connection.send(&sent);
    }
    server.wait(9 * SECOND);
    connection.send(&audio(b"cut")[..4]);
    connection.expect_hangup();
    assert_eq!(server.elapsed(), (8 * 9 + 10) * SECOND);
    let records = [
        "audio slin \"quiet\"",
        "ignored 0x10 (audio slin) \"\"",
        "dtmf 1",
        "exception: a key press that is not one of 0-9 * # A-D",
        "ignored 0x02 (silence) \"\"",
        "ignored 0x7f \"\"",
        "exception: the peer reported error 0x00",
        &format!("exception: {IDLE}"),
    ];
    connection.check(&records, &format!("failed: {IDLE}"));
}

/// Only a stalled write closes the connection without a linger.
fn the_earlier_of_two_deadlines_ends_the_call(runner: &Runner) {
    for (idle, write, why, ended, gone) in [(20, 30, IDLE, 20, 22), (30, 20, STALLED, 20, 20)] {
        let server = TestServer::with(runner, |session| {
            session
                .idle_timeout(Some(idle * SECOND))
                .write_timeout(write * SECOND)
                .linger(2 * SECOND)
                .max_unsent(usize::MAX)
        });
        let mut connection = stuck(&server);
        connection.wait_for("start");
        connection.wait_for(&format!("end: failed: {why}"));
        assert_eq!(server.elapsed(), ended * SECOND);
        connection.gone();
        assert_eq!(server.elapsed(), gone * SECOND);
        connection.check(&[format!("exception: {why}")], &format!("failed: {why}"));
    }
}

fn the_longest_duration_means_never(runner: &Runner) {
    let server = TestServer::with(runner, |session| {
        session
            .uuid_timeout(Duration::MAX)
            .linger(Duration::MAX)
            .write_timeout(Duration::MAX)
            .idle_timeout(Some(Duration::MAX))
    });
    let mut connection = server.connect();
    server.wait(DAY);
    connection.send(&uuid("echo"));
    server.wait(DAY);
    connection.send(&audio(b"bye"));
    server.wait(DAY);
    connection.expect(&[&audio(b"bye")[..], &HANGUP].concat());
    connection.expect_end();
    connection.close();
    connection.check(&["audio slin \"bye\""], OURS);
}

fn the_duration_of_a_call_counts_from_its_acceptance(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.uuid_timeout(DAY));
    server.wait(SECOND);
    let mut connection = server.connect();
    server.wait(3 * SECOND);
    connection.send(&uuid("echo"));
    server.wait(4 * SECOND);
    connection.send(&audio(b"duration"));
    connection.close();
    connection.check(&["audio slin \"duration\"", "7s"], "reset by the peer");
}

/// The linger follows the grace.
fn the_grace_of_a_shutdown_is_exact(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.linger(2 * SECOND));
    let mut connection = server.started("echo");
    server.shut_down(10 * SECOND);
    server.wait(7 * SECOND);
    server.shut_down(10 * SECOND);
    connection.expect_hangup();
    assert_eq!(server.elapsed(), 10 * SECOND);
    server.returned();
    assert_eq!(server.elapsed(), 12 * SECOND);
    connection.check(&NOTHING, BY_SHUTDOWN);
}

/// A call with three large answers. At most one of them is on its way.
fn stuck(server: &TestServer) -> ScriptedConnection {
    let mut connection = server.call("echo");
    for _ in 0..3 {
        connection.send(&audio(b"flood"));
    }
    connection
}
