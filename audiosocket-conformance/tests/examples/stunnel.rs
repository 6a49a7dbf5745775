//! Calls through a real stunnel, with the configuration in `audiosocket-server/docs/beyond-tcp.md`.
//!
//! `audiosocket call` takes the place of Asterisk. It calls stunnel over TCP, and stunnel calls the examples over TLS.
//! The tests need the program `stunnel` and the environment variable `AUDIOSOCKET_TEST_STUNNEL`, which `.ci/examples`
//! sets.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use audiosocket_testing::process::Process;

use crate::harness::certificates::Authority;
use crate::harness::program;

in_each_adapter!(
    calls_through_stunnel_succeed
    stunnel_refuses_a_server_with_another_certificate
);

fn calls_through_stunnel_succeed(prefix: &str) {
    if !is_asked_for() {
        return;
    }
    let authority = Authority::new();
    let server = start(prefix, &authority);
    let stunnel = Stunnel::start(&authority, server.addr());
    let output = program::call(stunnel.addr, &["--calls", "5", "--duration", "2s"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    for _ in 0..5 {
        // Both are ordinary ends. A caller that closes with unread audio resets the connection, and so does stunnel.
        let line = server.wait_for_line(" from 127.0.0.1:").unwrap();
        let ends = [": closed by the peer", ": reset by the peer"];
        assert!(ends.iter().any(|end| line.ends_with(end)), "{line}");
    }

    // Frames that are longer than a TLS record.
    let wide = ["--rate", "slin192", "--ptime", "60", "--duration", "1s"];
    let output = program::call(stunnel.addr, &wide);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}

fn stunnel_refuses_a_server_with_another_certificate(prefix: &str) {
    if !is_asked_for() {
        return;
    }
    let server = start(prefix, &Authority::new());
    let stunnel = Stunnel::start(&Authority::new(), server.addr());
    let output = program::call(stunnel.addr, &["--duration", "1s"]);
    assert!(!output.status.success());
    stunnel
        .program
        .wait_for_line("certificate verify failed")
        .unwrap();
    server.wait_for_line("127.0.0.1:").unwrap();
}

struct Stunnel {
    program: Process,
    /// The address for Asterisk.
    addr: SocketAddr,
}

impl Stunnel {
    /// Starts stunnel with the configuration of the page, but with other addresses and paths.
    fn start(authority: &Authority, server: SocketAddr) -> Self {
        let page = include_str!("../../../audiosocket-server/docs/beyond-tcp.md");
        let (_, config) = page.split_once("```ini\n").unwrap();
        let (config, _) = config.split_once("```").unwrap();
        let mut config = config.to_owned();
        let server = format!("localhost:{}", server.port());
        for (of_the_page, here) in [
            ("127.0.0.1:9092", "127.0.0.1:0"),
            ("bots.example.com:9093", &*server),
            ("bots.example.com", "localhost"),
            (
                "/etc/stunnel/bots-ca.pem",
                &*authority.path("authority.pem"),
            ),
        ] {
            assert!(config.contains(of_the_page), "{of_the_page} in {config}");
            config = config.replace(of_the_page, here);
        }
        // In the foreground, with the port in its log.
        let config = format!("foreground = yes\npid =\ndebug = info\n{config}");
        let path = authority.path("stunnel.conf");
        fs::write(&path, config).unwrap();
        let mut stunnel = Command::new("stunnel");
        stunnel.arg(path);
        let program = Process::builder(stunnel).ready_lines(0).start().unwrap();
        let bound = program.wait_for_line(" bound to ").unwrap();
        let (_, addr) = bound.rsplit_once(' ').unwrap();
        let addr = addr.parse().unwrap();
        Self { program, addr }
    }
}

fn is_asked_for() -> bool {
    std::env::var_os("AUDIOSOCKET_TEST_STUNNEL").is_some()
}

fn start(prefix: &str, authority: &Authority) -> Process {
    let (certificate, key) = (authority.path("server.pem"), authority.path("server.key"));
    program::start(&format!("{prefix}tls"), &[&certificate, &key])
}
