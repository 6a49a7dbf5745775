//! How calls end.

use crate::Runner;
use crate::cases::{NOTHING, OURS, PANICKED, PEER_HUNG_UP, SHORT, THEIRS, call};
use crate::frames::{HANGUP, audio, dtmf, frame, noise, uuid};
use crate::test_server::TestServer;
use crate::transcript::{audio_record, digest};

cases! {
    on every runner:
    a_close_between_frames_ends_the_call
    a_close_inside_a_frame_is_an_exception
    a_close_inside_the_longest_frame_is_an_exception
    a_close_inside_the_uuid_begins_no_call
    a_close_before_any_byte_runs_no_callback
    a_peer_that_half_closes_gets_all_answers
    a_reset_between_frames_is_no_exception
    a_reset_inside_a_frame_is_an_exception
    a_hangup_frame_followed_by_a_close_ends_the_call
    a_close_that_crosses_a_hangup_is_no_exception
    the_first_of_two_hangups_is_the_end
    frames_after_a_hangup_reach_no_callback
    a_hangup_frame_arrives_although_the_peer_sends_much
    a_peer_that_does_not_close_is_closed_after_the_linger
}

/// Asterisk ends calls this way. The server sends nothing back.
fn a_close_between_frames_ends_the_call(server: &TestServer) {
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
        connection.half_closes(records.as_slice());
    }
}

/// The connection closes at each place of the frame. The exception has the number of bytes that arrived.
fn a_close_inside_a_frame_is_an_exception(server: &TestServer) {
    for whole in [audio(b"never whole"), dtmf(b'1'), frame(0x00, b"hangup")] {
        for cut in 1..whole.len() {
            let mut connection = server.call("echo");
            connection.send(&whole[..cut]);
            connection.finish();
            connection.transcript(&truncated(cut));
        }
    }
}

fn a_close_inside_the_longest_frame_is_an_exception(server: &TestServer) {
    let whole = audio(&noise(65_535));
    for cut in [4, 1000, 32_768, 65_537] {
        let mut connection = server.call("echo");
        connection.send(&whole[..cut]);
        connection.finish();
        connection.transcript(&truncated(cut));
    }
}

/// The connection closes at each place of the frame.
fn a_close_inside_the_uuid_begins_no_call(server: &TestServer) {
    let whole = uuid("echo");
    for cut in 1..whole.len() {
        let mut connection = server.connect();
        connection.send(&whole[..cut]);
        connection.finish();
        connection.transcript(&[format!(
            "no call: the connection ended inside a frame, {cut} bytes into it"
        )]);
    }
}

/// Load balancers connect and close to check that a server listens.
fn a_close_before_any_byte_runs_no_callback(server: &TestServer) {
    for _ in 0..20 {
        let mut connection = server.connect();
        connection.finish();
        connection.transcript(&NOTHING);
    }
}

/// No hangup frame follows the answers.
fn a_peer_that_half_closes_gets_all_answers(runner: &Runner) {
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
    connection.check(&records, THEIRS);
}

fn a_reset_between_frames_is_no_exception(server: &TestServer) {
    let mut connection = server.call("echo");
    connection.send(&dtmf(b'1'));
    connection.wait_for("dtmf 1");
    connection.reset();
    connection.check(&["dtmf 1"], "reset by the peer");
}

/// The reset comes at each place of the frame. The UUID is in the same write, so the record of `on_start` shows
/// that the server has read all bytes.
fn a_reset_inside_a_frame_is_an_exception(server: &TestServer) {
    let whole = audio(b"never whole");
    for cut in 1..whole.len() {
        let mut connection = server.connect();
        connection.send(&[&uuid("echo"), &whole[..cut]].concat());
        connection.wait_for("start");
        connection.reset();
        connection.transcript(&truncated(cut));
    }
}

fn a_hangup_frame_followed_by_a_close_ends_the_call(server: &TestServer) {
    for _ in 0..20 {
        let mut connection = server.call("echo");
        connection.send(&HANGUP);
        connection.close();
        connection.check(&NOTHING, PEER_HUNG_UP);
    }
}

/// The peer closes right after the bytes that make the server hang up.
fn a_close_that_crosses_a_hangup_is_no_exception(server: &TestServer) {
    for _ in 0..20 {
        let mut connection = server.call("echo");
        connection.send(&audio(b"bye"));
        connection.close();
        connection.check(&["audio slin \"bye\""], OURS);
    }
}

fn the_first_of_two_hangups_is_the_end(server: &TestServer) {
    let sent = [&audio(b"hangup")[..], &HANGUP].concat();
    server.ends("echo", &sent, &HANGUP, &["audio slin \"hangup\""], OURS);
    let sent = [&HANGUP[..], &audio(b"hangup")].concat();
    server.ends("echo", &sent, b"", &NOTHING, PEER_HUNG_UP);
}

/// The peer sends frames of each kind. The server answers none of them.
fn frames_after_a_hangup_reach_no_callback(server: &TestServer) {
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
    connection.check(&["audio slin \"hangup\""], OURS);
}

/// After its hangup frame the server continues to read. If it closed or stopped reading, the kernel
/// would send a reset, which can overtake the hangup frame.
fn a_hangup_frame_arrives_although_the_peer_sends_much(server: &TestServer) {
    let mut connection = server.call("echo");
    connection.send(&audio(b"hangup"));
    for _ in 0..250 {
        connection.send(&audio(&[1; 65_000]));
    }
    connection.expect_hangup();
    connection.send(&audio(&[2; 320]));
    connection.close();
    connection.check(&["audio slin \"hangup\""], OURS);
}

fn a_peer_that_does_not_close_is_closed_after_the_linger(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.linger(SHORT));
    for (order, end) in [("hangup", OURS), ("panic", PANICKED)] {
        let mut connection = server.call("echo");
        connection.send(&audio(order.as_bytes()));
        connection.expect_hangup();
        connection.gone();
        let mut records = vec![format!("audio slin \"{order}\"")];
        if order == "panic" {
            records.push("exception: the handler panicked: \"as asked\"".to_owned());
        }
        connection.check(&records, end);
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
