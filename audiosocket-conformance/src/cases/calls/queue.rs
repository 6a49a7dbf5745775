//! The queue of what waits to be sent, filled within one callback or one read, where nothing can
//! leave it meanwhile.

use crate::Runner;
use crate::cases::{NOTHING, call, ends, survives};
use crate::frames::{HANGUP, audio};
use crate::test_server::TestServer;

cases! {
    on every runner:
    the_bound_is_exact
    a_call_that_caught_up
    a_hangup_needs_no_room
}

/// Room for three frames of 320 bytes and one of "many".
const ROOM: usize = 3 * 323 + 7;

const DROPPED: &str = "not sent: dropped, because the peer does not read";

/// Frames fit to the last byte of the bound; the next one is dropped, and the rest is sent.
fn the_bound_is_exact(runner: &Runner) {
    for (room, echoed) in [(ROOM, true), (ROOM - 1, false)] {
        let server = TestServer::with(runner, |session| session.max_unsent(room));
        let mut back: Vec<_> = (0..3).flat_map(|number| audio(&[number; 320])).collect();
        let mut records = vec![
            "audio slin \"many\"".to_owned(),
            format!("3 frames, then {DROPPED}"),
        ];
        if echoed {
            back.extend(audio(b"many"));
        } else {
            records.push(format!("exception: the answer was {DROPPED}"));
        }
        let mut connection = server.call("echo");
        connection.send(&audio(b"many"));
        connection.expect(&back);
        connection.half_close();
        connection.expect_end();
        connection.transcript(&call("echo", &records, "closed by the peer"));
    }
}

/// A call that dropped frames goes on as if nothing had been, once the queue is empty; but they are
/// counted.
fn a_call_that_caught_up(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.max_unsent(ROOM));
    let mut connection = server.call("echo");
    for _ in 0..3 {
        connection.send(&audio(b"many"));
        let frames: Vec<_> = (0..3).flat_map(|number| audio(&[number; 320])).collect();
        connection.expect(&[frames, audio(b"many")].concat());
    }
    connection.send(&audio(b"stats"));
    connection.expect(&audio(b"stats"));
    connection.close();
    let dropped = format!("3 frames, then {DROPPED}");
    let mut records = ["audio slin \"many\"", &dropped].repeat(3);
    records.push("audio slin \"stats\"");
    records.push(
        "CallStats { session: SessionStats { frames_received: 5, audio_frames_received: 4, audio_bytes_received: 17, \
         audio_frames_sent: 12, audio_bytes_sent: 2892, frames_dropped: 3 }, \
         playout: PlayoutStats { frames: 0, late: 0, underruns: 0, silence: 0, samples_dropped: 0, depth: 0ns } }",
    );
    connection.transcript(&call("echo", &records, "closed by the peer"));
}

/// A hangup goes out however full the queue is.
fn a_hangup_needs_no_room(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.max_unsent(0));
    let records = [
        "audio slin \"x\"",
        &format!("exception: the answer was {DROPPED}"),
        "audio slin \"y\"",
        "audio slin \"hangup\"",
    ];
    let sent = [audio(b"x"), audio(b"y"), audio(b"hangup")].concat();
    ends(
        &server,
        "echo",
        &sent,
        &HANGUP,
        &records,
        "hung up by this side",
    );
    drop(server);
    let server = TestServer::new(runner);
    survives(&server, "echo", b"", b"", &NOTHING);
}
