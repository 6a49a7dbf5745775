//! Deadlines, to the nanosecond.

use std::time::Duration;

use audiosocket_proto::SessionConfig;

use crate::Runner;
use crate::cases::{NOTHING, call};
use crate::frames::{HANGUP, audio, dtmf, frame, noise, uuid};
use crate::orders::FLOOD;
use crate::scripted_connection::ScriptedConnection;
use crate::test_server::TestServer;
use crate::transcript::audio_record;

cases! {
    on core alone:
    the_defaults
    a_uuid_just_in_time
    the_linger
    the_linger_after_a_half_close
    the_write_timeout
    the_write_timeout_starts_over
    a_write_that_never_begins
    the_idle_timeout
    the_earlier_of_two_deadlines
    deadlines_that_never_come
    the_duration_of_a_call
    the_grace_of_a_shutdown
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
const NANO: Duration = Duration::from_nanos(1);

const STALLED: &str = "the peer read nothing for too long";
const IDLE: &str = "the peer sent nothing for too long";

/// The defaults: 5 s for the UUID, 1 s of linger, 30 s of a stalled write, no idle time-out, and
/// 128 KiB that may wait.
fn the_defaults(runner: &Runner) {
    let server = TestServer::with(runner, |_| SessionConfig::new().fill_silence(false));
    let mut silent = server.connect();
    silent.expect_hangup();
    assert_eq!(server.elapsed(), 5 * SECOND);
    silent.gone();
    assert_eq!(server.elapsed(), 6 * SECOND);
    silent.transcript(&["no call: no UUID came in time"]);

    let mut stuck = server.call("echo");
    // One is on its way, two wait, and there is no room for a fourth.
    for _ in 0..4 {
        stuck.send(&audio(b"flood"));
    }
    stuck.gone();
    assert_eq!(server.elapsed(), 36 * SECOND);
    let records = [
        "exception: the answer was not sent: dropped, because the peer does not read",
        &format!("exception: {STALLED}"),
    ];
    stuck.transcript(&call("echo", &records, &format!("failed: {STALLED}")));

    let mut quiet = server.call("echo");
    server.wait(365 * DAY);
    quiet.send(&audio(b"good morning"));
    quiet.expect(&audio(b"good morning"));
    quiet.close();
    let records = ["audio slin \"good morning\""];
    quiet.transcript(&call("echo", &records, "closed by the peer"));
}

/// The UUID has to be whole in time; a part of it buys no more of it.
fn a_uuid_just_in_time(runner: &Runner) {
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
    early.send(&audio(b"hello"));
    early.expect(&audio(b"hello"));
    early.close();
    early.transcript(&call(
        "echo",
        &["audio slin \"hello\""],
        "closed by the peer",
    ));
    late.transcript(&["no call: no UUID came in time"]);
}

/// The linger counts from the end of the call, whatever comes meanwhile, and it is over as soon
/// as the peer closes.
fn the_linger(runner: &Runner) {
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
    connection.transcript(&call(
        "echo",
        &["audio slin \"hangup\""],
        "hung up by this side",
    ));

    let mut connection = server.call("echo");
    connection.send(&audio(b"hangup"));
    connection.expect_hangup();
    server.wait(SECOND);
    connection.half_close();
    connection.gone();
    assert_eq!(server.elapsed(), DAY + 4 * SECOND);
    connection.transcript(&call(
        "echo",
        &["audio slin \"hangup\""],
        "hung up by this side",
    ));
}

/// A peer that closed its sending side has the linger to take what waits for it; once it has all,
/// the connection is closed.
fn the_linger_after_a_half_close(runner: &Runner) {
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
    let records = call("echo", &NOTHING, "closed by the peer");
    reading.transcript(&records);
    stuck.transcript(&records);
}

/// A write stalls from the last byte that was taken on, and not from when it began, or from when
/// the call did.
fn the_write_timeout(runner: &Runner) {
    let server = TestServer::with(runner, |session| {
        session.write_timeout(30 * SECOND).max_unsent(usize::MAX)
    });
    let mut connection = server.call("echo");
    server.wait(100 * SECOND);
    for _ in 0..3 {
        connection.send(&audio(b"flood"));
    }
    let answers = audio(&[0x55; FLOOD]).repeat(3);
    // What is said meanwhile does not put it off.
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
    connection.transcript(&call("echo", &records, &format!("failed: {STALLED}")));
}

/// A peer that has taken everything has no deadline, and gets a new one with the next answer.
fn the_write_timeout_starts_over(runner: &Runner) {
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
    let records = [format!("exception: {STALLED}")];
    connection.transcript(&call("echo", &records, &format!("failed: {STALLED}")));
}

/// Nor is there a deadline while nothing waits, though the peer has not read what is on its way to
/// it; the next answer, of which nothing can leave, has all of its time, whether it is returned or sent.
fn a_write_that_never_begins(runner: &Runner) {
    for order in ["more", "many"] {
        let server = TestServer::with(runner, |session| session.write_timeout(30 * SECOND));
        let mut connection = server.call("echo");
        // With its header it fills the way to the last byte.
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
        connection.transcript(&call("echo", &records, &format!("failed: {STALLED}")));
    }
}

/// The idle time-out counts from the last whole frame, of whatever kind; a part of one is none.
fn the_idle_timeout(runner: &Runner) {
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
    connection.transcript(&call("echo", &records, &format!("failed: {IDLE}")));
}

/// Of two deadlines the earlier one ends the call, and says which it was; only a stalled write is
/// closed without a linger.
fn the_earlier_of_two_deadlines(runner: &Runner) {
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
        let records = [format!("exception: {why}")];
        connection.transcript(&call("echo", &records, &format!("failed: {why}")));
    }
}

/// "Never" can be written as the longest of all durations.
fn deadlines_that_never_come(runner: &Runner) {
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
    connection.transcript(&call(
        "echo",
        &["audio slin \"bye\""],
        "hung up by this side",
    ));
}

/// How long a call has been going on counts from when it was accepted.
fn the_duration_of_a_call(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.uuid_timeout(DAY));
    server.wait(SECOND);
    let mut connection = server.connect();
    server.wait(3 * SECOND);
    connection.send(&uuid("echo"));
    server.wait(4 * SECOND);
    connection.send(&audio(b"duration"));
    connection.close();
    let records = ["audio slin \"duration\"", "7s"];
    connection.transcript(&call("echo", &records, "reset by the peer"));
}

/// Calls have their grace at shutdown, and not more, and then their linger.
fn the_grace_of_a_shutdown(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.linger(2 * SECOND));
    let mut connection = server.call("echo");
    connection.wait_for("start");
    server.shut_down(10 * SECOND);
    server.wait(7 * SECOND);
    server.shut_down(10 * SECOND);
    connection.expect_hangup();
    assert_eq!(server.elapsed(), 10 * SECOND);
    server.returned();
    assert_eq!(server.elapsed(), 12 * SECOND);
    connection.transcript(&call("echo", &NOTHING, "hung up by shutdown"));
}

/// A call for which three large answers wait, of which one at most is on its way.
fn stuck(server: &TestServer) -> ScriptedConnection {
    let mut connection = server.call("echo");
    for _ in 0..3 {
        connection.send(&audio(b"flood"));
    }
    connection
}
