//! The bound of the send buffer. One callback or one read fills it, so no byte leaves in between.

use crate::Runner;
use crate::cases::{NOTHING, OURS, THEIRS};
use crate::frames::{HANGUP, audio};
use crate::test_server::TestServer;
use crate::transcript::stats_record;

cases! {
    on every runner:
    the_send_buffer_takes_frames_to_the_last_byte
    a_call_with_dropped_frames_goes_on
    a_hangup_frame_needs_no_room
}

/// The size of a send buffer with room for three frames of 320 bytes and the answer "many".
const ROOM: usize = 3 * 323 + 7;

const DROPPED: &str = "not sent: dropped, because the peer does not read";

/// The next frame is dropped, and the rest is sent.
fn the_send_buffer_takes_frames_to_the_last_byte(runner: &Runner) {
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
        connection.half_closes(&records);
    }
}

/// The statistics count the dropped frames.
fn a_call_with_dropped_frames_goes_on(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.max_unsent(ROOM));
    let mut connection = server.call("echo");
    for _ in 0..3 {
        connection.send(&audio(b"many"));
        let frames: Vec<_> = (0..3).flat_map(|number| audio(&[number; 320])).collect();
        connection.expect(&[frames, audio(b"many")].concat());
    }
    connection.echoes(b"stats");
    connection.close();
    let dropped = format!("3 frames, then {DROPPED}");
    let stats = stats_record(
        "frames_received: 5, audio_frames_received: 4, audio_bytes_received: 17, \
         audio_frames_sent: 12, audio_bytes_sent: 2892, frames_dropped: 3",
    );
    let mut records = ["audio slin \"many\"", &dropped].repeat(3);
    records.push("audio slin \"stats\"");
    records.push(&stats);
    connection.check(&records, THEIRS);
}

fn a_hangup_frame_needs_no_room(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.max_unsent(0));
    let records = [
        "audio slin \"x\"",
        &format!("exception: the answer was {DROPPED}"),
        "audio slin \"y\"",
        "audio slin \"hangup\"",
    ];
    let sent = [audio(b"x"), audio(b"y"), audio(b"hangup")].concat();
    server.ends("echo", &sent, &HANGUP, &records, OURS);
    drop(server);
    let server = TestServer::new(runner);
    server.survives("echo", b"", b"", &NOTHING);
}
