use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use audiosocket_media::SampleRate;
use audiosocket_proto::Uuid;

use crate::harness::caller::Caller;
use crate::harness::program;
use crate::harness::sound::sounds;

#[test]
fn announced_callers_hear_a_greeting_in_their_language_and_other_calls_are_hung_up() {
    let program = program::start("expected_calls", &["127.0.0.1:0"]);
    let said = program.wait_for_line("AGI on ").unwrap();
    let (_, agi) = said.rsplit_once(' ').unwrap();
    for (language, hz) in [("de", 400), ("en", 800)] {
        let uuid = ask(
            agi,
            &format!("agi_callerid: \u{1b}[2J\nagi_language: {language}\n\n"),
        );
        program
            .wait_for_line(&format!("{uuid}: announced"))
            .unwrap();
        let mut caller = Caller::call(program.addr(), uuid, SampleRate::Hz8000);
        // Escaped, because the escape codes of a number must not reach a terminal.
        program
            .wait_for_line(&format!("{uuid}: \"\\u{{1b}}[2J\" speaks \"{language}\""))
            .unwrap();
        let greeting =
            |heard: &[i16]| sounds(heard).iter().map(|sound| sound.ms).sum::<usize>() >= 500;
        caller.listen_until(greeting);
        let heard = sounds(&caller.heard);
        assert_eq!(heard.len(), 1, "{heard:?}");
        assert_eq!(heard[0].hz, hz);

        let again = Caller::call(program.addr(), uuid, SampleRate::Hz8000);
        assert_eq!(again.listen_to_the_end(), []);
        caller.press("1");
        caller.listen_to_the_end();
    }
    let stranger = Caller::call(program.addr(), Uuid::from_u128(1), SampleRate::Hz8000);
    assert_eq!(stranger.listen_to_the_end(), []);
}

/// Sends an AGI request as Asterisk does, and returns the UUID from the answer.
fn ask(addr: &str, request: &str) -> Uuid {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut command = String::new();
    BufReader::new(&stream).read_line(&mut command).unwrap();
    stream.write_all(b"200 result=1\n").unwrap();
    let uuid = command.strip_prefix("SET VARIABLE AUDIOSOCKET_UUID ");
    uuid.unwrap().trim_end().parse().unwrap()
}
