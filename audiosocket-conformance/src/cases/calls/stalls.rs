//! Peers that stop reading, and peers that stop writing.

use crate::Runner;
use crate::cases::{NOTHING, OURS, SHORT, THEIRS};
use crate::frames::{HANGUP, audio, dtmf};
use crate::orders::FLOOD;
use crate::scripted_connection::ScriptedConnection;
use crate::test_server::TestServer;

cases! {
    on every runner:
    a_peer_that_never_reads_takes_bounded_memory
    a_write_that_stalls_fails_the_call
    a_hangup_ends_a_call_whose_peer_does_not_read
    a_peer_that_reads_late_gets_all_answers
    a_peer_that_never_writes_ends_at_the_idle_timeout
    a_peer_that_sends_without_pause_delays_no_deadline
}

/// The number of answers of 60,000 bytes. No kernel has room for them.
const MANY: usize = 400;

const DROPPED: &str = "exception: the answer was not sent: dropped, because the peer does not read";

/// All dropped frames together cause one exception. The server continues to read.
fn a_peer_that_never_reads_takes_bounded_memory(server: &TestServer) {
    let mut connection = server.call("echo");
    // The orders go one by one, so the server falls behind only because the peer does not read.
    for count in 1..=MANY {
        connection.send(&audio(b"flood"));
        connection.wait_for_unrecorded(count);
    }
    connection.send(&[dtmf(b'1'), audio(b"quiet")].concat());
    // A reset could reach a waiting write first. Then the read side would see an ordinary end.
    connection.half_close();
    connection.check(&[DROPPED, "dtmf 1", "audio slin \"quiet\""], THEIRS);
}

/// The server sends no hangup frame, which would wait behind the other bytes. It has read all bytes
/// before the timeout.
fn a_write_that_stalls_fails_the_call(runner: &Runner) {
    let server = TestServer::with(runner, |session| {
        session.write_timeout(SHORT).max_unsent(usize::MAX)
    });
    let mut connection = flooded(&server);
    let why = "the peer read nothing for too long";
    connection.check(&[format!("exception: {why}")], &format!("failed: {why}"));
    connection.gone();
}

/// The handler hangs up, and so does a handle. The unsent bytes are discarded after the linger.
fn a_hangup_ends_a_call_whose_peer_does_not_read(runner: &Runner) {
    let server = TestServer::with(runner, |session| {
        session.linger(SHORT).max_unsent(usize::MAX)
    });
    let mut connection = flooded(&server);
    connection.send(&audio(b"hangup"));
    connection.gone();
    connection.check(&["audio slin \"hangup\""], OURS);

    let mut connection = flooded(&server);
    connection.handle().hangup();
    connection.check(&NOTHING, OURS);
    connection.gone();
}

/// The answers come in order, with the hangup frame last.
fn a_peer_that_reads_late_gets_all_answers(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.max_unsent(usize::MAX));
    let mut connection = flooded(&server);
    connection.send(&audio(b"bye"));
    connection.wait_for("audio slin \"bye\"");
    for _ in 0..MANY {
        connection.expect(&audio(&[0x55; FLOOD]));
    }
    connection.expect(&[&audio(b"bye")[..], &HANGUP].concat());
    connection.expect_end();
    connection.close();
    connection.check(&["audio slin \"bye\""], OURS);
}

fn a_peer_that_never_writes_ends_at_the_idle_timeout(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.idle_timeout(Some(SHORT)));
    for sent in [&b""[..], &audio(b"never whole")[..7]] {
        let mut connection = server.call("echo");
        connection.send(sent);
        connection.expect_hangup();
        connection.close();
        let why = "the peer sent nothing for too long";
        connection.check(&[format!("exception: {why}")], &format!("failed: {why}"));
    }
}

/// The case checks the linger after a hangup and after a refusal, and the write timeout.
fn a_peer_that_sends_without_pause_delays_no_deadline(runner: &Runner) {
    let server = TestServer::with(runner, |session| {
        session
            .linger(SHORT)
            .write_timeout(SHORT)
            .max_unsent(usize::MAX)
    });
    let flood = audio(b"hush").repeat(5_000);
    let mut connection = server.call("echo");
    connection.send(&audio(b"hangup"));
    connection.flood(&flood);
    let records = ["audio slin \"hangup\""];
    connection.check(&records, OURS);

    let mut connection = server.call("refuse");
    connection.flood(&flood);
    connection.transcript(&["accept refuse"]);

    let mut connection = flooded(&server);
    connection.flood(&flood);
    let why = "the peer read nothing for too long";
    connection.check(&[format!("exception: {why}")], &format!("failed: {why}"));
}

/// A call with far more answers than its peer reads. The server gets all orders in one read, so no
/// deadline passes between them.
fn flooded(server: &TestServer) -> ScriptedConnection {
    let mut connection = server.call("echo");
    connection.send(&audio(b"flood").repeat(MANY));
    connection.wait_for_unrecorded(MANY);
    connection
}
