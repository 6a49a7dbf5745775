//! The times of frames, to the nanosecond.

use std::time::Duration;

use audiosocket_proto::{MarkOutcome, SampleRate};

use crate::Runner;
use crate::cases::{BY_SHUTDOWN, NOTHING, OURS, THEIRS};
use crate::env::Fault;
use crate::frames::{HANGUP, audio, dtmf, frame, played, silence, speech};
use crate::scripted_connection::ScriptedConnection;
use crate::test_server::TestServer;

cases! {
    on core alone:
    each_frame_leaves_one_ptime_after_the_one_before
    audio_of_on_start_leaves_at_once
    frames_after_a_stall_leave_without_a_burst
    no_cleared_sample_leaves_after_a_clear
    a_mark_is_reported_when_the_last_frame_before_it_leaves
    silence_begins_with_the_uuid_and_keeps_the_schedule
    silence_stops_for_an_echo_and_continues_200_ms_after_it
    audio_waits_for_a_peer_that_stops_reading
    audio_that_was_not_written_was_not_played
    hangup_after_playout_leaves_one_ptime_after_the_last_frame
    shutdown_hangs_up_a_playing_call_after_the_grace
    shutdown_waits_for_hangup_after_playout
}

const RATE: SampleRate = SampleRate::Hz8000;
const PTIME: Duration = Duration::from_millis(20);
const SECOND: Duration = Duration::from_secs(1);
const NANO: Duration = Duration::from_nanos(1);

/// Expects `count` frames: the first one now, and then one in each ptime.
fn expect_paced(
    server: &TestServer,
    connection: &mut ScriptedConnection,
    frame: &[u8],
    count: u32,
) {
    let start = server.elapsed();
    for n in 0..count {
        connection.expect(frame);
        assert_eq!(server.elapsed(), start + PTIME * n);
    }
}

/// The case runs for ten minutes. The hangup frame leaves one ptime after the last frame.
fn each_frame_leaves_one_ptime_after_the_one_before(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.max_playout(Duration::MAX));
    server.wait(SECOND);
    let mut connection = server.started("echo");
    server.wait(NANO);
    for _ in 0..600 {
        connection
            .handle()
            .try_play((RATE, vec![7; 16_000]))
            .unwrap();
    }
    connection.handle().hangup_after_playout();
    for n in 0..30_000 {
        connection.expect(&audio(&[7; 320]));
        assert_eq!(server.elapsed(), SECOND + NANO + PTIME * n);
        let _ = connection.handle().stats();
    }
    connection.expect_hangup();
    assert_eq!(server.elapsed(), 601 * SECOND + NANO);
    connection.close();
    connection.check(&NOTHING, OURS);
}

fn audio_of_on_start_leaves_at_once(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.fill_silence(true));
    server.wait(SECOND);
    let mut connection = server.call("greet by playing");
    connection.expect(&played(0x10, &speech(320)));
    assert_eq!(server.elapsed(), SECOND);
    connection.expect(&played(0x10, &speech(700)[320..]));
    assert_eq!(server.elapsed(), SECOND + 2 * PTIME);
    connection.half_close();
    connection.check(&NOTHING, THEIRS);
}

/// A frame that is late by up to half a ptime keeps the schedule. After a later frame, the schedule
/// skips the missed times.
fn frames_after_a_stall_leave_without_a_burst(runner: &Runner) {
    for (stall, next, late) in [
        (PTIME + PTIME / 2, 2 * PTIME, 0),
        (PTIME + PTIME / 2 + NANO, 3 * PTIME, 1),
        (5 * SECOND, 5 * SECOND + PTIME, 1),
    ] {
        let server = TestServer::new(runner);
        let mut connection = server.started("echo");
        let handle = connection.handle();
        handle.try_play((RATE, speech(32_000))).unwrap();
        let all = played(0x10, &speech(32_000));
        connection.expect(&all[..323]);
        connection.fail(Fault::Blocked);
        server.wait(stall);
        connection.fail(Fault::Unblocked);
        connection.expect(&all[323..646]);
        assert_eq!(server.elapsed(), stall);
        for n in 2..100 {
            connection.expect(&all[n * 323..][..323]);
            assert_eq!(server.elapsed(), next + PTIME * (n as u32 - 2));
        }
        assert_eq!(handle.stats().playout.late, late);
        connection.closes(&NOTHING);
    }
}

/// The next frame leaves when it was due. The length of the cleared audio, 30 s or one sample, has no effect.
fn no_cleared_sample_leaves_after_a_clear(runner: &Runner) {
    for (queued, samples) in [(480_000, 239_840), (322, 1), (320, 0)] {
        for after in [Duration::ZERO, NANO, PTIME / 2, PTIME - NANO] {
            let server = TestServer::new(runner);
            let mut connection = server.started("echo");
            let handle = connection.handle();
            handle.try_play((RATE, vec![0x55; queued])).unwrap();
            connection.expect(&audio(&[0x55; 320]));
            server.wait(after);
            let dropped = handle.clear();
            assert_eq!(dropped.samples, samples);
            assert_eq!(dropped.duration, RATE.duration_of(samples));
            handle.try_play((RATE, vec![0x66; 640])).unwrap();
            for n in 1..3 {
                connection.expect(&audio(&[0x66; 320]));
                assert_eq!(server.elapsed(), PTIME * n);
            }
            connection.closes(&NOTHING);
        }
    }
}

/// The mark is reported at once if there is no such frame, or if that frame is cleared.
fn a_mark_is_reported_when_the_last_frame_before_it_leaves(server: &TestServer) {
    let mut connection = server.call("echo");
    server.wait(SECOND);
    connection.send(&audio(b"mark 1"));
    connection.wait_for("mark 1: Played");
    assert_eq!(server.elapsed(), SECOND);
    connection.send(&[audio(b"play 16001"), audio(b"mark 2")].concat());
    let waiting = connection.handle().played();
    connection.wait_for("mark 2: Played");
    // The fifty-first frame has one byte. It is due a second after the first frame.
    assert_eq!(server.elapsed(), 2 * SECOND);
    assert_eq!(server.outcome(waiting), MarkOutcome::Played);
    assert_eq!(server.elapsed(), 2 * SECOND);
    connection.send(&[audio(b"play 16001"), audio(b"mark 3")].concat());
    server.wait(SECOND / 2);
    connection.handle().clear();
    connection.wait_for("mark 3: Cleared");
    assert_eq!(server.elapsed(), 2 * SECOND + SECOND / 2);
    // Exactly fifty frames. The first is due now, a ptime after the frame before.
    connection.send(&[audio(b"play 16000"), audio(b"mark 4")].concat());
    connection.wait_for("mark 4: Played");
    assert_eq!(server.elapsed(), 3 * SECOND + SECOND / 2);
    connection.half_close();
    let records = [
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
    connection.check(&records, THEIRS);
}

/// Played audio takes the times of silence.
fn silence_begins_with_the_uuid_and_keeps_the_schedule(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.fill_silence(true));
    let mut connection = server.connect();
    server.wait(SECOND);
    connection.send(&crate::frames::uuid("echo"));
    expect_paced(&server, &mut connection, &silence(), 500);
    server.wait(PTIME / 4);
    connection.handle().try_play((RATE, vec![7; 641])).unwrap();
    server.wait(PTIME / 4);
    assert_eq!(connection.handle().stats().playout.frames, 0);
    server.wait(PTIME / 2);
    expect_paced(&server, &mut connection, &audio(&[7; 320]), 2);
    server.wait(PTIME);
    connection.expect(&played(0x10, &[7]));
    server.wait(PTIME);
    expect_paced(&server, &mut connection, &silence(), 500);
    assert_eq!(server.elapsed(), SECOND + PTIME * 1002);
    connection.half_close();
    connection.check(&NOTHING, THEIRS);
}

/// The silence has the rate of the echo.
fn silence_stops_for_an_echo_and_continues_200_ms_after_it(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.fill_silence(true));
    let mut connection = server.call("echo");
    connection.expect(&silence());
    let echo = frame(0x12, &[9; 960]);
    // Frames of 30 ms, with a jitter of 30 ms.
    for wait in [7, 0, 60, 30, 1, 59] {
        server.wait(Duration::from_millis(wait));
        connection.send(&echo);
        connection.expect(&echo);
    }
    let spoken = Duration::from_millis(7 + 60 + 30 + 1 + 59);
    assert_eq!(server.elapsed(), spoken);
    connection.expect(&frame(0x12, &[0; 640]));
    assert_eq!(server.elapsed(), spoken + Duration::from_millis(230));
    server.wait(PTIME);
    expect_paced(&server, &mut connection, &frame(0x12, &[0; 640]), 10);
    connection.half_close();
    let records = vec![crate::transcript::audio_record("slin16", &[9; 960]); 6];
    connection.check(&records, THEIRS);
}

/// The waiting audio can be cleared. When the peer reads again, new audio leaves on schedule.
fn audio_waits_for_a_peer_that_stops_reading(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.fill_silence(true));
    let mut connection = server.started("echo");
    let handle = connection.handle();
    connection.expect(&silence());
    handle.try_play((RATE, vec![0x55; 320 * 1500])).unwrap();
    server.wait(20 * SECOND);
    // 65,536 bytes are on their way. The rest of the last frame waits.
    let stats = handle.stats().playout;
    assert_eq!((stats.frames, stats.silence), (203, 1));
    assert_eq!(stats.depth, PTIME * (1500 - 203));
    assert_eq!(handle.clear().samples, 160 * (1500 - 203));
    handle.try_play((RATE, vec![0x66; 640])).unwrap();
    server.wait(SECOND);
    connection.expect(&audio(&[0x55; 320]).repeat(203));
    assert_eq!(
        server.elapsed(),
        21 * SECOND,
        "all these frames were on their way"
    );
    expect_paced(&server, &mut connection, &audio(&[0x66; 320]), 2);
    server.wait(PTIME);
    expect_paced(&server, &mut connection, &silence(), 10);
    assert_eq!(handle.stats().playout.late, 1);
    connection.half_close();
    connection.check(&NOTHING, THEIRS);
}

/// The mark of this audio is not reported, and the hangup after it waits.
fn audio_that_was_not_written_was_not_played(server: &TestServer) {
    let mut connection = server.call("echo");
    // With both headers it leaves room for only a part of the played frame.
    connection.send(&audio(&crate::frames::noise(65_500)));
    connection.send(&[audio(b"play 320"), audio(b"mark 1")].concat());
    connection.handle().hangup_after_playout();
    server.wait(10 * SECOND);
    assert_eq!(connection.handle().stats().playout.frames, 1);
    connection.send(&dtmf(b'1'));
    connection.wait_for("dtmf 1");
    connection.expect(&audio(&crate::frames::noise(65_500)));
    connection.wait_for("mark 1: Played");
    assert_eq!(server.elapsed(), 10 * SECOND);
    connection.expect(&[&played(0x10, &speech(320))[..], &HANGUP].concat());
    connection.expect_end();
    connection.close();
    let records = [
        crate::transcript::audio_record("slin", &crate::frames::noise(65_500)),
        "audio slin \"play 320\"".to_owned(),
        "audio slin \"mark 1\"".to_owned(),
        "dtmf 1".to_owned(),
        "mark 1: Played".to_owned(),
    ];
    connection.check(&records, OURS);
}

/// After a clear, the hangup leaves when the next frame was due.
fn hangup_after_playout_leaves_one_ptime_after_the_last_frame(runner: &Runner) {
    for clear in [false, true] {
        let server = TestServer::with(runner, |session| session.fill_silence(true));
        let mut connection = server.started("echo");
        connection.expect(&silence());
        connection
            .handle()
            .try_play((RATE, vec![7; 16_000]))
            .unwrap();
        connection.handle().hangup_after_playout();
        server.wait(PTIME + PTIME / 2);
        connection.expect(&audio(&[7; 320]));
        if clear {
            connection.handle().clear();
        } else {
            connection.expect(&audio(&[7; 320]).repeat(49));
        }
        connection.expect_hangup();
        let due = if clear { 2 * PTIME } else { SECOND + PTIME };
        assert_eq!(server.elapsed(), due);
        connection.close();
        connection.check(&NOTHING, OURS);
    }
}

fn shutdown_hangs_up_a_playing_call_after_the_grace(server: &TestServer) {
    let mut connection = server.call("echo");
    connection.send(&[audio(b"play 480000"), audio(b"mark 1")].concat());
    server.shut_down(SECOND);
    // The last frame is due at the end of the grace.
    let all = played(0x10, &speech(51 * 320));
    connection.expect(&all[..50 * 323]);
    assert_eq!(server.elapsed(), SECOND - PTIME);
    let mut last = connection.frame();
    assert_eq!(server.elapsed(), SECOND);
    if last != HANGUP {
        assert_eq!(last, all[50 * 323..]);
        last = connection.frame();
    }
    assert_eq!(last, HANGUP);
    assert_eq!(server.elapsed(), SECOND);
    connection.expect_end();
    connection.close();
    server.returned();
    connection.check(
        &["audio slin \"play 480000\"", "audio slin \"mark 1\""],
        BY_SHUTDOWN,
    );
}

/// The server returns at the end of the call.
fn shutdown_waits_for_hangup_after_playout(server: &TestServer) {
    let mut connection = server.call("echo");
    connection.send(&audio(b"play-and-end 16000"));
    server.shut_down(3600 * SECOND);
    connection.expect(&played(0x10, &speech(16_000)));
    connection.expect_hangup();
    assert_eq!(server.elapsed(), SECOND);
    connection.close();
    server.returned();
    assert_eq!(server.elapsed(), SECOND);
    let records = [
        "audio slin \"play-and-end 16000\"",
        "not played: there is no call to send to",
    ];
    connection.check(&records, OURS);
}
