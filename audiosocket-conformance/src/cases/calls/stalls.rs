//! Peers that stop reading, and peers that stop writing.

use crate::Runner;
use crate::cases::{NOTHING, SHORT, call};
use crate::frames::{HANGUP, audio, dtmf};
use crate::orders::FLOOD;
use crate::scripted_connection::ScriptedConnection;
use crate::test_server::TestServer;

cases! {
    on every runner:
    a_peer_that_never_reads
    a_write_that_stalls
    a_hangup_behind_a_stalled_write
    a_peer_that_reads_late
    a_peer_that_never_writes
    a_peer_that_never_pauses
}

/// More answers than any kernel holds: each of them is 60,000 bytes.
const MANY: usize = 400;

const DROPPED: &str = "exception: the answer was not sent: dropped, because the peer does not read";

/// What waits for a peer is bounded. Dropped frames are one exception and not one each, and the server
/// goes on reading, far more frames than fit anywhere.
fn a_peer_that_never_reads(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    // One at a time, so that only a peer that takes nothing can make the server fall behind.
    for count in 1..=MANY {
        connection.send(&audio(b"flood"));
        connection.wait_for_unrecorded(count);
    }
    connection.send(&[dtmf(b'1'), audio(b"quiet")].concat());
    // Not by a reset: a write that waits may meet it first, and then reading meets a mere end.
    connection.half_close();
    let records = [DROPPED, "dtmf 1", "audio slin \"quiet\""];
    connection.transcript(&call("echo", &records, "closed by the peer"));
}

/// A peer that takes nothing for too long is given up, and not sent a hangup that would wait
/// behind all the rest. Everything that it sent until then was read.
fn a_write_that_stalls(runner: &Runner) {
    let server = TestServer::with(runner, |session| {
        session.write_timeout(SHORT).max_unsent(usize::MAX)
    });
    let mut connection = flooded(&server);
    let why = "the peer read nothing for too long";
    let records = [format!("exception: {why}")];
    connection.transcript(&call("echo", &records, &format!("failed: {why}")));
    connection.gone();
}

/// A call is hung up although its peer takes nothing, by the handler and by a handle. The bytes that
/// wait are discarded after the linger.
fn a_hangup_behind_a_stalled_write(runner: &Runner) {
    let server = TestServer::with(runner, |session| {
        session.linger(SHORT).max_unsent(usize::MAX)
    });
    let mut connection = flooded(&server);
    connection.send(&audio(b"hangup"));
    connection.gone();
    let records = ["audio slin \"hangup\""];
    connection.transcript(&call("echo", &records, "hung up by this side"));

    let mut connection = flooded(&server);
    connection.handle().hangup();
    connection.transcript(&call("echo", &NOTHING, "hung up by this side"));
    connection.gone();
}

/// A slow reader gets everything in order if it fits the queue, the hangup last.
fn a_peer_that_reads_late(runner: &Runner) {
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
    let records = ["audio slin \"bye\""];
    connection.transcript(&call("echo", &records, "hung up by this side"));
}

/// A peer that never writes is a call on hold, unless an idle time-out says otherwise.
fn a_peer_that_never_writes(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.idle_timeout(Some(SHORT)));
    for sent in [&b""[..], &audio(b"never whole")[..7]] {
        let mut connection = server.call("echo");
        connection.send(sent);
        connection.expect_hangup();
        connection.close();
        let why = "the peer sent nothing for too long";
        let records = [format!("exception: {why}")];
        connection.transcript(&call("echo", &records, &format!("failed: {why}")));
    }
}

/// A peer that sends without a pause puts its deadlines off as little as one that sends nothing:
/// the end of the linger, after a hangup and after a refusal, and that of a stalled write.
fn a_peer_that_never_pauses(runner: &Runner) {
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
    connection.transcript(&call("echo", &records, "hung up by this side"));

    let mut connection = server.call("refuse");
    connection.flood(&flood);
    connection.transcript(&["accept refuse"]);

    let mut connection = flooded(&server);
    connection.flood(&flood);
    let why = "the peer read nothing for too long";
    let records = [format!("exception: {why}")];
    connection.transcript(&call("echo", &records, &format!("failed: {why}")));
}

/// A call whose peer has been sent far more than it ever reads. The server gets all of the orders
/// in one read, so that no deadline can pass between them.
fn flooded(server: &TestServer) -> ScriptedConnection {
    let mut connection = server.call("echo");
    connection.send(&audio(b"flood").repeat(MANY));
    connection.wait_for_unrecorded(MANY);
    connection
}
