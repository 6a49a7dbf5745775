//! The UUID: the first frame of a call, once, with sixteen bytes.

use crate::Runner;
use crate::cases::{NOTHING, SHORT, THEIRS, call};
use crate::frames::{HANGUP, RATES, audio, frame, uuid};
use crate::test_server::TestServer;

cases! {
    on every runner:
    a_uuid_is_in_network_byte_order
    a_first_frame_of_another_kind_begins_no_call
    a_uuid_of_another_length_begins_no_call
    an_http_request_begins_no_call
    a_panic_about_no_call_ends_one_connection
    a_second_uuid_ends_the_call
    a_late_uuid_begins_no_call
}

fn a_uuid_is_in_network_byte_order(server: &TestServer) {
    let mut connection = server.connect();
    let bytes: Vec<u8> = (0..16).collect();
    connection.send(&frame(0x01, &bytes));
    connection.wait_for("start");
    connection.close();
    let name = "00010203-0405-0607-0809-0a0b0c0d0e0f";
    connection.transcript(&call(name, &NOTHING, THEIRS));
}

/// The three bytes of the header are enough. A later UUID begins no call.
fn a_first_frame_of_another_kind_begins_no_call(server: &TestServer) {
    for kind in (0x00..=0xff_u8).filter(|kind| *kind != 0x01) {
        let name = match kind {
            0x00 => " (hangup)".to_owned(),
            0x02 => " (silence)".to_owned(),
            0x03 => " (dtmf)".to_owned(),
            0x10..=0x18 => format!(" (audio {})", RATES[usize::from(kind - 0x10)].0),
            0xff => " (error)".to_owned(),
            _ => String::new(),
        };
        let records =
            format!("no call: the first frame was of kind 0x{kind:02x}{name} and not a UUID");
        begins_no_call(server, &[kind, 0x00, 0x10], &records);
    }
}

/// The header is enough.
fn a_uuid_of_another_length_begins_no_call(server: &TestServer) {
    for len in [0, 1, 15, 17, 36, 256, 4096, 65_535_u16] {
        let [high, low] = len.to_be_bytes();
        let records = format!("no call: a UUID of {len} bytes instead of 16");
        begins_no_call(server, &[0x01, high, low], &records);
    }
}

fn an_http_request_begins_no_call(server: &TestServer) {
    let request = b"GET / HTTP/1.1\r\nHost: pbx.example\r\n\r\n";
    let records = "no call: the first frame was of kind 0x47 and not a UUID";
    begins_no_call(server, request, records);
}

/// The acceptor's `on_exception` panics.
fn a_panic_about_no_call_ends_one_connection(server: &TestServer) {
    let request = b"POST / HTTP/1.1\r\n\r\n";
    let records = "no call: the first frame was of kind 0x50 and not a UUID";
    begins_no_call(server, request, records);
    // The server continues.
    begins_no_call(server, request, records);
}

/// The second UUID is the same, another one, or one of a wrong length.
fn a_second_uuid_ends_the_call(server: &TestServer) {
    for second in ["echo", "another"] {
        let records = ["exception: a second UUID on the same connection"];
        let end = "failed: a second UUID on the same connection";
        server.ends("echo", &uuid(second), &HANGUP, &records, end);
    }
    let records = [
        "audio slin \"x\"",
        "exception: a UUID of 4 bytes instead of 16",
    ];
    let sent = [audio(b"x"), frame(0x01, b"four")].concat();
    let back = [audio(b"x"), HANGUP.to_vec()].concat();
    let end = "failed: a UUID of 4 bytes instead of 16";
    server.ends("echo", &sent, &back, &records, end);
}

/// The server hangs up when no UUID arrives in time.
fn a_late_uuid_begins_no_call(runner: &Runner) {
    let server = TestServer::with(runner, |session| session.uuid_timeout(SHORT));
    for first in [&b""[..], &uuid("echo")[..18]] {
        let mut connection = server.connect();
        connection.send(first);
        connection.expect_hangup();
        connection.send(&uuid("echo"));
        connection.send(&audio(b"hello?"));
        connection.close();
        connection.transcript(&["no call: no UUID came in time"]);
    }
}

fn begins_no_call(server: &TestServer, sent: &[u8], records: &str) {
    let mut connection = server.connect();
    connection.send(sent);
    connection.expect_hangup();
    connection.send(&uuid("echo"));
    connection.close();
    connection.transcript(&[records]);
}
