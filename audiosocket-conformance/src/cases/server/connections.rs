//! The number of open connections.

use crate::cases::NOTHING;
use crate::frames::uuid;
use crate::scripted_connection::ScriptedConnection;
use crate::test_server::TestServer;

cases! {
    on every runner:
    a_thousand_connections_leave_nothing_behind
    two_hundred_connections_can_close_at_once
    a_reset_before_any_byte_runs_no_callback
}

/// The connections end before they send a byte, inside the UUID, as calls, and as refused calls. The server takes the
/// next call.
fn a_thousand_connections_leave_nothing_behind(server: &TestServer) {
    for number in 0..1000 {
        let mut connection = server.connect();
        match number % 4 {
            0 => {}
            1 => drop_inside_uuid(connection),
            2 => {
                connection.send(&uuid("echo"));
                connection.closes(&NOTHING);
            }
            _ => {
                connection.send(&uuid("refuse"));
                connection.expect_hangup();
                connection.transcript(&["accept refuse"]);
            }
        }
    }
    server.open(0);
    server.survives("echo", b"", b"", &NOTHING);
}

fn two_hundred_connections_can_close_at_once(server: &TestServer) {
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

/// A reset inside the UUID is an exception.
fn a_reset_before_any_byte_runs_no_callback(server: &TestServer) {
    for sent in 0..19 {
        let mut connection = server.connect();
        // The server must have accepted it. The reset would remove it from the queue of the kernel.
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
