//! When what is played leaves, to the nanosecond.

use std::time::Duration;

use audiosocket_proto::{MarkOutcome, SampleRate};

use super::{NOTHING, call};
use crate::Runner;
use crate::bench::Bench;
use crate::frames::{HANGUP, audio, dtmf, frame, played, silence, speech};
use crate::line::Line;
use crate::world::Fault;

const RATE: SampleRate = SampleRate::Hz8000;
const PTIME: Duration = Duration::from_millis(20);
const SECOND: Duration = Duration::from_secs(1);
const NANO: Duration = Duration::from_nanos(1);

const OURS: &str = "hung up by this side";
const THEIRS: &str = "closed by the peer";

/// So many frames of this audio come, the first one now and then one in each ptime.
fn expect_paced(bench: &Bench, line: &mut Line, frame: &[u8], count: u32) {
    let start = bench.elapsed();
    for n in 0..count {
        line.expect(frame);
        assert_eq!(bench.elapsed(), start + PTIME * n);
    }
}

/// A call that has begun.
fn started(bench: &Bench) -> Line {
    let line = bench.call("echo");
    line.told("start");
    line
}

/// Each frame is due one ptime after the one before, for ten minutes and whatever is asked of the
/// call meanwhile; the hangup behind them one ptime after the last.
pub(crate) fn frames_at_their_times(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.max_playout(Duration::MAX));
    bench.wait(SECOND);
    let mut line = started(&bench);
    bench.wait(NANO);
    for _ in 0..600 {
        line.handle().try_play((RATE, vec![7; 16_000])).unwrap();
    }
    line.handle().hangup_after_playout();
    for n in 0..30_000 {
        line.expect(&audio(&[7; 320]));
        assert_eq!(bench.elapsed(), SECOND + NANO + PTIME * n);
        let _ = line.handle().stats();
    }
    line.expect_hangup();
    assert_eq!(bench.elapsed(), 601 * SECOND + NANO);
    line.close();
    line.transcript(&call("echo", &NOTHING, OURS));
}

/// What is played when the call begins leaves at once.
pub(crate) fn a_greeting_at_once(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.fill_silence(true));
    bench.wait(SECOND);
    let mut line = bench.call("greet by playing");
    line.expect(&played(0x10, &speech(320)));
    assert_eq!(bench.elapsed(), SECOND);
    line.expect(&played(0x10, &speech(700)[320..]));
    assert_eq!(bench.elapsed(), SECOND + 2 * PTIME);
    line.half_close();
    line.transcript(&call("greet by playing", &NOTHING, THEIRS));
}

/// Nobody gets round to the call for a while: a frame that is late by half a ptime is made up for,
/// behind one that is later the schedule skips what was missed, and none is sent faster to catch up.
pub(crate) fn a_stall_without_a_burst(runner: &Runner) {
    for (stall, next, late) in [
        (PTIME + PTIME / 2, 2 * PTIME, 0),
        (PTIME + PTIME / 2 + NANO, 3 * PTIME, 1),
        (5 * SECOND, 5 * SECOND + PTIME, 1),
    ] {
        let bench = Bench::new(runner);
        let mut line = started(&bench);
        let handle = line.handle();
        handle.try_play((RATE, speech(32_000))).unwrap();
        let all = played(0x10, &speech(32_000));
        line.expect(&all[..323]);
        line.fail(Fault::Blocked);
        bench.wait(stall);
        line.fail(Fault::Unblocked);
        line.expect(&all[323..646]);
        assert_eq!(bench.elapsed(), stall);
        for n in 2..100 {
            line.expect(&all[n * 323..][..323]);
            assert_eq!(bench.elapsed(), next + PTIME * (n as u32 - 2));
        }
        assert_eq!(handle.stats().playout.late, late);
        line.close();
        line.transcript(&call("echo", &NOTHING, THEIRS));
    }
}

/// From a clear on no old sample leaves, and the next frame comes when it would have come, whether
/// 30 s were queued or a sample.
pub(crate) fn cleared_within_a_frame(runner: &Runner) {
    for (queued, samples) in [(480_000, 239_840), (322, 1), (320, 0)] {
        for after in [Duration::ZERO, NANO, PTIME / 2, PTIME - NANO] {
            let bench = Bench::new(runner);
            let mut line = started(&bench);
            let handle = line.handle();
            handle.try_play((RATE, vec![0x55; queued])).unwrap();
            line.expect(&audio(&[0x55; 320]));
            bench.wait(after);
            let dropped = handle.clear();
            assert_eq!(dropped.samples, samples);
            assert_eq!(dropped.duration, RATE.duration_of(samples));
            handle.try_play((RATE, vec![0x66; 640])).unwrap();
            for n in 1..3 {
                line.expect(&audio(&[0x66; 320]));
                assert_eq!(bench.elapsed(), PTIME * n);
            }
            line.close();
            line.transcript(&call("echo", &NOTHING, THEIRS));
        }
    }
}

/// A mark is told when the last frame ahead of it leaves, one behind nothing at once, and cleared
/// ones when they are cleared.
pub(crate) fn marks_at_their_time(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    bench.wait(SECOND);
    line.send(&audio(b"mark 1"));
    line.told("mark 1: Played");
    assert_eq!(bench.elapsed(), SECOND);
    line.send(&[audio(b"play 16001"), audio(b"mark 2")].concat());
    let waiting = line.handle().played();
    line.told("mark 2: Played");
    // The fifty-first frame, which holds a byte, is due a second after the first.
    assert_eq!(bench.elapsed(), 2 * SECOND);
    assert_eq!(bench.outcome(waiting), MarkOutcome::Played);
    assert_eq!(bench.elapsed(), 2 * SECOND);
    line.send(&[audio(b"play 16001"), audio(b"mark 3")].concat());
    bench.wait(SECOND / 2);
    line.handle().clear();
    line.told("mark 3: Cleared");
    assert_eq!(bench.elapsed(), 2 * SECOND + SECOND / 2);
    // Fifty frames to the byte, of which the first is due now that the one before has had its time.
    line.send(&[audio(b"play 16000"), audio(b"mark 4")].concat());
    line.told("mark 4: Played");
    assert_eq!(bench.elapsed(), 3 * SECOND + SECOND / 2);
    line.half_close();
    let told = [
        "audio slin \"mark 1\"",
        "mark 1: Played",
        "audio slin \"play 16001\"",
        "audio slin \"mark 2\"",
        "mark 2: Played",
        "audio slin \"play 16001\"",
        "audio slin \"mark 3\"",
        "mark 3: Cleared",
        "audio slin \"play 16000\"",
        "audio slin \"mark 4\"",
        "mark 4: Played",
    ];
    line.transcript(&call("echo", &told, THEIRS));
}

/// Silence begins with the UUID, and what is played takes its place on the same grid.
pub(crate) fn silence_at_its_times(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.fill_silence(true));
    let mut line = bench.connect();
    bench.wait(SECOND);
    line.send(&crate::frames::uuid("echo"));
    expect_paced(&bench, &mut line, &silence(), 500);
    bench.wait(PTIME / 4);
    line.handle().try_play((RATE, vec![7; 641])).unwrap();
    bench.wait(PTIME / 4);
    assert_eq!(line.handle().stats().playout.frames, 0);
    bench.wait(PTIME / 2);
    expect_paced(&bench, &mut line, &audio(&[7; 320]), 2);
    bench.wait(PTIME);
    line.expect(&played(0x10, &[7]));
    bench.wait(PTIME);
    expect_paced(&bench, &mut line, &silence(), 500);
    assert_eq!(bench.elapsed(), SECOND + PTIME * 1002);
    line.half_close();
    line.transcript(&call("echo", &NOTHING, THEIRS));
}

/// Silence gives way to an echo, and goes on 200 ms after the end of it, at its rate.
pub(crate) fn silence_gives_way(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.fill_silence(true));
    let mut line = bench.call("echo");
    line.expect(&silence());
    let echo = frame(0x12, &[9; 960]);
    // Each of 30 ms, with a jitter of as much.
    for wait in [7, 0, 60, 30, 1, 59] {
        bench.wait(Duration::from_millis(wait));
        line.send(&echo);
        line.expect(&echo);
    }
    let spoken = Duration::from_millis(7 + 60 + 30 + 1 + 59);
    assert_eq!(bench.elapsed(), spoken);
    line.expect(&frame(0x12, &[0; 640]));
    assert_eq!(bench.elapsed(), spoken + Duration::from_millis(230));
    bench.wait(PTIME);
    expect_paced(&bench, &mut line, &frame(0x12, &[0; 640]), 10);
    line.half_close();
    let told = vec![crate::transcript::heard("slin16", &[9; 960]); 6];
    line.transcript(&call("echo", &told, THEIRS));
}

/// A peer that stops reading holds up what is played: that waits where it can be cleared, and when
/// the peer goes on, what is played then comes at its pace.
pub(crate) fn a_peer_that_stops_reading(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.fill_silence(true));
    let mut line = started(&bench);
    let handle = line.handle();
    line.expect(&silence());
    handle.try_play((RATE, vec![0x55; 320 * 1500])).unwrap();
    bench.wait(20 * SECOND);
    // 65,536 bytes are on their way, and the frame of which they hold a part waits to follow.
    let stats = handle.stats().playout;
    assert_eq!((stats.frames, stats.silence), (203, 1));
    assert_eq!(stats.depth, PTIME * (1500 - 203));
    assert_eq!(handle.clear().samples, 160 * (1500 - 203));
    handle.try_play((RATE, vec![0x66; 640])).unwrap();
    bench.wait(SECOND);
    line.expect(&audio(&[0x55; 320]).repeat(203));
    assert_eq!(bench.elapsed(), 21 * SECOND, "all of it was on its way");
    expect_paced(&bench, &mut line, &audio(&[0x66; 320]), 2);
    bench.wait(PTIME);
    expect_paced(&bench, &mut line, &silence(), 10);
    assert_eq!(handle.stats().playout.late, 1);
    line.half_close();
    line.transcript(&call("echo", &NOTHING, THEIRS));
}

/// What has not been written has not been played, and hangs up nothing.
pub(crate) fn a_mark_behind_a_peer_that_stops_reading(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    // With its header, and the next one, it fills the way but for a part of what is played.
    line.send(&audio(&crate::frames::noise(65_500)));
    line.send(&[audio(b"play 320"), audio(b"mark 1")].concat());
    line.handle().hangup_after_playout();
    bench.wait(10 * SECOND);
    assert_eq!(line.handle().stats().playout.frames, 1);
    line.send(&dtmf(b'1'));
    line.told("dtmf 1");
    line.expect(&audio(&crate::frames::noise(65_500)));
    line.told("mark 1: Played");
    assert_eq!(bench.elapsed(), 10 * SECOND);
    line.expect(&[&played(0x10, &speech(320))[..], &HANGUP].concat());
    line.expect_end();
    line.close();
    let told = [
        crate::transcript::heard("slin", &crate::frames::noise(65_500)),
        "audio slin \"play 320\"".to_owned(),
        "audio slin \"mark 1\"".to_owned(),
        "dtmf 1".to_owned(),
        "mark 1: Played".to_owned(),
    ];
    line.transcript(&call("echo", &told, OURS));
}

/// A hangup behind what is played comes when the last frame has had its time, and when that is
/// cleared, at the same time as the next frame would have.
pub(crate) fn hung_up_when_it_is_heard(runner: &Runner) {
    for clear in [false, true] {
        let bench = Bench::with(runner, |session| session.fill_silence(true));
        let mut line = started(&bench);
        line.expect(&silence());
        line.handle().try_play((RATE, vec![7; 16_000])).unwrap();
        line.handle().hangup_after_playout();
        bench.wait(PTIME + PTIME / 2);
        line.expect(&audio(&[7; 320]));
        if clear {
            line.handle().clear();
        } else {
            line.expect(&audio(&[7; 320]).repeat(49));
        }
        line.expect_hangup();
        let due = if clear { 2 * PTIME } else { SECOND + PTIME };
        assert_eq!(bench.elapsed(), due);
        line.close();
        line.transcript(&call("echo", &NOTHING, OURS));
    }
}

/// A shutdown hangs up a call that still plays when the grace is over, and not before.
pub(crate) fn a_shutdown_while_it_plays(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.send(&[audio(b"play 480000"), audio(b"mark 1")].concat());
    bench.shut_down(SECOND);
    // The last of them is due when the grace is over.
    let all = played(0x10, &speech(51 * 320));
    line.expect(&all[..50 * 323]);
    assert_eq!(bench.elapsed(), SECOND - PTIME);
    let mut last = line.frame();
    assert_eq!(bench.elapsed(), SECOND);
    if last != HANGUP {
        assert_eq!(last, all[50 * 323..]);
        last = line.frame();
    }
    assert_eq!(last, HANGUP);
    assert_eq!(bench.elapsed(), SECOND);
    line.expect_end();
    line.close();
    bench.returned();
    let told = ["audio slin \"play 480000\"", "audio slin \"mark 1\""];
    line.transcript(&call("echo", &told, "hung up by shutdown"));
}

/// A call that hangs up when it has said all is let go on, and the server returns at its end.
pub(crate) fn a_shutdown_that_lets_it_play(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.send(&audio(b"play-and-end 16000"));
    bench.shut_down(3600 * SECOND);
    line.expect(&played(0x10, &speech(16_000)));
    line.expect_hangup();
    assert_eq!(bench.elapsed(), SECOND);
    line.close();
    bench.returned();
    assert_eq!(bench.elapsed(), SECOND);
    let told = [
        "audio slin \"play-and-end 16000\"",
        "not played: there is no call to send to",
    ];
    line.transcript(&call("echo", &told, OURS));
}
