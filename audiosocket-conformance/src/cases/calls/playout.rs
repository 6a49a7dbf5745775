//! What is played on a call: content and order. When it leaves is in `pace`.

use std::thread;

use audiosocket_proto::{MarkOutcome, SampleRate, SendError};

use crate::Runner;
use crate::cases::{NOTHING, call};
use crate::frames::{FRAME_LENS, HANGUP, audio, frame, played, speech};
use crate::test_server::TestServer;
use crate::transcript::audio_record;

cases! {
    on every runner:
    plays_whole_at_every_rate
    pieces_that_join
    a_greeting_that_is_played
    answers_beside_what_is_played
    cleared_from_within
    cleared_by_the_handle
    marks_are_reported_in_order
    a_hangup_at_a_mark
    a_panic_at_a_mark
    waits_until_it_is_played
    waits_end_at_a_clear_and_at_the_end
    a_hangup_after_playout
    a_hangup_before_it_is_played
    a_close_while_it_plays
    played_from_many_threads
    refused_when_full
    refused_at_the_end
}

const RATE: SampleRate = SampleRate::Hz8000;
const OURS: &str = "hung up by this side";
const THEIRS: &str = "closed by the peer";

/// Audio of two frames and a half comes out whole, in frames of its rate, the last one padded.
fn plays_whole_at_every_rate(runner: &Runner) {
    let server = TestServer::new(runner);
    for (kind, len) in (0x10..=0x18).zip(FRAME_LENS) {
        let len = len * 5 / 2;
        let order = format!("play-and-end {len}");
        let mut connection = server.call("echo");
        connection.send(&frame(kind, order.as_bytes()));
        connection.expect(&played(kind, &speech(len)));
        connection.expect_hangup();
        connection.close();
        let rate = SampleRate::ALL[usize::from(kind - 0x10)].format_name();
        let records = [
            audio_record(rate, order.as_bytes()),
            "not played: there is no call to send to".to_owned(),
        ];
        connection.transcript(&call("echo", &records, OURS));
    }
}

/// Pieces of odd lengths come out as one, without a gap.
fn pieces_that_join(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    connection.send(&audio(b"play 1 2 100 317 1 640 5"));
    connection.expect(&played(0x10, &speech(1066)));
    connection.close();
    connection.transcript(&call(
        "echo",
        &["audio slin \"play 1 2 100 317 1 640 5\""],
        THEIRS,
    ));
}

/// A handler plays from the start of the call on, and is heard without a word of the caller.
fn a_greeting_that_is_played(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("greet by playing");
    connection.expect(&played(0x10, &speech(700)));
    connection.close();
    connection.transcript(&call("greet by playing", &NOTHING, THEIRS));
}

/// Answers go out between the frames of what is played; neither disturbs the other.
fn answers_beside_what_is_played(runner: &Runner) {
    let server = TestServer::new(runner);
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
    connection.transcript(&call("echo", &records, THEIRS));
}

/// What a callback clears is not heard, and what it plays then is.
fn cleared_from_within(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    connection.send(&audio(b"replace 500"));
    connection.expect(&played(0x10, &speech(500)));
    connection.close();
    let records = [
        "audio slin \"replace 500\"",
        "5001 samples cleared",
        "mark 99: Cleared",
    ];
    connection.transcript(&call("echo", &records, THEIRS));
}

/// A call that is interrupted from another thread: what was heard and what was cleared is all there
/// was, and then comes what is played next.
fn cleared_by_the_handle(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    connection.wait_for("start");
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
    connection.close();
    connection.transcript(&call("echo", &NOTHING, THEIRS));
}

/// Marks are reported in their order: at once if nothing is ahead of them, else when that was played
/// or cleared.
fn marks_are_reported_in_order(runner: &Runner) {
    let server = TestServer::new(runner);
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
    connection.close();
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
    connection.transcript(&call("echo", &records, THEIRS));
}

/// A callback that hangs up at a mark: a call that ends when all was said.
fn a_hangup_at_a_mark(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("hang up at mark");
    connection.send(&[audio(b"play 900"), audio(b"mark 5")].concat());
    connection.expect(&played(0x10, &speech(900)));
    connection.expect_hangup();
    connection.close();
    let records = [
        "audio slin \"play 900\"",
        "audio slin \"mark 5\"",
        "mark 5: Played",
    ];
    connection.transcript(&call("hang up at mark", &records, OURS));
}

/// A panic at a mark ends the call, as one in any callback does.
fn a_panic_at_a_mark(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("panic in mark");
    connection.send(&audio(b"mark 5 6"));
    connection.expect_hangup();
    connection.close();
    let records = [
        "audio slin \"mark 5 6\"",
        "mark 5: Played",
        "exception: the handler panicked: \"mark\"",
    ];
    connection.transcript(&call("panic in mark", &records, "handler panicked"));
}

/// Who waits until something is played can say more then.
fn waits_until_it_is_played(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    connection.wait_for("start");
    let handle = connection.handle();
    for _ in 0..3 {
        handle.try_play((RATE, speech(400))).unwrap();
        let waiting = handle.played();
        connection.expect(&played(0x10, &speech(400)));
        assert_eq!(server.outcome(waiting), MarkOutcome::Played);
    }
    connection.close();
    connection.transcript(&call("echo", &NOTHING, THEIRS));
}

/// A thread that waits for audio learns that it was cleared, or that the call is over.
fn waits_end_at_a_clear_and_at_the_end(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    connection.wait_for("start");
    let handle = connection.handle();
    // The first frame of it may be written before it can be cleared.
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
    connection.close();
    connection.transcript(&call("echo", &["audio slin \"alive\""], THEIRS));
}

/// A hangup behind what is played, from the handle.
fn a_hangup_after_playout(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    connection.wait_for("start");
    let handle = connection.handle();
    handle.try_play((RATE, speech(1000))).unwrap();
    handle.hangup_after_playout();
    assert_eq!(handle.try_play((RATE, speech(2))), Err(SendError::NoCall));
    connection.expect(&played(0x10, &speech(1000)));
    connection.expect_hangup();
    connection.close();
    connection.transcript(&call("echo", &NOTHING, OURS));
}

/// A hangup does not wait for what is played; none of it comes after the hangup.
fn a_hangup_before_it_is_played(runner: &Runner) {
    let server = TestServer::new(runner);
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
    connection.transcript(&call("echo", &records, OURS));
}

/// A peer closes while audio is played to it: `on_end` is the only callback.
fn a_close_while_it_plays(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.fill_silence(true));
    let mut connection = server.call("echo");
    connection.send(&[audio(b"play 32000"), audio(b"mark 1")].concat());
    connection.wait_for("audio slin \"mark 1\"");
    connection.half_close();
    let records = ["audio slin \"play 32000\"", "audio slin \"mark 1\""];
    connection.transcript(&call("echo", &records, THEIRS));
}

/// Pieces that many threads play at once are each heard whole.
fn played_from_many_threads(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    connection.wait_for("start");
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
    connection.close();
    connection.transcript(&call("echo", &NOTHING, THEIRS));
}

/// One piece of any length is taken; more than that is refused until there is room.
fn refused_when_full(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    connection.send(&audio(b"play 640000 2"));
    let refused = "not played: refused, since 40.0 s of audio wait to be played";
    connection.wait_for(refused);
    let handle = connection.handle();
    assert!(handle.try_play((RATE, speech(2))).is_err());
    handle.clear();
    handle.try_play((RATE, speech(2))).unwrap();
    connection.half_close();
    let records = ["audio slin \"play 640000 2\"", refused];
    connection.transcript(&call("echo", &records, THEIRS));
}

/// In `on_end` and after it, audio and marks are refused.
fn refused_at_the_end(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("play at end");
    connection.wait_for("start");
    let handle = connection.handle();
    connection.half_close();
    connection.expect_end();
    let mut records = call("play at end", &NOTHING, THEIRS);
    records.extend(["not played: there is no call to send to"; 2].map(str::to_owned));
    connection.transcript(&records);
    assert_eq!(handle.try_play((RATE, speech(2))), Err(SendError::NoCall));
    assert_eq!(handle.mark(1), Err(SendError::NoCall));
    assert_eq!(handle.clear().samples, 0);
    handle.hangup_after_playout();
}
