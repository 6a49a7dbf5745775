//! Frames are whole, wherever TCP cuts the stream.

use crate::cases::NOTHING;
use crate::frames::{audio, dtmf, frame, noise, uuid};
use crate::test_server::TestServer;
use crate::transcript::audio_record;

cases! {
    on every runner:
    frames_that_arrive_byte_by_byte_are_whole
    hundreds_of_frames_in_one_write_are_read
    a_frame_cut_at_any_place_is_whole
    a_uuid_cut_at_any_place_is_whole
    audio_of_1_to_65535_bytes_is_echoed
    the_longest_frame_in_small_writes_is_whole
}

fn frames_that_arrive_byte_by_byte_are_whole(server: &TestServer) {
    let mut connection = server.connect();
    let said = audio(b"hello");
    for frame in [uuid("echo"), dtmf(b'5'), said.clone(), frame(0x7f, b"?")] {
        for byte in frame {
            connection.send(&[byte]);
        }
    }
    connection.expect(&said);
    connection.half_closes(&["dtmf 5", "audio slin \"hello\"", "ignored 0x7f \"?\""]);
}

fn hundreds_of_frames_in_one_write_are_read(server: &TestServer) {
    let mut connection = server.connect();
    let mut bytes = uuid("echo");
    let mut echo = Vec::new();
    let mut records = Vec::new();
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
    connection.half_closes(&records);
}

/// The UUID is in the same write as the first part. The case waits for its record, so the first
/// part arrives alone.
fn a_frame_cut_at_any_place_is_whole(server: &TestServer) {
    let whole = audio(b"0123456789");
    for cut in 0..=whole.len() {
        let mut connection = server.connect();
        connection.send(&[&uuid("echo"), &whole[..cut]].concat());
        if cut < whole.len() {
            connection.wait_for("start");
        }
        connection.send(&[&whole[cut..], &dtmf(b'9')].concat());
        connection.expect(&whole);
        connection.half_closes(&["audio slin \"0123456789\"", "dtmf 9"]);
    }
}

fn a_uuid_cut_at_any_place_is_whole(server: &TestServer) {
    let whole = uuid("echo");
    for cut in 1..whole.len() {
        let mut connection = server.connect();
        connection.send(&whole[..cut]);
        connection.send(&whole[cut..]);
        connection.wait_for("start");
        connection.closes(&NOTHING);
    }
}

/// The lengths include odd ones.
fn audio_of_1_to_65535_bytes_is_echoed(server: &TestServer) {
    let mut connection = server.call("echo");
    let mut records = Vec::new();
    for len in [
        1, 2, 3, 159, 160, 320, 321, 480, 4096, 8191, 8192, 8193, 32_768, 65_533, 65_534, 65_535,
    ] {
        let payload = noise(len);
        connection.echoes(&payload);
        records.push(audio_record("slin", &payload));
    }
    connection.closes(&records);
}

fn the_longest_frame_in_small_writes_is_whole(server: &TestServer) {
    let mut connection = server.call("echo");
    let payload = noise(65_535);
    for piece in audio(&payload).chunks(1_000) {
        connection.send(piece);
    }
    connection.expect(&audio(&payload));
    for small in [b"a", b"b"] {
        connection.echoes(small);
    }
    let whole = audio_record("slin", &payload);
    connection.closes(&[&*whole, "audio slin \"a\"", "audio slin \"b\""]);
}
