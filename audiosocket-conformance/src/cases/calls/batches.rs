//! Many connections.

use crate::Runner;
use crate::cases::call;
use crate::frames::{audio, dtmf, uuid};
use crate::test_server::TestServer;
use crate::transcript::audio_record;

cases! {
    on every runner:
    calls_that_interleave
    frames_that_interleave
    endings_that_interleave
}

/// Fifty calls that talk in turns, each with words of its own.
fn calls_that_interleave(runner: &Runner) {
    let server = TestServer::new(runner);
    let name = |number: usize| format!("caller {number}");
    let words = |number: usize, round: usize| format!("{number}/{round} ").repeat(40).into_bytes();
    let mut connections: Vec<_> = (0..50).map(|number| server.call(&name(number))).collect();
    for round in 0..10 {
        // All speak before any listens.
        for (number, connection) in connections.iter_mut().enumerate() {
            connection.send(&[audio(&words(number, round)), dtmf(b'#')].concat());
        }
        for (number, connection) in connections.iter_mut().enumerate().rev() {
            connection.expect(&audio(&words(number, round)));
        }
    }
    for (number, mut connection) in connections.into_iter().enumerate() {
        connection.half_close();
        connection.expect_end();
        let records = (0..10).flat_map(|round| {
            [
                audio_record("slin", &words(number, round)),
                "dtmf #".to_owned(),
            ]
        });
        let records: Vec<_> = records.collect();
        connection.transcript(&call(&name(number), &records, "closed by the peer"));
    }
}

/// Frames of many calls, cut, with the pieces of all of them in between.
fn frames_that_interleave(runner: &Runner) {
    let server = TestServer::new(runner);
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
        connection.half_close();
        connection.expect_end();
        let words = format!("audio slin \"words of caller {number}\"");
        connection.transcript(&call("echo", &[words], "closed by the peer"));
    }
}

/// Calls that end in every way, while others go on.
fn endings_that_interleave(runner: &Runner) {
    let server = TestServer::new(runner);
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
                (&["audio slin \"panic\"", panicked], "handler panicked")
            }
            1 => {
                connection.expect_hangup();
                (&["audio slin \"hangup\""], "hung up by this side")
            }
            2 => {
                connection.expect_end();
                (&[], "hung up by the peer")
            }
            _ => {
                connection.expect(&audio(b"hello"));
                connection.close();
                (&["audio slin \"hello\""], "closed by the peer")
            }
        };
        connection.transcript(&call("echo", records, end));
    }
}
