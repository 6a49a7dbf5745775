//! How calls end.

use super::{NOTHING, call, ends};
use crate::Runner;
use crate::bench::Bench;
use crate::frames::{HANGUP, audio, dtmf, frame, noise, uuid};
use crate::transcript::{digest, heard};

/// The peer closes between two frames, which is how Asterisk ends calls. Nothing is answered.
pub(crate) fn a_close_between_frames(runner: &Runner) {
    let bench = Bench::new(runner);
    for (sent, told) in [
        (vec![], None),
        (dtmf(b'1'), Some("dtmf 1".to_owned())),
        (
            frame(0x7f, &noise(500)),
            Some(format!("ignored 0x7f {}", digest(&noise(500)))),
        ),
    ] {
        let mut line = bench.call("echo");
        line.send(&sent);
        line.half_close();
        line.expect_end();
        line.transcript(&call("echo", told.as_slice(), "closed by the peer"));
    }
}

/// The peer closes inside a frame, at every place of it: the exception says how far it came.
pub(crate) fn a_close_inside_a_frame(runner: &Runner) {
    let bench = Bench::new(runner);
    for whole in [audio(b"never whole"), dtmf(b'1'), frame(0x00, b"hangup")] {
        for cut in 1..whole.len() {
            let mut line = bench.call("echo");
            line.send(&whole[..cut]);
            line.half_close();
            line.expect_end();
            line.transcript(&truncated(cut));
        }
    }
}

/// The same inside the longest frame.
pub(crate) fn a_close_inside_a_longest_frame(runner: &Runner) {
    let bench = Bench::new(runner);
    let whole = audio(&noise(65_535));
    for cut in [4, 1000, 32_768, 65_537] {
        let mut line = bench.call("echo");
        line.send(&whole[..cut]);
        line.half_close();
        line.expect_end();
        line.transcript(&truncated(cut));
    }
}

/// The peer closes inside its UUID, at every place of it: there was no call.
pub(crate) fn a_close_inside_the_uuid(runner: &Runner) {
    let bench = Bench::new(runner);
    let whole = uuid("echo");
    for cut in 1..whole.len() {
        let mut line = bench.connect();
        line.send(&whole[..cut]);
        line.half_close();
        line.expect_end();
        line.transcript(&[format!(
            "no call: the connection ended inside a frame, {cut} bytes into it"
        )]);
    }
}

/// The peer closes before any byte, as load balancers do to see whether somebody listens; nobody
/// is told.
pub(crate) fn a_close_before_any_byte(runner: &Runner) {
    let bench = Bench::new(runner);
    for _ in 0..20 {
        let mut line = bench.connect();
        line.half_close();
        line.expect_end();
        line.transcript(&NOTHING);
    }
}

/// A peer that closes its sending side only still gets all answers, and no hangup after them.
pub(crate) fn a_half_close_before_large_answers(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.max_unsent(1 << 24));
    let mut line = bench.call("echo");
    let mut told = Vec::new();
    let mut back = Vec::new();
    for number in 0..100 {
        let payload = [&[number][..], &noise(50_000)].concat();
        told.push(heard("slin", &payload));
        back.extend(audio(&payload));
    }
    line.send(&back);
    line.half_close();
    line.expect(&back);
    line.expect_end();
    line.transcript(&call("echo", &told, "closed by the peer"));
}

/// The peer resets the connection between two frames: an ordinary end, and no exception.
pub(crate) fn a_reset_between_frames(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.send(&dtmf(b'1'));
    line.told("dtmf 1");
    line.reset();
    line.transcript(&call("echo", &["dtmf 1"], "reset by the peer"));
}

/// The peer resets the connection inside a frame, at every place of it. The frame before it came
/// in the same write, so that once it is told the server has read all that there is.
pub(crate) fn a_reset_inside_a_frame(runner: &Runner) {
    let bench = Bench::new(runner);
    let whole = audio(b"never whole");
    for cut in 1..whole.len() {
        let mut line = bench.connect();
        line.send(&[&uuid("echo"), &whole[..cut]].concat());
        line.told("start");
        line.reset();
        line.transcript(&truncated(cut));
    }
}

/// The peer hangs up and closes at once.
pub(crate) fn a_hangup_and_a_close_at_once(runner: &Runner) {
    let bench = Bench::new(runner);
    for _ in 0..20 {
        let mut line = bench.call("echo");
        line.send(&HANGUP);
        line.close();
        line.transcript(&call("echo", &NOTHING, "hung up by the peer"));
    }
}

/// The peer closes at once after what makes the server hang up: whoever was first has ended the
/// call, and what crosses on the way is no exception.
pub(crate) fn a_close_that_crosses_a_hangup(runner: &Runner) {
    let bench = Bench::new(runner);
    for _ in 0..20 {
        let mut line = bench.call("echo");
        line.send(&audio(b"bye"));
        line.close();
        let told = ["audio slin \"bye\""];
        line.transcript(&call("echo", &told, "hung up by this side"));
    }
}

/// Both hang up at once: whose frame is acted on first has ended the call.
pub(crate) fn two_hangups_at_once(runner: &Runner) {
    let bench = Bench::new(runner);
    let sent = [&audio(b"hangup")[..], &HANGUP].concat();
    let told = ["audio slin \"hangup\""];
    ends(
        &bench,
        "echo",
        &sent,
        &HANGUP,
        &told,
        "hung up by this side",
    );
    let sent = [&HANGUP[..], &audio(b"hangup")].concat();
    ends(&bench, "echo", &sent, b"", &NOTHING, "hung up by the peer");
}

/// The peer answers a hangup with all that can come then; nobody is told, and nothing is answered.
pub(crate) fn everything_after_a_hangup(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.send(&audio(b"hangup"));
    line.expect_hangup();
    for rest in [
        audio(b"panic"),
        dtmf(b'1'),
        dtmf(b'x'),
        frame(0xff, &[6]),
        frame(0x7f, b""),
        uuid("another"),
        HANGUP.to_vec(),
        audio(b"cut")[..4].to_vec(),
    ] {
        line.send(&rest);
    }
    line.reset();
    line.transcript(&call(
        "echo",
        &["audio slin \"hangup\""],
        "hung up by this side",
    ));
}

/// After its hangup the server goes on reading, however much comes: to close, or to stop, would
/// make the kernel send a reset, which can overtake the hangup.
pub(crate) fn a_hangup_arrives_though_much_is_unread(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    line.send(&audio(b"hangup"));
    for _ in 0..250 {
        line.send(&audio(&[1; 65_000]));
    }
    line.expect_hangup();
    line.send(&audio(&[2; 320]));
    line.close();
    line.transcript(&call(
        "echo",
        &["audio slin \"hangup\""],
        "hung up by this side",
    ));
}

/// A peer that never closes its side is closed to after the linger.
pub(crate) fn a_peer_that_does_not_close(runner: &Runner) {
    let bench = Bench::with(runner, |session| session.linger(super::SHORT));
    for (order, end) in [
        ("hangup", "hung up by this side"),
        ("panic", "handler panicked"),
    ] {
        let mut line = bench.call("echo");
        line.send(&audio(order.as_bytes()));
        line.expect_hangup();
        line.gone();
        let mut told = vec![format!("audio slin \"{order}\"")];
        if order == "panic" {
            told.push("exception: the handler panicked: \"told to\"".to_owned());
        }
        line.transcript(&call("echo", &told, end));
    }
    let mut refused = bench.call("refuse");
    refused.expect_hangup();
    refused.gone();
    refused.transcript(&["accept refuse"]);
}

fn truncated(received: usize) -> Vec<String> {
    let why = format!("the connection ended inside a frame, {received} bytes into it");
    let told = [format!("exception: {why}")];
    call("echo", &told, &format!("failed: {why}"))
}
