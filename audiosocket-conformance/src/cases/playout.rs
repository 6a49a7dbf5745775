//! What is played on a call: content and order. When it leaves is in `pace`.

use std::thread;

use audiosocket_proto::{MarkOutcome, SampleRate, SendError};

use super::{NOTHING, SHORT, call};
use crate::Runner;
use crate::bench::Bench;
use crate::frames::{FRAME_LENS, HANGUP, MINUTE, audio, frame, played, silence, speech};
use crate::transcript::heard;

const RATE: SampleRate = SampleRate::Hz8000;
const OURS: &str = "hung up by this side";
const THEIRS: &str = "closed by the peer";

/// Audio of two frames and a half comes out whole, in frames of its rate, the last one padded.
pub(crate) fn plays_whole_at_every_rate(runner: &Runner) {
    let bench = Bench::new(runner);
    for (kind, len) in (0x10..=0x18).zip(FRAME_LENS) {
        let len = len * 5 / 2;
        let order = format!("play-and-end {len}");
        let mut line = bench.call("echo");
        line.send(&frame(kind, order.as_bytes()));
        line.expect(&played(kind, &speech(len)));
        line.expect_hangup();
        line.close();
        let rate = SampleRate::ALL[usize::from(kind - 0x10)].format_name();
        let told = [
            heard(rate, order.as_bytes()),
            "not played: there is no call to send to".to_owned(),
        ];
        line.transcript(&call("echo", &told, OURS));
    }
}

/// Pieces of odd lengths come out as one, without a gap.
pub(crate) fn pieces_that_join(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.send(&audio(b"play 1 2 100 317 1 640 5"));
    line.expect(&played(0x10, &speech(1066)));
    line.close();
    line.transcript(&call(
        "echo",
        &["audio slin \"play 1 2 100 317 1 640 5\""],
        THEIRS,
    ));
}

/// A handler plays from the start of the call on, and is heard without a word of the caller.
pub(crate) fn a_greeting_that_is_played(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("greet by playing");
    line.expect(&played(0x10, &speech(700)));
    line.close();
    line.transcript(&call("greet by playing", &NOTHING, THEIRS));
}

/// Answers go out between the frames of what is played; neither disturbs the other.
pub(crate) fn answers_beside_what_is_played(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.send(&audio(b"play 3200"));
    let echo = audio(b"echo");
    let mut frames = Vec::new();
    let mut echoes = 0;
    for _ in 0..10 {
        line.send(&echo);
    }
    while frames.len() < 3230 || echoes < 10 {
        let frame = line.frame();
        if frame == echo {
            echoes += 1;
        } else {
            frames.extend(frame);
        }
    }
    assert_eq!(frames, played(0x10, &speech(3200)));
    line.close();
    let mut told = vec!["audio slin \"play 3200\""];
    told.extend(["audio slin \"echo\""; 10]);
    line.transcript(&call("echo", &told, THEIRS));
}

/// What a callback clears is not heard, and what it plays then is.
pub(crate) fn cleared_from_within(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.send(&audio(b"replace 500"));
    line.expect(&played(0x10, &speech(500)));
    line.close();
    let told = [
        "audio slin \"replace 500\"",
        "5001 samples cleared",
        "mark 99: Cleared",
    ];
    line.transcript(&call("echo", &told, THEIRS));
}

/// A call that is interrupted from another thread: what was heard and what was cleared is all there
/// was, and then comes what is played next.
pub(crate) fn cleared_by_the_handle(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.told("start");
    let handle = line.handle();
    let old = audio(&[0x55; 320]);
    handle.try_play((RATE, vec![0x55; 320 * 1400])).unwrap();
    line.expect(&old.repeat(3));
    let dropped = thread::spawn(move || {
        let dropped = handle.clear();
        handle.try_play((RATE, speech(500))).unwrap();
        dropped
    });
    let dropped = dropped.join().unwrap();
    let mut frame = line.frame();
    let mut before = 3;
    while frame == old {
        before += 1;
        frame = line.frame();
    }
    assert_eq!(dropped.samples, (1400 - before) * 160);
    assert_eq!(frame, played(0x10, &speech(320)));
    line.expect(&played(0x10, &speech(500)[320..]));
    line.close();
    line.transcript(&call("echo", &NOTHING, THEIRS));
}

/// Marks are told in their order: at once if nothing is ahead of them, else when that was played,
/// or cleared.
pub(crate) fn marks_are_told(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.send(&audio(b"mark 1 2"));
    line.told("mark 2: Played");
    line.send(&audio(b"play 700"));
    line.send(&audio(b"mark 3 4"));
    line.expect(&played(0x10, &speech(700)));
    line.told("mark 4: Played");
    line.send(&audio(b"replace 1"));
    line.told("mark 99: Cleared");
    line.expect(&played(0x10, &speech(1)));
    line.close();
    let told = [
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
    line.transcript(&call("echo", &told, THEIRS));
}

/// A callback that hangs up at a mark: a call that ends when all was said.
pub(crate) fn a_hangup_at_a_mark(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("hang up at mark");
    line.send(&[audio(b"play 900"), audio(b"mark 5")].concat());
    line.expect(&played(0x10, &speech(900)));
    line.expect_hangup();
    line.close();
    let told = [
        "audio slin \"play 900\"",
        "audio slin \"mark 5\"",
        "mark 5: Played",
    ];
    line.transcript(&call("hang up at mark", &told, OURS));
}

/// A panic at a mark ends the call, as one in any callback does.
pub(crate) fn a_panic_at_a_mark(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("panic in mark");
    line.send(&audio(b"mark 5 6"));
    line.expect_hangup();
    line.close();
    let told = [
        "audio slin \"mark 5 6\"",
        "mark 5: Played",
        "exception: the handler panicked: \"mark\"",
    ];
    line.transcript(&call("panic in mark", &told, "handler panicked"));
}

/// Who waits until something is played can say more then.
pub(crate) fn waits_until_it_is_played(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.told("start");
    let handle = line.handle();
    for _ in 0..3 {
        handle.try_play((RATE, speech(400))).unwrap();
        let waiting = handle.played();
        line.expect(&played(0x10, &speech(400)));
        assert_eq!(bench.outcome(waiting), MarkOutcome::Played);
    }
    line.close();
    line.transcript(&call("echo", &NOTHING, THEIRS));
}

/// A thread that waits for what is cleared, or for a call that ends, is told so.
pub(crate) fn waits_in_vain(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.told("start");
    let handle = line.handle();
    // The first frame of it may be written before it can be cleared.
    handle.try_play((RATE, speech(3200))).unwrap();
    let cleared = handle.played();
    handle.clear();
    line.send(&audio(b"alive"));
    while line.frame() != audio(b"alive") {}
    assert_eq!(bench.outcome(cleared), MarkOutcome::Cleared);
    handle.try_play((RATE, speech(320_000))).unwrap();
    let over = handle.played();
    line.half_close();
    line.told("end: closed by the peer");
    assert_eq!(bench.outcome(over), MarkOutcome::CallOver);
    assert_eq!(bench.outcome(handle.played()), MarkOutcome::CallOver);
    line.close();
    line.transcript(&call("echo", &["audio slin \"alive\""], THEIRS));
}

/// A hangup behind what is played, from the handle.
pub(crate) fn a_hangup_after_playout(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.told("start");
    let handle = line.handle();
    handle.try_play((RATE, speech(1000))).unwrap();
    handle.hangup_after_playout();
    assert_eq!(handle.try_play((RATE, speech(2))), Err(SendError::NoCall));
    line.expect(&played(0x10, &speech(1000)));
    line.expect_hangup();
    line.close();
    line.transcript(&call("echo", &NOTHING, OURS));
}

/// A hangup does not wait for what is played; none of it comes after the hangup.
pub(crate) fn a_hangup_before_it_is_played(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.send(&[audio(b"play 32000"), audio(b"mark 1")].concat());
    let first = played(0x10, &speech(320));
    line.expect(&first);
    line.send(&audio(b"hangup"));
    let frames = played(0x10, &speech(32_000));
    let mut place = first.len();
    loop {
        let came = line.frame();
        if came == HANGUP {
            break;
        }
        assert_eq!(came, frames[place..][..came.len()]);
        place += came.len();
    }
    line.expect_end();
    line.close();
    let told = [
        "audio slin \"play 32000\"",
        "audio slin \"mark 1\"",
        "audio slin \"hangup\"",
    ];
    line.transcript(&call("echo", &told, OURS));
}

/// A peer that closes while it is played to: nothing is told but the end.
pub(crate) fn a_close_while_it_plays(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.fill_silence(true));
    let mut line = bench.call("echo");
    line.send(&[audio(b"play 32000"), audio(b"mark 1")].concat());
    line.told("audio slin \"mark 1\"");
    line.half_close();
    let told = ["audio slin \"play 32000\"", "audio slin \"mark 1\""];
    line.transcript(&call("echo", &told, THEIRS));
}

/// Pieces that many threads play at once are each heard whole.
pub(crate) fn played_from_many_threads(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.told("start");
    let threads: Vec<_> = (1..=8)
        .map(|thread| {
            let handle = line.handle();
            thread::spawn(move || handle.try_play((RATE, vec![thread; 640])).unwrap())
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let mut pieces: Vec<_> = (0..8).map(|_| [line.frame(), line.frame()]).collect();
    pieces.sort();
    let due = (1..=8).map(|n| [audio(&[n; 320]), audio(&[n; 320])]);
    assert_eq!(pieces, due.collect::<Vec<_>>());
    line.close();
    line.transcript(&call("echo", &NOTHING, THEIRS));
}

/// One piece of any length is taken; more than that is refused until there is room.
pub(crate) fn refused_when_full(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.send(&audio(b"play 640000 2"));
    let refused = "not played: refused, since 40.0 s of audio wait to be played";
    line.told(refused);
    let handle = line.handle();
    assert!(handle.try_play((RATE, speech(2))).is_err());
    handle.clear();
    handle.try_play((RATE, speech(2))).unwrap();
    line.half_close();
    let told = ["audio slin \"play 640000 2\"", refused];
    line.transcript(&call("echo", &told, THEIRS));
}

/// At the end there is nobody to play to, and after it neither.
pub(crate) fn refused_at_the_end(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("play at end");
    line.told("start");
    let handle = line.handle();
    line.half_close();
    line.expect_end();
    let mut told = call("play at end", &NOTHING, THEIRS);
    told.extend(["not played: there is no call to send to"; 2].map(str::to_owned));
    line.transcript(&told);
    assert_eq!(handle.try_play((RATE, speech(2))), Err(SendError::NoCall));
    assert_eq!(handle.mark(1), Err(SendError::NoCall));
    assert_eq!(handle.clear().samples, 0);
    handle.hangup_after_playout();
}

/// The caller hears silence as soon as the call has begun, and it does not stop.
pub(crate) fn silence_from_the_uuid_on(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.fill_silence(true));
    let mut line = bench.call("greet by playing");
    // Played at the start, the greeting is ahead of it.
    line.expect(&played(0x10, &speech(700)));
    line.expect(&silence().repeat(3));
    line.half_close();
    line.transcript(&call("greet by playing", &NOTHING, THEIRS));

    let mut line = bench.call("echo");
    line.expect(&silence().repeat(3));
    line.half_close();
    line.transcript(&call("echo", &NOTHING, THEIRS));
}

/// Silence has the rate of what the caller sends, as long as nothing else was sent to it.
pub(crate) fn silence_of_the_callers_rate(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.fill_silence(true));
    let mut line = bench.call("echo");
    line.expect(&silence());
    line.send(&frame(0x12, b"quiet"));
    let mut frames = std::iter::repeat_with(|| line.frame()).take(MINUTE);
    let wide = frames.find(|frame| *frame != silence());
    assert_eq!(wide, Some(frame(0x12, &[0; 640])));
    line.half_close();
    line.transcript(&call("echo", &["audio slin16 \"quiet\""], THEIRS));
}

/// An echo comes back whole and in order, whatever silence is about it.
pub(crate) fn an_echo_between_silence(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.fill_silence(true));
    let mut line = bench.call("echo");
    line.expect(&silence());
    let mut told = Vec::new();
    for number in 0..20 {
        let payload = format!("frame {number}");
        line.send(&audio(payload.as_bytes()));
        assert_eq!(line.frame_behind_silence(), audio(payload.as_bytes()));
        told.push(heard("slin", payload.as_bytes()));
    }
    line.half_close();
    line.transcript(&call("echo", &told, THEIRS));
}

/// Without silence nothing is said that the handler does not say.
pub(crate) fn no_silence_when_switched_off(runner: &Runner) {
    let bench = Bench::new(runner);
    let sent = [audio(b"play 330"), audio(b"mark 1")].concat();
    let mut line = bench.call("echo");
    line.send(&sent);
    line.expect(&played(0x10, &speech(330)));
    line.told("mark 1: Played");
    // Time in which it would come. That it passes cannot make this fail.
    bench.wait(SHORT);
    line.send(&audio(b"echo"));
    line.expect(&audio(b"echo"));
    line.close();
    let told = [
        "audio slin \"play 330\"",
        "audio slin \"mark 1\"",
        "mark 1: Played",
        "audio slin \"echo\"",
    ];
    line.transcript(&call("echo", &told, THEIRS));
}
