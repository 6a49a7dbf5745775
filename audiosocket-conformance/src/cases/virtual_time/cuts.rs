//! Cuts and ends of played audio: the times of pauses, fades and tails.

use std::time::Duration;

use audiosocket_proto::{MarkOutcome, SampleRate};

use crate::Runner;
use crate::cases::{NOTHING, OURS, THEIRS};
use crate::frames::{HANGUP, audio, silence};
use crate::test_server::TestServer;

cases! {
    on core alone:
    a_pause_takes_effect_with_the_next_frame
    a_pause_without_silence_wakes_the_call_when_it_ends
    a_fade_after_a_clear_leaves_when_the_next_frame_is_due
    the_hangup_after_the_playout_leaves_one_tail_after_the_audio
}

const RATE: SampleRate = SampleRate::Hz8000;
const PTIME: Duration = Duration::from_millis(20);
const NANO: Duration = Duration::from_nanos(1);

/// The schedule stays the same before, in and after the pause.
fn a_pause_takes_effect_with_the_next_frame(runner: &Runner) {
    for after in [Duration::ZERO, NANO, PTIME / 2, PTIME - NANO] {
        let server = TestServer::with(runner, |session| session.fill_silence(true));
        let mut connection = server.started("echo");
        let handle = connection.handle();
        connection.expect(&silence());
        handle.try_play((RATE, vec![7; 960])).unwrap();
        connection.expect(&audio(&[7; 320]));
        assert_eq!(server.elapsed(), PTIME);
        server.wait(after);
        handle.pause();
        for n in 2..102 {
            connection.expect(&silence());
            assert_eq!(server.elapsed(), PTIME * n);
        }
        server.wait(after);
        handle.resume();
        for n in 102..104 {
            connection.expect(&audio(&[7; 320]));
            assert_eq!(server.elapsed(), PTIME * n);
        }
        let stats = handle.stats().playout;
        assert_eq!(
            (stats.late, stats.underruns, stats.samples_played),
            (0, 0, 480)
        );
        connection.half_close();
        connection.check(&NOTHING, THEIRS);
    }
}

/// Nothing is due in the pause.
fn a_pause_without_silence_wakes_the_call_when_it_ends(server: &TestServer) {
    let mut connection = server.started("echo");
    let handle = connection.handle();
    handle.try_play((RATE, vec![7; 640])).unwrap();
    connection.expect(&audio(&[7; 320]));
    handle.pause();
    server.wait(Duration::from_secs(60));
    handle.resume();
    connection.expect(&audio(&[7; 320]));
    assert_eq!(server.elapsed(), Duration::from_secs(60));
    connection.closes(&NOTHING);
}

/// With the fade, the last frame with old audio leaves at most 20 ms after the clear. Of the old audio, it has 5 ms.
fn a_fade_after_a_clear_leaves_when_the_next_frame_is_due(runner: &Runner) {
    for after in [Duration::ZERO, NANO, PTIME / 2, PTIME - NANO] {
        let server = TestServer::with(runner, |session| session.fill_silence(true).fade_cuts(true));
        let mut connection = server.started("echo");
        let handle = connection.handle();
        connection.expect(&silence());
        handle
            .try_play((RATE, 4000_i16.to_le_bytes().repeat(1600)))
            .unwrap();
        connection.expect(&audio(&4000_i16.to_le_bytes().repeat(160)));
        server.wait(after);
        let cleared_at = server.elapsed();
        assert_eq!(handle.clear().samples, 1440);
        let fade = (0..160).map(|at| 100 * (40_i16 - at).max(0));
        let fade: Vec<u8> = fade.flat_map(i16::to_le_bytes).collect();
        connection.expect(&audio(&fade));
        assert_eq!(server.elapsed(), PTIME * 2);
        assert!(server.elapsed() - cleared_at <= PTIME);
        connection.expect(&silence());
        connection.half_close();
        connection.check(&NOTHING, THEIRS);
    }
}

/// The tail begins at the end of the audio, also if the hangup is requested after the audio has left.
fn the_hangup_after_the_playout_leaves_one_tail_after_the_audio(runner: &Runner) {
    for requested_late in [false, true] {
        let server = TestServer::with(runner, |session| {
            let tail = Duration::from_millis(100);
            session.fill_silence(true).hangup_tail(tail)
        });
        let mut connection = server.started("echo");
        let handle = connection.handle();
        connection.expect(&silence());
        handle.try_play((RATE, vec![7; 640])).unwrap();
        let waiting = handle.played();
        if requested_late {
            connection.expect(&audio(&[7; 320]).repeat(2));
            assert_eq!(server.outcome(waiting), MarkOutcome::Played);
            connection.expect(&silence());
            handle.hangup_after_playout();
            connection.expect(&silence().repeat(4));
        } else {
            handle.hangup_after_playout();
            connection.expect(&audio(&[7; 320]).repeat(2));
            connection.expect(&silence().repeat(5));
        }
        connection.expect(&HANGUP);
        // Silence, two frames, and five ptimes of silence.
        assert_eq!(server.elapsed(), PTIME * 8);
        connection.expect_end();
        connection.close();
        connection.check(&NOTHING, OURS);
    }
}
