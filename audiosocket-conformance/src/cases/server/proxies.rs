//! Connections through a proxy, which sends the address of its client in a header of the PROXY protocol.

use std::net::{Ipv4Addr, SocketAddr};

use audiosocket_server::{Admission, AllowList, Limits};

use crate::Runner;
use crate::cases::{NOTHING, SHORT};
use crate::frames::uuid;
use crate::scripted_connection::ScriptedConnection;
use crate::test_server::TestServer;

cases! {
    on every runner:
    the_client_of_a_proxy_is_the_peer_of_its_call
    a_header_in_one_write_with_the_call_is_taken_off
    a_client_that_the_allow_list_does_not_have_is_refused
    the_limit_for_one_address_is_about_clients_and_not_their_proxy
    a_check_of_the_proxy_is_no_call_and_no_exception
    a_proxy_without_a_header_is_refused
    a_header_from_another_peer_is_refused
    a_malformed_header_is_refused
    a_header_that_is_late_is_refused
}

const CLIENT: &str = "192.0.2.7:40000";

/// A peer that is no proxy.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The signature of version 2.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// `LOCAL`: the proxy connects for itself.
const LOCAL: &[u8] = &[0x20, 0x00, 0, 0];

fn version_1(client: SocketAddr) -> Vec<u8> {
    let (ip, port) = (client.ip(), client.port());
    format!("PROXY TCP4 {ip} 198.51.100.1 {port} 9092\r\n").into_bytes()
}

/// A header of version 2 with an option.
fn version_2(client: SocketAddr) -> Vec<u8> {
    let SocketAddr::V4(addr) = client else {
        panic!("IPv4");
    };
    let mut header = [SIGNATURE, &[0x21, 0x11, 0, 16]].concat();
    header.extend(addr.ip().octets());
    header.extend([198, 51, 100, 1]);
    header.extend(addr.port().to_be_bytes());
    header.extend([0x23, 0x84, 0x04, 0, 1, 0]);
    header
}

fn client(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// An admission with the proxy 127.0.0.1.
fn behind_a_proxy() -> Admission {
    Admission::new().proxy_protocol(list("127.0.0.1"))
}

fn list(text: &str) -> AllowList {
    text.parse().unwrap()
}

fn the_client_of_a_proxy_is_the_peer_of_its_call(runner: &Runner) {
    let server = TestServer::with_admission(runner, behind_a_proxy());
    for header in [version_1, version_2] {
        let mut connection = server.connect();
        let client = client(CLIENT);
        connection.announce(&header(client), client);
        connection.send(&uuid("echo"));
        connection.wait_for("start");
        assert_eq!(connection.handle().peer().socket_addr(), Some(client));
        connection.echoes(b"hello");
        connection.closes(&["audio slin \"hello\""]);
    }
    // A peer that is no proxy calls as before.
    let mut direct = server.connect_from(Some(ELSEWHERE));
    direct.send(&uuid("echo"));
    direct.echoes(b"hello");
    direct.closes(&["audio slin \"hello\""]);
}

fn a_header_in_one_write_with_the_call_is_taken_off(runner: &Runner) {
    let server = TestServer::with_admission(runner, behind_a_proxy());
    let client = client(CLIENT);
    let mut connection = server.connect();
    let first = [version_2(client), uuid("echo")].concat();
    connection.announce(&first, client);
    connection.echoes(b"hello");
    connection.closes(&["audio slin \"hello\""]);
}

fn a_client_that_the_allow_list_does_not_have_is_refused(runner: &Runner) {
    let admission = behind_a_proxy().allow_list(list("192.0.2.0/24"));
    let server = TestServer::with_admission(runner, admission);
    let stranger = client("203.0.113.9:40000");
    let mut refused = server.connect();
    refused.announce(&[version_2(stranger), uuid("echo")].concat(), stranger);
    refused.expect_hangup();
    refused.close();
    refused.transcript(&NOTHING);
    let mut admitted = server.connect();
    admitted.announce(
        &[version_2(client(CLIENT)), uuid("echo")].concat(),
        client(CLIENT),
    );
    admitted.echoes(b"hello");
    admitted.closes(&["audio slin \"hello\""]);
}

fn the_limit_for_one_address_is_about_clients_and_not_their_proxy(runner: &Runner) {
    let admission = behind_a_proxy().limits(Limits::new().max_pending_per_addr(0));
    let server = TestServer::with_admission(runner, admission);
    let mut connections = [server.connect(), server.connect()];
    server.open(2);
    for connection in &mut connections {
        connection.announce(&version_2(client(CLIENT)), client(CLIENT));
        connection.expect_hangup();
        connection.close();
        connection.transcript(&NOTHING);
    }
    server.open(0);
}

fn a_check_of_the_proxy_is_no_call_and_no_exception(runner: &Runner) {
    let server = TestServer::with_admission(runner, behind_a_proxy());
    for header in [[SIGNATURE, LOCAL].concat(), b"PROXY UNKNOWN\r\n".to_vec()] {
        let mut check = server.connect();
        check.send(&header);
        check.close();
        check.transcript(&NOTHING);
        let mut reset = server.connect();
        reset.send(&header);
        reset.reset();
        reset.transcript(&NOTHING);
    }
    server.open(0);
    // The proxy can also call for itself.
    let mut call = server.connect();
    call.send(&[SIGNATURE, LOCAL, &uuid("echo")].concat());
    call.echoes(b"hello");
    call.closes(&["audio slin \"hello\""]);
}

fn a_proxy_without_a_header_is_refused(runner: &Runner) {
    let server = TestServer::with_admission(runner, behind_a_proxy());
    let mut connection = server.connect();
    connection.send(&uuid("echo"));
    is_refused(connection, "no PROXY header from a proxy");
}

fn a_header_from_another_peer_is_refused(runner: &Runner) {
    let forged = [version_1(client(CLIENT)), version_2(client(CLIENT))];
    let behind_a_proxy = TestServer::with_admission(runner, behind_a_proxy());
    for header in &forged {
        let mut connection = behind_a_proxy.connect_from(Some(ELSEWHERE));
        connection.send(&[&header[..], &uuid("echo")].concat());
        is_refused(connection, "a PROXY header from an address that is not one");
    }
    let without_proxies = TestServer::new(runner);
    for header in &forged {
        let mut connection = without_proxies.connect();
        connection.send(header);
        is_refused(connection, "a PROXY header from an address that is not one");
    }
}

fn a_malformed_header_is_refused(runner: &Runner) {
    let server = TestServer::with_admission(runner, behind_a_proxy());
    let mut connection = server.connect();
    connection.send(b"PROXY TCP4 192.0.2.700 198.51.100.1 40000 9092\r\n");
    is_refused(connection, "a malformed PROXY header");
    let mut connection = server.connect();
    let too_long = [SIGNATURE, &[0x21, 0x11, 0x40, 0], &[0; 4096]].concat();
    connection.send(&too_long);
    is_refused(connection, "a PROXY header of more than 2,048 bytes");
}

fn a_header_that_is_late_is_refused(runner: &Runner) {
    let server = TestServer::made(
        runner,
        |session| session.uuid_timeout(SHORT),
        behind_a_proxy(),
    );
    let mut connection = server.connect();
    connection.send(b"PROXY TCP4 192");
    is_refused(connection, "no complete PROXY header from a proxy in time");
}

/// Checks that the peer gets only a hangup frame, and that the acceptor gets one exception, which begins with `error`.
fn is_refused(mut connection: ScriptedConnection, error: &str) {
    connection.expect_hangup();
    connection.close();
    connection.one_record(&format!("no call: {error}"));
}
