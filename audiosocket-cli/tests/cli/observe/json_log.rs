//! `--log-format json`.

use std::io::Write as _;

use serde_json::Value;

use crate::caller::{UUID_TEXT, assert_echoed, begin_echo, connect, end_call};
use crate::process::{ServeProcess, audiosocket, run, text};
use crate::server::write_frame;

on_every_runtime! {
    each_line_is_an_object_with_the_fields_of_the_span,
}

/// Parses each line of a log.
fn lines(log: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    log.lines().map(parse).collect()
}

/// Returns the only line with this message.
#[track_caller]
fn with_message<'l>(lines: &'l [Value], message: &str) -> &'l Value {
    let mut found = lines.iter().filter(|line| line["message"] == message);
    let line = found
        .next()
        .unwrap_or_else(|| panic!("no {message:?} in {lines:?}"));
    assert_eq!(found.next(), None);
    line
}

fn each_line_is_an_object_with_the_fields_of_the_span(runtime: &str) {
    let server = ServeProcess::start_on(runtime, 1, &["--log-format", "json"]);
    let mut call = begin_echo(server.addr());
    let peer = call.local_addr().unwrap().to_string();
    // A key that is none: an exception, whose text is escaped.
    write_frame(&mut call, 0x03, b"\"").unwrap();
    assert_echoed(&mut call, 0x10, b"still there");
    end_call(call);
    let mut no_call = connect(server.addr());
    let other_peer = no_call.local_addr().unwrap().to_string();
    no_call.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    server.wait_for_log(1, "not a call");

    let lines = lines(&server.terminate());
    for line in &lines {
        assert!(
            line["timestamp"].is_string() && line["level"].is_string(),
            "{line}"
        );
    }
    for message in ["call started", "exception", "call ended"] {
        let line = with_message(&lines, message);
        assert_eq!(line["uuid"], UUID_TEXT, "{line}");
        assert_eq!(line["peer"], *peer, "{line}");
        assert_eq!(line["span"]["uuid"], UUID_TEXT, "{line}");
        assert_eq!(line["span"]["peer"], *peer, "{line}");
    }
    assert_eq!(with_message(&lines, "call ended")["frames_in"], 2);
    assert_eq!(with_message(&lines, "exception")["level"], "WARN");
    // The peer is known before the UUID.
    let line = with_message(&lines, "not a call");
    assert_eq!(line["span"]["peer"], *other_peer, "{line}");
    assert_eq!(line["span"].get("uuid"), None, "{line}");
    assert_eq!(with_message(&lines, "shutting down")["signal"], "SIGTERM");
}

#[test]
fn the_span_is_there_whatever_the_level_of_the_lines() {
    let mut command = audiosocket(["serve", "echo", "--log-format", "json"]);
    command.env("RUST_LOG", "audiosocket=info,off");
    let server = ServeProcess::run(command, 1);
    end_call(begin_echo(server.addr()));
    let lines = lines(&server.terminate());
    assert_eq!(
        with_message(&lines, "call ended")["span"]["uuid"],
        UUID_TEXT
    );
}

#[test]
fn the_error_that_ends_the_program_is_an_object_too() {
    let command = [
        "serve",
        "echo",
        "--listen",
        "192.0.2.1:9092",
        "--log-format",
        "json",
    ];
    let output = run(command);
    assert_eq!(output.status.code(), Some(1));
    let lines = lines(text(&output.stderr));
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["level"], "ERROR");
    let message = lines[0]["message"].as_str().unwrap();
    assert!(
        message.contains("--listen needs an address of this machine"),
        "{message}"
    );
}
