//! Frames come out whole, whatever pieces TCP makes of the stream.

use crate::Runner;
use crate::bench::Bench;
use crate::frames::{audio, dtmf, frame, noise, uuid};
use crate::transcript::heard;

/// A call of every kind of frame, each byte in a write of its own.
pub(crate) fn a_byte_at_a_time(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.connect();
    let said = audio(b"hello");
    for frame in [uuid("echo"), dtmf(b'5'), said.clone(), frame(0x7f, b"?")] {
        for byte in frame {
            line.send(&[byte]);
        }
    }
    line.expect(&said);
    line.half_close();
    line.expect_end();
    line.transcript(&[
        "accept echo",
        "start",
        "dtmf 5",
        "audio slin \"hello\"",
        "ignored 0x7f \"?\"",
        "end: closed by the peer",
    ]);
}

/// Hundreds of frames, and the UUID, in one write.
pub(crate) fn many_frames_in_one_write(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.connect();
    let mut bytes = uuid("echo");
    let mut echo = Vec::new();
    let mut told = vec!["accept echo".to_owned(), "start".to_owned()];
    for number in 0..=255 {
        let payload = [number; 20];
        bytes.extend(audio(&payload));
        bytes.extend(dtmf(b'0'));
        echo.extend(audio(&payload));
        told.push(heard("slin", &payload));
        told.push("dtmf 0".to_owned());
    }
    line.send(&bytes);
    line.expect(&echo);
    line.half_close();
    line.expect_end();
    told.push("end: closed by the peer".to_owned());
    line.transcript(&told);
}

/// A frame cut in two at every place, the header among them. That its first part comes alone is
/// made sure by waiting until the frame before it, which left in the same write, has been told.
pub(crate) fn a_frame_cut_at_every_place(runner: &Runner) {
    let bench = Bench::new(runner);
    let whole = audio(b"0123456789");
    for cut in 0..=whole.len() {
        let mut line = bench.connect();
        line.send(&[&uuid("echo"), &whole[..cut]].concat());
        if cut < whole.len() {
            line.told("start");
        }
        line.send(&[&whole[cut..], &dtmf(b'9')].concat());
        line.expect(&whole);
        line.half_close();
        line.expect_end();
        line.transcript(&[
            "accept echo",
            "start",
            "audio slin \"0123456789\"",
            "dtmf 9",
            "end: closed by the peer",
        ]);
    }
}

/// The UUID cut in two at every place.
pub(crate) fn a_uuid_cut_at_every_place(runner: &Runner) {
    let bench = Bench::new(runner);
    let whole = uuid("echo");
    for cut in 1..whole.len() {
        let mut line = bench.connect();
        line.send(&whole[..cut]);
        line.send(&whole[cut..]);
        line.told("start");
        line.close();
        line.transcript(&["accept echo", "start", "end: closed by the peer"]);
    }
}

/// Audio of 1 to 65,535 bytes, odd lengths among them, comes and goes as it is.
pub(crate) fn audio_of_every_size(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    let mut told = vec!["accept echo".to_owned(), "start".to_owned()];
    for len in [
        1, 2, 3, 159, 160, 320, 321, 480, 4096, 8191, 8192, 8193, 32_768, 65_533, 65_534, 65_535,
    ] {
        let payload = noise(len);
        line.send(&audio(&payload));
        line.expect(&audio(&payload));
        told.push(heard("slin", &payload));
    }
    line.close();
    told.push("end: closed by the peer".to_owned());
    line.transcript(&told);
}

/// A longest frame in many small writes, and small frames after it.
pub(crate) fn a_longest_frame_in_pieces(runner: &Runner) {
    let bench = Bench::new(runner);
    let mut line = bench.call("echo");
    let payload = noise(65_535);
    for piece in audio(&payload).chunks(1_000) {
        line.send(piece);
    }
    line.expect(&audio(&payload));
    for small in [b"a", b"b"] {
        line.send(&audio(small));
        line.expect(&audio(small));
    }
    line.close();
    line.transcript(&[
        "accept echo",
        "start",
        &heard("slin", &payload),
        "audio slin \"a\"",
        "audio slin \"b\"",
        "end: closed by the peer",
    ]);
}
