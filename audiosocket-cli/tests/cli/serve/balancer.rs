//! `audiosocket serve` behind a load balancer: headers of the PROXY protocol, and agent-checks.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use rustix::process::Signal;

use crate::caller::{
    HANGUP, assert_echoed, assert_refused, begin_echo, begin_echo_on, connect, connect_from,
    end_call, read_frame,
};
use crate::process::{PATIENCE, ServeProcess, line, run, text};

on_every_runtime! {
    the_client_of_a_proxy_is_the_peer_in_the_log_and_for_the_allow_list,
    connections_that_break_the_rules_of_the_proxy_protocol_are_warnings,
}

const VERSION_1: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 9092\r\n";

/// The same client, in a header of version 2.
const VERSION_2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\x9c\x40\x23\x84";

/// A check of the proxy.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

fn the_client_of_a_proxy_is_the_peer_in_the_log_and_for_the_allow_list(runtime: &str) {
    let args = [
        "--proxy-protocol",
        "127.0.0.1,10.0.0.0/8",
        "--allow",
        "192.0.2.0/24",
    ];
    let server = ServeProcess::start_on(runtime, 1, &args);
    for header in [VERSION_1, VERSION_2] {
        end_call(begin_echo_on(sent(connect(server.addr()), header)));
    }
    let stranger = b"PROXY TCP4 203.0.113.9 198.51.100.1 40000 9092\r\n";
    let stranger = sent(connect(server.addr()), stranger);
    assert_refused(stranger);
    let direct = connect_from("127.0.0.2", server.addr());
    assert_refused(direct);
    drop(sent(connect(server.addr()), LOCAL));
    let log = server.terminate();
    let calls = |part: &str| {
        let lines = log.lines().filter(|line| line.contains(part));
        lines
            .filter(|line| line.contains("peer=192.0.2.7:40000"))
            .count()
    };
    assert_eq!(
        (calls("call started"), calls("call ended")),
        (2, 2),
        "{log}"
    );
    let refused = [
        "call refused",
        "reason=its address is not on the allow list",
    ];
    line(&log, &[refused[0], refused[1], "peer=203.0.113.9:40000"]);
    line(&log, &[refused[0], refused[1], "peer=127.0.0.2:"]);
    assert!(!log.contains("WARN"), "{log}");
}

fn connections_that_break_the_rules_of_the_proxy_protocol_are_warnings(runtime: &str) {
    let args = ["--proxy-protocol", "127.0.0.1", "--uuid-timeout", "1s"];
    let server = ServeProcess::start_on(runtime, 1, &args);
    let connections = [
        sent(connect(server.addr()), b"\x01\x00\x10sixteen bytes !!"),
        sent(connect_from("127.0.0.2", server.addr()), VERSION_2),
        sent(connect(server.addr()), b"PROXY TCP4 1.2.3 4.5.6.7 1 2\r\n"),
        sent(connect(server.addr()), &VERSION_2[..20]),
    ];
    for mut stream in connections {
        assert_eq!(read_frame(&mut stream).unwrap(), HANGUP);
    }
    let log = server.terminate();
    let remedies = [
        "no PROXY header from a proxy; set send-proxy-v2 in the proxy",
        "add it to proxy-protocol",
        "a malformed PROXY header",
        "no complete PROXY header from a proxy in time",
    ];
    for remedy in remedies {
        line(&log, &["WARN", "not a call", "peer=127.0.0.", remedy]);
    }
}

#[test]
fn agent_checks_have_the_load_and_then_the_drain() {
    let args = [
        "--agent-listen",
        "127.0.0.1:0",
        "--max-calls",
        "4",
        "--drain-notice",
        "1h",
        "--drain",
        "1h",
    ];
    let server = ServeProcess::start(1, &args);
    let agent = agent(&server);
    assert_eq!(check(agent), "up ready 100%\n");
    let mut calls: Vec<_> = (0..3).map(|_| begin_echo(server.addr())).collect();
    assert_eq!(check(agent), "up ready 25%\n");
    calls.push(begin_echo(server.addr()));
    assert_eq!(check(agent), "up ready 0%\n");
    end_call(calls.remove(0));
    assert_eq!(check(agent), "up ready 25%\n");

    server.signal(Signal::TERM);
    server.wait_for_log(1, "shutting down soon");
    assert_eq!(check(agent), "drain\n");
    server.signal(Signal::TERM);
    server.wait_for_log(1, "shutting down signal");
    assert_eq!(check(agent), "drain\n");
    assert_echoed(&mut calls[0], 0x10, b"still there");
    calls.into_iter().for_each(end_call);
    assert_eq!(server.wait().0, 0);
}

#[test]
fn an_agent_address_in_use_is_an_error_with_the_option() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = other.local_addr().unwrap().to_string();
    let output = run([
        "serve",
        "echo",
        "--listen",
        "127.0.0.1:0",
        "--agent-listen",
        &addr,
    ]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains(&addr) && stderr.contains("change --agent-listen"),
        "{stderr}"
    );
}

fn sent(mut stream: TcpStream, bytes: &[u8]) -> TcpStream {
    stream.write_all(bytes).unwrap();
    stream
}

/// Returns the address that answers agent-checks, from the log.
pub(super) fn agent(server: &ServeProcess) -> SocketAddr {
    server.wait_for_log(1, "agent-checks are answered");
    let line = server.log_line("agent-checks are answered");
    let (_, addr) = line.split_once("addr=").unwrap();
    addr.trim().parse().unwrap()
}

pub(super) fn check(agent: SocketAddr) -> String {
    let mut stream = TcpStream::connect(agent).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
