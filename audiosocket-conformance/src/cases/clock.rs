//! Deadlines, to the nanosecond.

use std::time::Duration;

use audiosocket_proto::SessionConfig;

use super::{NOTHING, call};
use crate::Runner;
use crate::bench::Bench;
use crate::frames::{HANGUP, audio, dtmf, frame, noise, uuid};
use crate::line::Line;
use crate::orders::FLOOD;
use crate::transcript::heard;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
const NANO: Duration = Duration::from_nanos(1);

const STALLED: &str = "the peer stopped taking what was sent to it";
const IDLE: &str = "the peer sent nothing for too long";

/// The defaults: 5 s for the UUID, 1 s of linger, 30 s of a stalled write, no idle time-out, and
/// 128 KiB that may wait.
pub(crate) fn the_defaults(runner: &Runner) {
    let bench = Bench::with(runner, |_| SessionConfig::new().fill_silence(false));
    let mut silent = bench.connect();
    silent.expect_hangup();
    assert_eq!(bench.elapsed(), 5 * SECOND);
    silent.gone();
    assert_eq!(bench.elapsed(), 6 * SECOND);
    silent.transcript(&["no call: no UUID came in time"]);

    let mut stuck = bench.call("echo");
    // One is on its way, two wait, and there is no room for a fourth.
    for _ in 0..4 {
        stuck.send(&audio(b"flood"));
    }
    stuck.gone();
    assert_eq!(bench.elapsed(), 36 * SECOND);
    let told = [
        "exception: the answer was not sent: dropped, since the peer takes nothing",
        &format!("exception: {STALLED}"),
    ];
    stuck.transcript(&call("echo", &told, &format!("failed: {STALLED}")));

    let mut quiet = bench.call("echo");
    bench.wait(365 * DAY);
    quiet.send(&audio(b"good morning"));
    quiet.expect(&audio(b"good morning"));
    quiet.close();
    let told = ["audio slin \"good morning\""];
    quiet.transcript(&call("echo", &told, "closed by the peer"));
}

/// The UUID has to be whole in time; a part of it buys no more of it.
pub(crate) fn a_uuid_just_in_time(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.uuid_timeout(5 * SECOND));
    let mut early = bench.connect();
    let mut late = bench.connect();
    bench.wait(5 * SECOND - NANO);
    early.send(&uuid("echo"));
    late.send(&uuid("echo")[..18]);
    early.told("start");
    assert_eq!(bench.elapsed(), 5 * SECOND - NANO);
    late.expect_hangup();
    assert_eq!(bench.elapsed(), 5 * SECOND);
    bench.wait(DAY);
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
pub(crate) fn the_linger(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.linger(3 * SECOND));
    let mut line = bench.call("echo");
    bench.wait(DAY);
    line.send(&audio(b"hangup"));
    line.expect_hangup();
    for _ in 0..2 {
        bench.wait(SECOND);
        line.send(&audio(b"more"));
    }
    line.gone();
    assert_eq!(bench.elapsed(), DAY + 3 * SECOND);
    line.transcript(&call(
        "echo",
        &["audio slin \"hangup\""],
        "hung up by this side",
    ));

    let mut line = bench.call("echo");
    line.send(&audio(b"hangup"));
    line.expect_hangup();
    bench.wait(SECOND);
    line.half_close();
    line.gone();
    assert_eq!(bench.elapsed(), DAY + 4 * SECOND);
    line.transcript(&call(
        "echo",
        &["audio slin \"hangup\""],
        "hung up by this side",
    ));
}

/// A peer that closed its sending side has the linger to take what waits for it; once it has all,
/// the connection is closed.
pub(crate) fn the_linger_after_a_half_close(runner: &Runner) {
    let bench = Bench::with(runner, |session| {
        session.linger(3 * SECOND).max_unsent(usize::MAX)
    });
    let mut reading = stuck(&bench);
    let mut stuck = stuck(&bench);
    reading.half_close();
    stuck.half_close();
    bench.wait(SECOND);
    reading.expect(&audio(&[0x55; FLOOD]).repeat(3));
    reading.expect_end();
    reading.gone();
    assert_eq!(bench.elapsed(), SECOND);
    stuck.gone();
    assert_eq!(bench.elapsed(), 3 * SECOND);
    let told = call("echo", &NOTHING, "closed by the peer");
    reading.transcript(&told);
    stuck.transcript(&told);
}

/// A write stalls from the last byte that was taken on, and not from when it began, or from when
/// the call did.
pub(crate) fn the_write_timeout(runner: &Runner) {
    let bench = Bench::with(runner, |session| {
        session.write_timeout(30 * SECOND).max_unsent(usize::MAX)
    });
    let mut line = bench.call("echo");
    bench.wait(100 * SECOND);
    for _ in 0..3 {
        line.send(&audio(b"flood"));
    }
    let answers = audio(&[0x55; FLOOD]).repeat(3);
    // What is said meanwhile does not put it off.
    for taken in 0..4 {
        bench.wait(29 * SECOND);
        line.expect(&answers[taken * 10..][..10]);
        line.send(&audio(b"quiet"));
    }
    bench.wait(15 * SECOND);
    line.send(&audio(b"flood"));
    assert_eq!(bench.elapsed(), (100 + 4 * 29 + 15) * SECOND);
    line.gone();
    assert_eq!(bench.elapsed(), (100 + 4 * 29 + 30) * SECOND);
    let mut told = vec!["audio slin \"quiet\"".to_owned(); 4];
    told.push(format!("exception: {STALLED}"));
    line.transcript(&call("echo", &told, &format!("failed: {STALLED}")));
}

/// A peer that has taken everything has no deadline, and gets a new one with the next answer.
pub(crate) fn the_write_timeout_starts_over(runner: &Runner) {
    let bench = Bench::with(runner, |session| {
        session.write_timeout(30 * SECOND).max_unsent(usize::MAX)
    });
    let mut line = stuck(&bench);
    bench.wait(29 * SECOND);
    line.expect(&audio(&[0x55; FLOOD]).repeat(3));
    bench.wait(DAY);
    for _ in 0..3 {
        line.send(&audio(b"flood"));
    }
    line.gone();
    assert_eq!(bench.elapsed(), DAY + 59 * SECOND);
    let told = [format!("exception: {STALLED}")];
    line.transcript(&call("echo", &told, &format!("failed: {STALLED}")));
}

/// Nor is there a deadline while nothing waits, though the peer has not read what is on its way to
/// it; the next answer, of which nothing can leave, has all of its time, be it returned or sent.
pub(crate) fn a_write_that_never_begins(runner: &Runner) {
    for order in ["more", "many"] {
        let bench = Bench::with(runner, |session| session.write_timeout(30 * SECOND));
        let mut line = bench.call("echo");
        // With its header it fills the way to the last byte.
        let full = noise(65_533);
        line.send(&audio(&full));
        bench.wait(DAY);
        line.send(&audio(order.as_bytes()));
        line.gone();
        assert_eq!(bench.elapsed(), DAY + 30 * SECOND);
        let told = [
            heard("slin", &full),
            heard("slin", order.as_bytes()),
            format!("exception: {STALLED}"),
        ];
        line.transcript(&call("echo", &told, &format!("failed: {STALLED}")));
    }
}

/// The idle time-out counts from the last whole frame, of whatever kind; a part of one is none.
pub(crate) fn the_idle_timeout(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.idle_timeout(Some(10 * SECOND)));
    let mut line = bench.connect();
    bench.wait(9 * SECOND);
    line.send(&uuid("echo"));
    for sent in [
        audio(b"quiet"),
        audio(b""),
        dtmf(b'1'),
        dtmf(b'x'),
        frame(0x02, b""),
        frame(0x7f, b""),
        frame(0xff, b""),
    ] {
        bench.wait(9 * SECOND);
        line.send(&sent);
    }
    bench.wait(9 * SECOND);
    line.send(&audio(b"cut")[..4]);
    line.expect_hangup();
    assert_eq!(bench.elapsed(), (8 * 9 + 10) * SECOND);
    let told = [
        "audio slin \"quiet\"",
        "ignored 0x10 (audio slin) \"\"",
        "dtmf 1",
        "exception: a key press that is not one of 0-9 * # A-D",
        "ignored 0x02 (silence) \"\"",
        "ignored 0x7f \"\"",
        "exception: the peer reported error 0x00",
        &format!("exception: {IDLE}"),
    ];
    line.transcript(&call("echo", &told, &format!("failed: {IDLE}")));
}

/// Of two deadlines the earlier one ends the call, and says which it was; only a stalled write is
/// closed without a linger.
pub(crate) fn the_earlier_of_two_deadlines(runner: &Runner) {
    for (idle, write, why, ended, gone) in [(20, 30, IDLE, 20, 22), (30, 20, STALLED, 20, 20)] {
        let bench = Bench::with(runner, |session| {
            session
                .idle_timeout(Some(idle * SECOND))
                .write_timeout(write * SECOND)
                .linger(2 * SECOND)
                .max_unsent(usize::MAX)
        });
        let mut line = stuck(&bench);
        line.told("start");
        line.told(&format!("end: failed: {why}"));
        assert_eq!(bench.elapsed(), ended * SECOND);
        line.gone();
        assert_eq!(bench.elapsed(), gone * SECOND);
        let told = [format!("exception: {why}")];
        line.transcript(&call("echo", &told, &format!("failed: {why}")));
    }
}

/// "Never" can be written as the longest of all durations.
pub(crate) fn deadlines_that_never_come(runner: &Runner) {
    let bench = Bench::with(runner, |session| {
        session
            .uuid_timeout(Duration::MAX)
            .linger(Duration::MAX)
            .write_timeout(Duration::MAX)
            .idle_timeout(Some(Duration::MAX))
    });
    let mut line = bench.connect();
    bench.wait(DAY);
    line.send(&uuid("echo"));
    bench.wait(DAY);
    line.send(&audio(b"bye"));
    bench.wait(DAY);
    line.expect(&[&audio(b"bye")[..], &HANGUP].concat());
    line.expect_end();
    line.close();
    line.transcript(&call(
        "echo",
        &["audio slin \"bye\""],
        "hung up by this side",
    ));
}

/// How long a call has been going on counts from when it was accepted.
pub(crate) fn the_duration_of_a_call(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.uuid_timeout(DAY));
    bench.wait(SECOND);
    let mut line = bench.connect();
    bench.wait(3 * SECOND);
    line.send(&uuid("echo"));
    bench.wait(4 * SECOND);
    line.send(&audio(b"duration"));
    line.close();
    let told = ["audio slin \"duration\"", "7s"];
    line.transcript(&call("echo", &told, "reset by the peer"));
}

/// Calls have their grace at shutdown, and not more, and then their linger.
pub(crate) fn the_grace_of_a_shutdown(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.linger(2 * SECOND));
    let mut line = bench.call("echo");
    line.told("start");
    bench.shut_down(10 * SECOND);
    bench.wait(7 * SECOND);
    bench.shut_down(10 * SECOND);
    line.expect_hangup();
    assert_eq!(bench.elapsed(), 10 * SECOND);
    bench.returned();
    assert_eq!(bench.elapsed(), 12 * SECOND);
    line.transcript(&call("echo", &NOTHING, "hung up by shutdown"));
}

/// A call for which three large answers wait, of which one at most is on its way.
fn stuck(bench: &Bench) -> Line {
    let mut line = bench.call("echo");
    for _ in 0..3 {
        line.send(&audio(b"flood"));
    }
    line
}
