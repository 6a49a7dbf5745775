//! How calls end.

use crate::Runner;
use crate::cases::{NOTHING, call, ends};
use crate::frames::{HANGUP, audio, dtmf, frame, noise, uuid};
use crate::test_server::TestServer;
use crate::transcript::{audio_record, digest};

cases! {
    on every runner:
    a_close_between_frames
    a_close_inside_a_frame
    a_close_inside_a_longest_frame
    a_close_inside_the_uuid
    a_close_before_any_byte
    a_half_close_before_large_answers
    a_reset_between_frames
    a_reset_inside_a_frame
    a_hangup_and_a_close_at_once
    a_close_that_crosses_a_hangup
    two_hangups_at_once
    everything_after_a_hangup
    a_hangup_arrives_though_much_is_unread
    a_peer_that_does_not_close
}

/// The peer closes between two frames, which is how Asterisk ends calls. Nothing is answered.
fn a_close_between_frames(runner: &Runner) {
    let server = TestServer::new(runner);
    for (sent, records) in [
        (vec![], None),
        (dtmf(b'1'), Some("dtmf 1".to_owned())),
        (
            frame(0x7f, &noise(500)),
            Some(format!("ignored 0x7f {}", digest(&noise(500)))),
        ),
    ] {
        let mut connection = server.call("echo");
        connection.send(&sent);
        connection.half_close();
        connection.expect_end();
        connection.transcript(&call("echo", records.as_slice(), "closed by the peer"));
    }
}

/// The peer closes inside a frame, at every place of it: the exception says how far it came.
fn a_close_inside_a_frame(runner: &Runner) {
    let server = TestServer::new(runner);
    for whole in [audio(b"never whole"), dtmf(b'1'), frame(0x00, b"hangup")] {
        for cut in 1..whole.len() {
            let mut connection = server.call("echo");
            connection.send(&whole[..cut]);
            connection.half_close();
            connection.expect_end();
            connection.transcript(&truncated(cut));
        }
    }
}

/// The same inside the longest frame.
fn a_close_inside_a_longest_frame(runner: &Runner) {
    let server = TestServer::new(runner);
    let whole = audio(&noise(65_535));
    for cut in [4, 1000, 32_768, 65_537] {
        let mut connection = server.call("echo");
        connection.send(&whole[..cut]);
        connection.half_close();
        connection.expect_end();
        connection.transcript(&truncated(cut));
    }
}

/// The peer closes inside its UUID, at every place of it: there was no call.
fn a_close_inside_the_uuid(runner: &Runner) {
    let server = TestServer::new(runner);
    let whole = uuid("echo");
    for cut in 1..whole.len() {
        let mut connection = server.connect();
        connection.send(&whole[..cut]);
        connection.half_close();
        connection.expect_end();
        connection.transcript(&[format!(
            "no call: the connection ended inside a frame, {cut} bytes into it"
        )]);
    }
}

/// The peer closes before any byte, as load balancers do to see whether a server listens. No callback
/// runs.
fn a_close_before_any_byte(runner: &Runner) {
    let server = TestServer::new(runner);
    for _ in 0..20 {
        let mut connection = server.connect();
        connection.half_close();
        connection.expect_end();
        connection.transcript(&NOTHING);
    }
}

/// A peer that closes its sending side only still gets all answers, and no hangup after them.
fn a_half_close_before_large_answers(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.max_unsent(1 << 24));
    let mut connection = server.call("echo");
    let mut records = Vec::new();
    let mut back = Vec::new();
    for number in 0..100 {
        let payload = [&[number][..], &noise(50_000)].concat();
        records.push(audio_record("slin", &payload));
        back.extend(audio(&payload));
    }
    connection.send(&back);
    connection.half_close();
    connection.expect(&back);
    connection.expect_end();
    connection.transcript(&call("echo", &records, "closed by the peer"));
}

/// The peer resets the connection between two frames: an ordinary end, and no exception.
fn a_reset_between_frames(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    connection.send(&dtmf(b'1'));
    connection.wait_for("dtmf 1");
    connection.reset();
    connection.transcript(&call("echo", &["dtmf 1"], "reset by the peer"));
}

/// The peer resets the connection inside a frame, at every place of it. The frame before it came
/// in the same write, so its record shows that the server has read all that there is.
fn a_reset_inside_a_frame(runner: &Runner) {
    let server = TestServer::new(runner);
    let whole = audio(b"never whole");
    for cut in 1..whole.len() {
        let mut connection = server.connect();
        connection.send(&[&uuid("echo"), &whole[..cut]].concat());
        connection.wait_for("start");
        connection.reset();
        connection.transcript(&truncated(cut));
    }
}

/// The peer hangs up and closes at once.
fn a_hangup_and_a_close_at_once(runner: &Runner) {
    let server = TestServer::new(runner);
    for _ in 0..20 {
        let mut connection = server.call("echo");
        connection.send(&HANGUP);
        connection.close();
        connection.transcript(&call("echo", &NOTHING, "hung up by the peer"));
    }
}

/// The peer closes at once after the bytes that make the server hang up. The first of the two has
/// ended the call, and bytes that cross on the way are no exception.
fn a_close_that_crosses_a_hangup(runner: &Runner) {
    let server = TestServer::new(runner);
    for _ in 0..20 {
        let mut connection = server.call("echo");
        connection.send(&audio(b"bye"));
        connection.close();
        let records = ["audio slin \"bye\""];
        connection.transcript(&call("echo", &records, "hung up by this side"));
    }
}

/// Both hang up at once: whose frame is acted on first has ended the call.
fn two_hangups_at_once(runner: &Runner) {
    let server = TestServer::new(runner);
    let sent = [&audio(b"hangup")[..], &HANGUP].concat();
    let records = ["audio slin \"hangup\""];
    ends(
        &server,
        "echo",
        &sent,
        &HANGUP,
        &records,
        "hung up by this side",
    );
    let sent = [&HANGUP[..], &audio(b"hangup")].concat();
    ends(&server, "echo", &sent, b"", &NOTHING, "hung up by the peer");
}

/// The peer answers a hangup with every kind of frame. No callback runs, and nothing is answered.
fn everything_after_a_hangup(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    connection.send(&audio(b"hangup"));
    connection.expect_hangup();
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
        connection.send(&rest);
    }
    connection.reset();
    connection.transcript(&call(
        "echo",
        &["audio slin \"hangup\""],
        "hung up by this side",
    ));
}

/// After its hangup the server goes on reading, however much comes: to close, or to stop, would
/// make the kernel send a reset, which can overtake the hangup.
fn a_hangup_arrives_though_much_is_unread(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    connection.send(&audio(b"hangup"));
    for _ in 0..250 {
        connection.send(&audio(&[1; 65_000]));
    }
    connection.expect_hangup();
    connection.send(&audio(&[2; 320]));
    connection.close();
    connection.transcript(&call(
        "echo",
        &["audio slin \"hangup\""],
        "hung up by this side",
    ));
}

/// A peer that never closes its side is closed to after the linger.
fn a_peer_that_does_not_close(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.linger(crate::cases::SHORT));
    for (order, end) in [
        ("hangup", "hung up by this side"),
        ("panic", "handler panicked"),
    ] {
        let mut connection = server.call("echo");
        connection.send(&audio(order.as_bytes()));
        connection.expect_hangup();
        connection.gone();
        let mut records = vec![format!("audio slin \"{order}\"")];
        if order == "panic" {
            records.push("exception: the handler panicked: \"as asked\"".to_owned());
        }
        connection.transcript(&call("echo", &records, end));
    }
    let mut refused = server.call("refuse");
    refused.expect_hangup();
    refused.gone();
    refused.transcript(&["accept refuse"]);
}

fn truncated(received: usize) -> Vec<String> {
    let why = format!("the connection ended inside a frame, {received} bytes into it");
    let records = [format!("exception: {why}")];
    call("echo", &records, &format!("failed: {why}"))
}
