//! Many connections.

use crate::cases::{OURS, PANICKED, PEER_HUNG_UP, THEIRS};
use crate::frames::{audio, dtmf, uuid};
use crate::test_server::TestServer;
use crate::transcript::audio_record;

cases! {
    on every runner:
    fifty_calls_keep_their_audio_apart
    pieces_of_frames_of_many_calls_do_not_mix
    calls_end_in_each_way_while_others_go_on
}

fn fifty_calls_keep_their_audio_apart(server: &TestServer) {
    let name = |number: usize| format!("caller {number}");
    let words = |number: usize, round: usize| format!("{number}/{round} ").repeat(40).into_bytes();
    let mut connections: Vec<_> = (0..50).map(|number| server.call(&name(number))).collect();
    for round in 0..10 {
        // All callers send before the first one receives.
        for (number, connection) in connections.iter_mut().enumerate() {
            connection.send(&[audio(&words(number, round)), dtmf(b'#')].concat());
        }
        for (number, connection) in connections.iter_mut().enumerate().rev() {
            connection.expect(&audio(&words(number, round)));
        }
    }
    for (number, mut connection) in connections.into_iter().enumerate() {
        connection.finish();
        let records = (0..10).flat_map(|round| {
            [
                audio_record("slin", &words(number, round)),
                "dtmf #".to_owned(),
            ]
        });
        let records: Vec<_> = records.collect();
        connection.check(&records, THEIRS);
    }
}

fn pieces_of_frames_of_many_calls_do_not_mix(server: &TestServer) {
    let mut connections: Vec<_> = (0..20).map(|_| server.connect()).collect();
    let sent = |number: usize| {
        let words = format!("words of caller {number}");
        [uuid("echo"), audio(words.as_bytes())].concat()
    };
    for place in (0..48).step_by(5) {
        for (number, connection) in connections.iter_mut().enumerate() {
            let bytes = sent(number);
            let end = bytes.len().min(place + 5);
            connection.send(&bytes[place.min(end)..end]);
        }
    }
    for (number, connection) in connections.iter_mut().enumerate() {
        connection.expect(&sent(number)[19..]);
        connection.finish();
        let words = format!("audio slin \"words of caller {number}\"");
        connection.check(&[words], THEIRS);
    }
}

fn calls_end_in_each_way_while_others_go_on(server: &TestServer) {
    let mut connections: Vec<_> = (0..40).map(|_| server.call("echo")).collect();
    for (number, connection) in connections.iter_mut().enumerate() {
        match number % 4 {
            0 => connection.send(&audio(b"panic")),
            1 => connection.send(&audio(b"hangup")),
            2 => connection.send(&[0x00, 0, 0]),
            _ => connection.send(&audio(b"hello")),
        }
    }
    for (number, connection) in connections.iter_mut().enumerate() {
        let (records, end): (&[&str], _) = match number % 4 {
            0 => {
                connection.expect_hangup();
                let panicked = "exception: the handler panicked: \"as asked\"";
                (&["audio slin \"panic\"", panicked], PANICKED)
            }
            1 => {
                connection.expect_hangup();
                (&["audio slin \"hangup\""], OURS)
            }
            2 => {
                connection.expect_end();
                (&[], PEER_HUNG_UP)
            }
            _ => {
                connection.expect(&audio(b"hello"));
                connection.close();
                (&["audio slin \"hello\""], THEIRS)
            }
        };
        connection.check(records, end);
    }
}
