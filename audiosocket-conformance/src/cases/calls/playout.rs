//! The content and the order of played audio. `pace` checks the times.

use std::thread;

use audiosocket_proto::{MarkOutcome, SampleRate, SendError};

use crate::Runner;
use crate::cases::{NOTHING, OURS, PANICKED, THEIRS, call};
use crate::frames::{HANGUP, RATES, audio, frame, played, speech};
use crate::test_server::TestServer;
use crate::transcript::{audio_record, digest};

cases! {
    on every runner:
    audio_is_played_whole_at_each_rate
    the_answer_rate_is_the_callers_rate_and_16_khz_at_most
    pieces_of_odd_lengths_are_played_without_a_gap
    audio_is_played_before_the_caller_speaks
    answers_are_sent_between_played_frames
    a_callback_can_clear_and_play_again
    a_handle_clears_from_another_thread
    marks_are_reported_in_order
    on_mark_can_hang_up
    a_panic_in_on_mark_ends_the_call
    played_returns_when_the_audio_was_played
    played_returns_at_a_clear_and_at_the_end
    hangup_after_playout_waits_for_the_audio
    a_hangup_does_not_wait_for_the_playout
    a_close_during_playout_runs_on_end_only
    pieces_from_many_threads_do_not_mix
    a_full_playout_refuses_audio
    audio_and_marks_after_the_end_are_refused
    an_observer_gets_the_frames_that_left
}

const RATE: SampleRate = SampleRate::Hz8000;

/// The audio fills two and a half frames. The last frame is padded.
fn audio_is_played_whole_at_each_rate(server: &TestServer) {
    for (kind, (rate, len)) in (0x10..).zip(RATES) {
        let len = len * 5 / 2;
        let order = format!("play-and-end {len}");
        let mut connection = server.call("echo");
        connection.send(&frame(kind, order.as_bytes()));
        connection.expect(&played(kind, &speech(len)));
        connection.expect_hangup();
        connection.close();
        let records = [
            audio_record(rate, order.as_bytes()),
            "not played: there is no call to send to".to_owned(),
        ];
        connection.check(&records, OURS);
    }
}

/// 8 kHz before the caller has sent audio.
fn the_answer_rate_is_the_callers_rate_and_16_khz_at_most(server: &TestServer) {
    for (kind, (rate, _)) in (0x10..).zip(RATES) {
        let mut connection = server.started("echo");
        let handle = connection.handle();
        handle
            .try_play((handle.answer_rate(), speech(320)))
            .unwrap();
        connection.expect(&played(0x10, &speech(320)));
        let heard = audio_record(rate, b"quiet");
        connection.send(&frame(kind, b"quiet"));
        connection.wait_for(&heard);
        handle
            .try_play((handle.answer_rate(), speech(640)))
            .unwrap();
        connection.expect(&played(kind.min(0x12), &speech(640)));
        connection.closes(&[heard]);
    }
}

fn pieces_of_odd_lengths_are_played_without_a_gap(server: &TestServer) {
    let mut connection = server.call("echo");
    connection.send(&audio(b"play 1 2 100 317 1 640 5"));
    connection.expect(&played(0x10, &speech(1066)));
    connection.closes(&["audio slin \"play 1 2 100 317 1 640 5\""]);
}

fn audio_is_played_before_the_caller_speaks(server: &TestServer) {
    let mut connection = server.call("greet by playing");
    connection.expect(&played(0x10, &speech(700)));
    connection.closes(&NOTHING);
}

fn answers_are_sent_between_played_frames(server: &TestServer) {
    let mut connection = server.call("echo");
    connection.send(&audio(b"play 3200"));
    let echo = audio(b"echo");
    let mut frames = Vec::new();
    let mut echoes = 0;
    for _ in 0..10 {
        connection.send(&echo);
    }
    while frames.len() < 3230 || echoes < 10 {
        let frame = connection.frame();
        if frame == echo {
            echoes += 1;
        } else {
            frames.extend(frame);
        }
    }
    assert_eq!(frames, played(0x10, &speech(3200)));
    connection.close();
    let mut records = vec!["audio slin \"play 3200\""];
    records.extend(["audio slin \"echo\""; 10]);
    connection.check(&records, THEIRS);
}

fn a_callback_can_clear_and_play_again(server: &TestServer) {
    let mut connection = server.call("echo");
    connection.send(&audio(b"replace 500"));
    connection.expect(&played(0x10, &speech(500)));
    let records = [
        "audio slin \"replace 500\"",
        "5001 samples cleared",
        "mark 99: Cleared",
    ];
    connection.closes(&records);
}

/// The number of sent samples and the number of cleared samples add up to the number of all samples.
fn a_handle_clears_from_another_thread(server: &TestServer) {
    let mut connection = server.started("echo");
    let handle = connection.handle();
    let old = audio(&[0x55; 320]);
    handle.try_play((RATE, vec![0x55; 320 * 1400])).unwrap();
    connection.expect(&old.repeat(3));
    let dropped = thread::spawn(move || {
        let dropped = handle.clear();
        handle.try_play((RATE, speech(500))).unwrap();
        dropped
    });
    let dropped = dropped.join().unwrap();
    let mut frame = connection.frame();
    let mut before = 3;
    while frame == old {
        before += 1;
        frame = connection.frame();
    }
    assert_eq!(dropped.samples, (1400 - before) * 160);
    assert_eq!(frame, played(0x10, &speech(320)));
    connection.expect(&played(0x10, &speech(500)[320..]));
    connection.closes(&NOTHING);
}

/// A mark is reported at once if no audio is ahead of it, and otherwise when that audio was played or cleared.
fn marks_are_reported_in_order(server: &TestServer) {
    let mut connection = server.call("echo");
    connection.send(&audio(b"mark 1 2"));
    connection.wait_for("mark 2: Played");
    connection.send(&audio(b"play 700"));
    connection.send(&audio(b"mark 3 4"));
    connection.expect(&played(0x10, &speech(700)));
    connection.wait_for("mark 4: Played");
    connection.send(&audio(b"replace 1"));
    connection.wait_for("mark 99: Cleared");
    connection.expect(&played(0x10, &speech(1)));
    let records = [
        "audio slin \"mark 1 2\"",
        "mark 1: Played",
        "mark 2: Played",
        "audio slin \"play 700\"",
        "audio slin \"mark 3 4\"",
        "mark 3: Played",
        "mark 4: Played",
        "audio slin \"replace 1\"",
        "5001 samples cleared",
        "mark 99: Cleared",
    ];
    connection.closes(&records);
}

fn on_mark_can_hang_up(server: &TestServer) {
    let mut connection = server.call("hang up at mark");
    connection.send(&[audio(b"play 900"), audio(b"mark 5")].concat());
    connection.expect(&played(0x10, &speech(900)));
    let records = [
        "audio slin \"play 900\"",
        "audio slin \"mark 5\"",
        "mark 5: Played",
    ];
    connection.hung_up(&records, OURS);
}

fn a_panic_in_on_mark_ends_the_call(server: &TestServer) {
    let mut connection = server.call("panic in mark");
    connection.send(&audio(b"mark 5 6"));
    let records = [
        "audio slin \"mark 5 6\"",
        "mark 5: Played",
        "exception: the handler panicked: \"mark\"",
    ];
    connection.hung_up(&records, PANICKED);
}

fn played_returns_when_the_audio_was_played(server: &TestServer) {
    let mut connection = server.started("echo");
    let handle = connection.handle();
    for _ in 0..3 {
        handle.try_play((RATE, speech(400))).unwrap();
        let waiting = handle.played();
        connection.expect(&played(0x10, &speech(400)));
        assert_eq!(server.outcome(waiting), MarkOutcome::Played);
    }
    connection.closes(&NOTHING);
}

fn played_returns_at_a_clear_and_at_the_end(server: &TestServer) {
    let mut connection = server.started("echo");
    let handle = connection.handle();
    // The first frame may be written before the clear.
    handle.try_play((RATE, speech(3200))).unwrap();
    let cleared = handle.played();
    handle.clear();
    connection.send(&audio(b"alive"));
    while connection.frame() != audio(b"alive") {}
    assert_eq!(server.outcome(cleared), MarkOutcome::Cleared);
    handle.try_play((RATE, speech(320_000))).unwrap();
    let over = handle.played();
    connection.half_close();
    connection.wait_for("end: closed by the peer");
    assert_eq!(server.outcome(over), MarkOutcome::CallOver);
    assert_eq!(server.outcome(handle.played()), MarkOutcome::CallOver);
    connection.closes(&["audio slin \"alive\""]);
}

fn hangup_after_playout_waits_for_the_audio(server: &TestServer) {
    let mut connection = server.started("echo");
    let handle = connection.handle();
    handle.try_play((RATE, speech(1000))).unwrap();
    handle.hangup_after_playout();
    assert_eq!(handle.try_play((RATE, speech(2))), Err(SendError::NoCall));
    connection.expect(&played(0x10, &speech(1000)));
    connection.hung_up(&NOTHING, OURS);
}

/// No played frame follows the hangup frame.
fn a_hangup_does_not_wait_for_the_playout(server: &TestServer) {
    let mut connection = server.call("echo");
    connection.send(&[audio(b"play 32000"), audio(b"mark 1")].concat());
    let first = played(0x10, &speech(320));
    connection.expect(&first);
    connection.send(&audio(b"hangup"));
    let frames = played(0x10, &speech(32_000));
    let mut place = first.len();
    loop {
        let came = connection.frame();
        if came == HANGUP {
            break;
        }
        assert_eq!(came, frames[place..][..came.len()]);
        place += came.len();
    }
    connection.expect_end();
    connection.close();
    let records = [
        "audio slin \"play 32000\"",
        "audio slin \"mark 1\"",
        "audio slin \"hangup\"",
    ];
    connection.check(&records, OURS);
}

fn a_close_during_playout_runs_on_end_only(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.fill_silence(true));
    let mut connection = server.call("echo");
    connection.send(&[audio(b"play 32000"), audio(b"mark 1")].concat());
    connection.wait_for("audio slin \"mark 1\"");
    connection.half_close();
    connection.check(
        &["audio slin \"play 32000\"", "audio slin \"mark 1\""],
        THEIRS,
    );
}

fn pieces_from_many_threads_do_not_mix(server: &TestServer) {
    let mut connection = server.started("echo");
    let threads: Vec<_> = (1..=8)
        .map(|thread| {
            let handle = connection.handle();
            thread::spawn(move || handle.try_play((RATE, vec![thread; 640])).unwrap())
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let mut pieces: Vec<_> = (0..8)
        .map(|_| [connection.frame(), connection.frame()])
        .collect();
    pieces.sort();
    let due = (1..=8).map(|n| [audio(&[n; 320]), audio(&[n; 320])]);
    assert_eq!(pieces, due.collect::<Vec<_>>());
    connection.closes(&NOTHING);
}

/// An empty playout takes one piece of any length.
fn a_full_playout_refuses_audio(server: &TestServer) {
    let mut connection = server.call("echo");
    connection.send(&audio(b"play 640000 2"));
    let refused = "not played: refused, since 40.0 s of audio wait to be played";
    connection.wait_for(refused);
    let handle = connection.handle();
    assert!(handle.try_play((RATE, speech(2))).is_err());
    handle.clear();
    handle.try_play((RATE, speech(2))).unwrap();
    connection.half_close();
    connection.check(&["audio slin \"play 640000 2\"", refused], THEIRS);
}

/// The handler plays in `on_end`. A handle plays, marks and clears after the end.
fn audio_and_marks_after_the_end_are_refused(server: &TestServer) {
    let mut connection = server.started("play at end");
    let handle = connection.handle();
    connection.finish();
    let mut records = call("play at end", &NOTHING, THEIRS);
    records.extend(["not played: there is no call to send to"; 2].map(str::to_owned));
    connection.transcript(&records);
    assert_eq!(handle.try_play((RATE, speech(2))), Err(SendError::NoCall));
    assert_eq!(handle.mark(1), Err(SendError::NoCall));
    assert_eq!(handle.clear().samples, 0);
    handle.hangup_after_playout();
}

/// Played frames, answers, and frames that a callback sends, in order. Cleared audio does not leave.
fn an_observer_gets_the_frames_that_left(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.max_unsent(1 << 20));
    let mut connection = server.call("observe sent");
    connection.send(&audio(b"play 330"));
    connection.expect(&played(0x10, &speech(330)));
    connection.send(&audio(b"echo"));
    connection.expect(&audio(b"echo"));
    connection.send(&frame(0x12, b"pieces"));
    for piece in 1..=5 {
        connection.expect(&frame(0x12, &[piece; 40_000]));
    }
    connection.send(&audio(b"replace 320"));
    connection.expect(&played(0x10, &speech(320)));
    connection.close();
    let callbacks = [
        "audio slin \"play 330\"",
        "audio slin \"echo\"",
        "audio slin16 \"pieces\"",
        "sent",
        "sent",
        "sent",
        "sent",
        "audio slin \"replace 320\"",
        "5001 samples cleared",
        "mark 99: Cleared",
    ];
    let mut records = call("observe sent", &callbacks, THEIRS);
    let padded = played(0x10, &speech(330));
    let line = |way, payload: &[u8]| format!("{way} {}", digest(payload));
    records.push(line("played slin", &padded[3..323]));
    records.push(line("played slin", &padded[326..]));
    records.push(line("sent slin", b"echo"));
    records.extend((1..=5).map(|piece| line("sent slin16", &[piece; 40_000])));
    records.push(line("played slin", &speech(320)));
    connection.transcript(&records);
}
