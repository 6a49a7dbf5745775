//! Connections as the server counts them.

use crate::Runner;
use crate::cases::{NOTHING, call};
use crate::frames::uuid;
use crate::scripted_connection::ScriptedConnection;
use crate::test_server::TestServer;

cases! {
    on every runner:
    a_thousand_opened_and_dropped
    many_dropped_at_once
    resets_without_a_uuid
}

/// A thousand connections, opened and dropped before they say anything, in the middle of the
/// UUID, and as calls; none is left, and the next call is served.
fn a_thousand_opened_and_dropped(runner: &Runner) {
    let server = TestServer::new(runner);
    for number in 0..1000 {
        let mut connection = server.connect();
        match number % 4 {
            0 => {}
            1 => drop_inside_uuid(connection),
            2 => {
                connection.send(&uuid("echo"));
                connection.close();
                connection.transcript(&call("echo", &NOTHING, "closed by the peer"));
            }
            _ => {
                connection.send(&uuid("refuse"));
                connection.expect_hangup();
                connection.transcript(&["accept refuse"]);
            }
        }
    }
    server.open(0);
    crate::cases::survives(&server, "echo", b"", b"", &NOTHING);
}

/// Two hundred connections at a time, which all go away at once.
fn many_dropped_at_once(runner: &Runner) {
    let server = TestServer::new(runner);
    for _ in 0..3 {
        let connections: Vec<_> = (0..200).map(|_| server.connect()).collect();
        server.open(200);
        drop(connections);
        server.open(0);
    }
}

fn drop_inside_uuid(mut connection: ScriptedConnection) {
    connection.send(&uuid("echo")[..7]);
    connection.close();
    connection.transcript(&["no call: the connection ended inside a frame, 7 bytes into it"]);
}

/// A reset before any byte reaches no callback. A reset inside the UUID does.
fn resets_without_a_uuid(runner: &Runner) {
    let server = TestServer::new(runner);
    for sent in 0..19 {
        let mut connection = server.connect();
        // Accepted; or the reset would take the connection out of the kernel's queue.
        server.open(1);
        connection.send(&uuid("echo")[..sent]);
        connection.reset();
        let records = format!("no call: the connection ended inside a frame, {sent} bytes into it");
        connection.transcript(if sent == 0 {
            &[]
        } else {
            std::slice::from_ref(&records)
        });
        server.open(0);
    }
}
