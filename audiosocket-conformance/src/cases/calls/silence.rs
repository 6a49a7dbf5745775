//! The content and the order of silence. `pace` checks the times.

use crate::Runner;
use crate::cases::{NOTHING, SHORT, THEIRS};
use crate::frames::{MINUTE, RATES, audio, frame, played, silence, speech};
use crate::test_server::TestServer;
use crate::transcript::audio_record;

cases! {
    on every runner:
    silence_is_sent_from_the_uuid_on
    silence_has_the_rate_of_the_caller
    a_caller_at_8_khz_gets_silence_at_8_khz_only
    an_echo_is_whole_between_silence
    silence_can_be_switched_off
}

fn silence_is_sent_from_the_uuid_on(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.fill_silence(true));
    let mut connection = server.call("greet by playing");
    // The greeting of `on_start` comes first.
    connection.expect(&played(0x10, &speech(700)));
    connection.expect(&silence().repeat(3));
    connection.half_close();
    connection.check(&NOTHING, THEIRS);

    let mut connection = server.call("echo");
    connection.expect(&silence().repeat(3));
    connection.half_close();
    connection.check(&NOTHING, THEIRS);
}

/// This holds until other audio was sent to the caller. The rate is 16 kHz at most.
fn silence_has_the_rate_of_the_caller(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.fill_silence(true));
    for (kind, (rate, len)) in (0x10..).zip(RATES).skip(1) {
        let mut connection = server.call("echo");
        connection.expect(&silence());
        connection.send(&frame(kind, b"quiet"));
        let mut frames = std::iter::repeat_with(|| connection.frame()).take(MINUTE);
        let wide = frames.find(|frame| *frame != silence());
        let zeros = vec![0; len.min(640)];
        assert_eq!(wide, Some(frame(kind.min(0x12), &zeros)));
        connection.half_close();
        connection.check(&[audio_record(rate, b"quiet")], THEIRS);
    }
}

/// Some releases of Asterisk end a call that is sent another kind than 0x10.
fn a_caller_at_8_khz_gets_silence_at_8_khz_only(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.fill_silence(true));
    let mut connection = server.call("echo");
    for _ in 0..10 {
        connection.send(&audio(b"quiet"));
        connection.expect(&silence().repeat(2));
    }
    connection.half_close();
    connection.check(&["audio slin \"quiet\""; 10], THEIRS);
}

fn an_echo_is_whole_between_silence(runner: &Runner) {
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
    connection.check(&records, THEIRS);
}

fn silence_can_be_switched_off(server: &TestServer) {
    let sent = [audio(b"play 330"), audio(b"mark 1")].concat();
    let mut connection = server.call("echo");
    connection.send(&sent);
    connection.expect(&played(0x10, &speech(330)));
    connection.wait_for("mark 1: Played");
    // Silence would come in this time. A slow machine does not make the case fail.
    server.wait(SHORT);
    connection.echoes(b"echo");
    let records = [
        "audio slin \"play 330\"",
        "audio slin \"mark 1\"",
        "mark 1: Played",
        "audio slin \"echo\"",
    ];
    connection.closes(&records);
}
