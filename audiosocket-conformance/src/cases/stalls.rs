//! Peers that stop reading, and peers that stop writing.

use super::{NOTHING, SHORT, call};
use crate::Runner;
use crate::bench::Bench;
use crate::frames::{HANGUP, audio, dtmf};
use crate::line::Line;
use crate::orders::FLOOD;

/// More answers than any kernel holds: each of them is 60,000 bytes.
const MANY: usize = 400;

const DROPPED: &str = "exception: the answer was not sent: dropped, since the peer takes nothing";

/// What waits for a peer is bounded. That frames are dropped is told once, not for each of them,
/// and reading goes on, as far as many more frames than fit anywhere.
pub(crate) fn a_peer_that_never_reads(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    // One at a time, so that only a peer that takes nothing can make the server fall behind.
    for count in 1..=MANY {
        line.send(&audio(b"flood"));
        line.unwritten(count);
    }
    line.send(&[dtmf(b'1'), audio(b"quiet")].concat());
    // Not by a reset: a write that waits may meet it first, and then reading meets a mere end.
    line.half_close();
    let told = [DROPPED, "dtmf 1", "audio slin \"quiet\""];
    line.transcript(&call("echo", &told, "closed by the peer"));
}

/// A peer that takes nothing for too long is given up, and not sent a hangup that would wait
/// behind all the rest. Everything that it sent until then was read.
pub(crate) fn a_write_that_stalls(runner: &Runner) {
    let bench = Bench::with(runner, |session| {
        session.write_timeout(SHORT).max_unsent(usize::MAX)
    });
    let mut line = flooded(&bench);
    let why = "the peer stopped taking what was sent to it";
    let told = [format!("exception: {why}")];
    line.transcript(&call("echo", &told, &format!("failed: {why}")));
    line.gone();
}

/// A call that is hung up although its peer takes nothing, be it by the handler or from elsewhere:
/// what waits is given up after the linger.
pub(crate) fn a_hangup_behind_a_stalled_write(runner: &Runner) {
    let bench = Bench::with(runner, |session| {
        session.linger(SHORT).max_unsent(usize::MAX)
    });
    let mut line = flooded(&bench);
    line.send(&audio(b"hangup"));
    line.gone();
    let told = ["audio slin \"hangup\""];
    line.transcript(&call("echo", &told, "hung up by this side"));

    let mut line = flooded(&bench);
    line.handle().hangup();
    line.transcript(&call("echo", &NOTHING, "hung up by this side"));
    line.gone();
}

/// A slow reader gets everything in order if it fits the queue, the hangup last.
pub(crate) fn a_peer_that_reads_late(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.max_unsent(usize::MAX));
    let mut line = flooded(&bench);
    line.send(&audio(b"bye"));
    line.told("audio slin \"bye\"");
    for _ in 0..MANY {
        line.expect(&audio(&[0x55; FLOOD]));
    }
    line.expect(&[&audio(b"bye")[..], &HANGUP].concat());
    line.expect_end();
    line.close();
    let told = ["audio slin \"bye\""];
    line.transcript(&call("echo", &told, "hung up by this side"));
}

/// A peer that never writes is a call on hold, unless an idle time-out says otherwise.
pub(crate) fn a_peer_that_never_writes(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.idle_timeout(Some(SHORT)));
    for sent in [&b""[..], &audio(b"never whole")[..7]] {
        let mut line = bench.call("echo");
        line.send(sent);
        line.expect_hangup();
        line.close();
        let why = "the peer sent nothing for too long";
        let told = [format!("exception: {why}")];
        line.transcript(&call("echo", &told, &format!("failed: {why}")));
    }
}

/// A peer that sends without a pause puts its deadlines off as little as one that sends nothing:
/// the end of the linger, after a hangup and after a refusal, and that of a stalled write.
pub(crate) fn a_peer_that_never_pauses(runner: &Runner) {
    let bench = Bench::with(runner, |session| {
        session
            .linger(SHORT)
            .write_timeout(SHORT)
            .max_unsent(usize::MAX)
    });
    let flood = audio(b"hush").repeat(5_000);
    let mut line = bench.call("echo");
    line.send(&audio(b"hangup"));
    line.flood(&flood);
    let told = ["audio slin \"hangup\""];
    line.transcript(&call("echo", &told, "hung up by this side"));

    let mut line = bench.call("refuse");
    line.flood(&flood);
    line.transcript(&["accept refuse"]);

    let mut line = flooded(&bench);
    line.flood(&flood);
    let why = "the peer stopped taking what was sent to it";
    let told = [format!("exception: {why}")];
    line.transcript(&call("echo", &told, &format!("failed: {why}")));
}

/// A call whose peer has been sent far more than it ever reads. The server gets all of the orders
/// in one read, so that no deadline can pass between them.
fn flooded(bench: &Bench) -> Line {
    let mut line = bench.call("echo");
    line.send(&audio(b"flood").repeat(MANY));
    line.unwritten(MANY);
    line
}
