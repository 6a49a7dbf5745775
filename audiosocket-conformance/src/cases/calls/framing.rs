//! Frames come out whole, whatever pieces TCP makes of the stream.

use crate::Runner;
use crate::frames::{audio, dtmf, frame, noise, uuid};
use crate::test_server::TestServer;
use crate::transcript::audio_record;

cases! {
    on every runner:
    a_byte_at_a_time
    many_frames_in_one_write
    a_frame_cut_at_every_place
    a_uuid_cut_at_every_place
    audio_of_every_size
    a_longest_frame_in_pieces
}

/// A call of every kind of frame, each byte in a write of its own.
fn a_byte_at_a_time(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.connect();
    let said = audio(b"hello");
    for frame in [uuid("echo"), dtmf(b'5'), said.clone(), frame(0x7f, b"?")] {
        for byte in frame {
            connection.send(&[byte]);
        }
    }
    connection.expect(&said);
    connection.half_close();
    connection.expect_end();
    connection.transcript(&[
        "accept echo",
        "start",
        "dtmf 5",
        "audio slin \"hello\"",
        "ignored 0x7f \"?\"",
        "end: closed by the peer",
    ]);
}

/// Hundreds of frames, and the UUID, in one write.
fn many_frames_in_one_write(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.connect();
    let mut bytes = uuid("echo");
    let mut echo = Vec::new();
    let mut records = vec!["accept echo".to_owned(), "start".to_owned()];
    for number in 0..=255 {
        let payload = [number; 20];
        bytes.extend(audio(&payload));
        bytes.extend(dtmf(b'0'));
        echo.extend(audio(&payload));
        records.push(audio_record("slin", &payload));
        records.push("dtmf 0".to_owned());
    }
    connection.send(&bytes);
    connection.expect(&echo);
    connection.half_close();
    connection.expect_end();
    records.push("end: closed by the peer".to_owned());
    connection.transcript(&records);
}

/// A frame is cut in two at every place, the header among them. The first part comes alone: the frame
/// before it left in the same write, and the case waits for its record.
fn a_frame_cut_at_every_place(runner: &Runner) {
    let server = TestServer::new(runner);
    let whole = audio(b"0123456789");
    for cut in 0..=whole.len() {
        let mut connection = server.connect();
        connection.send(&[&uuid("echo"), &whole[..cut]].concat());
        if cut < whole.len() {
            connection.wait_for("start");
        }
        connection.send(&[&whole[cut..], &dtmf(b'9')].concat());
        connection.expect(&whole);
        connection.half_close();
        connection.expect_end();
        connection.transcript(&[
            "accept echo",
            "start",
            "audio slin \"0123456789\"",
            "dtmf 9",
            "end: closed by the peer",
        ]);
    }
}

/// The UUID cut in two at every place.
fn a_uuid_cut_at_every_place(runner: &Runner) {
    let server = TestServer::new(runner);
    let whole = uuid("echo");
    for cut in 1..whole.len() {
        let mut connection = server.connect();
        connection.send(&whole[..cut]);
        connection.send(&whole[cut..]);
        connection.wait_for("start");
        connection.close();
        connection.transcript(&["accept echo", "start", "end: closed by the peer"]);
    }
}

/// Audio of 1 to 65,535 bytes, odd lengths among them, comes and goes as it is.
fn audio_of_every_size(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    let mut records = vec!["accept echo".to_owned(), "start".to_owned()];
    for len in [
        1, 2, 3, 159, 160, 320, 321, 480, 4096, 8191, 8192, 8193, 32_768, 65_533, 65_534, 65_535,
    ] {
        let payload = noise(len);
        connection.send(&audio(&payload));
        connection.expect(&audio(&payload));
        records.push(audio_record("slin", &payload));
    }
    connection.close();
    records.push("end: closed by the peer".to_owned());
    connection.transcript(&records);
}

/// A longest frame in many small writes, and small frames after it.
fn a_longest_frame_in_pieces(runner: &Runner) {
    let server = TestServer::new(runner);
    let mut connection = server.call("echo");
    let payload = noise(65_535);
    for piece in audio(&payload).chunks(1_000) {
        connection.send(piece);
    }
    connection.expect(&audio(&payload));
    for small in [b"a", b"b"] {
        connection.send(&audio(small));
        connection.expect(&audio(small));
    }
    connection.close();
    connection.transcript(&[
        "accept echo",
        "start",
        &audio_record("slin", &payload),
        "audio slin \"a\"",
        "audio slin \"b\"",
        "end: closed by the peer",
    ]);
}
