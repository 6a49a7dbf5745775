//! The silence that keeps a call fed: content and order. When it leaves is in `pace`.

use crate::Runner;
use crate::cases::{NOTHING, SHORT, call};
use crate::frames::{MINUTE, audio, frame, played, silence, speech};
use crate::test_server::TestServer;
use crate::transcript::audio_record;

cases! {
    on every runner:
    silence_from_the_uuid_on
    silence_of_the_callers_rate
    an_echo_between_silence
    no_silence_when_switched_off
}

const THEIRS: &str = "closed by the peer";

/// The caller hears silence as soon as the call has begun, and it does not stop.
fn silence_from_the_uuid_on(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.fill_silence(true));
    let mut connection = server.call("greet by playing");
    // Played at the start, the greeting is ahead of it.
    connection.expect(&played(0x10, &speech(700)));
    connection.expect(&silence().repeat(3));
    connection.half_close();
    connection.transcript(&call("greet by playing", &NOTHING, THEIRS));

    let mut connection = server.call("echo");
    connection.expect(&silence().repeat(3));
    connection.half_close();
    connection.transcript(&call("echo", &NOTHING, THEIRS));
}

/// Silence has the rate of what the caller sends, as long as nothing else was sent to it.
fn silence_of_the_callers_rate(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.fill_silence(true));
    let mut connection = server.call("echo");
    connection.expect(&silence());
    connection.send(&frame(0x12, b"quiet"));
    let mut frames = std::iter::repeat_with(|| connection.frame()).take(MINUTE);
    let wide = frames.find(|frame| *frame != silence());
    assert_eq!(wide, Some(frame(0x12, &[0; 640])));
    connection.half_close();
    connection.transcript(&call("echo", &["audio slin16 \"quiet\""], THEIRS));
}

/// An echo comes back whole and in order, whatever silence is about it.
fn an_echo_between_silence(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.fill_silence(true));
    let mut connection = server.call("echo");
    connection.expect(&silence());
    let mut records = Vec::new();
    for number in 0..20 {
        let payload = format!("frame {number}");
        connection.send(&audio(payload.as_bytes()));
        assert_eq!(connection.frame_behind_silence(), audio(payload.as_bytes()));
        records.push(audio_record("slin", payload.as_bytes()));
    }
    connection.half_close();
    connection.transcript(&call("echo", &records, THEIRS));
}

/// Without silence nothing is said that the handler does not say.
fn no_silence_when_switched_off(runner: &Runner) {
    let server = TestServer::new(runner);
    let sent = [audio(b"play 330"), audio(b"mark 1")].concat();
    let mut connection = server.call("echo");
    connection.send(&sent);
    connection.expect(&played(0x10, &speech(330)));
    connection.wait_for("mark 1: Played");
    // Time in which it would come. That it passes cannot make this fail.
    server.wait(SHORT);
    connection.send(&audio(b"echo"));
    connection.expect(&audio(b"echo"));
    connection.close();
    let records = [
        "audio slin \"play 330\"",
        "audio slin \"mark 1\"",
        "mark 1: Played",
        "audio slin \"echo\"",
    ];
    connection.transcript(&call("echo", &records, THEIRS));
}
