//! Through a real stunnel, as `audiosocket-server/docs/beyond-tcp.md` sets it up: the program `audiosocket call` in place
//! of Asterisk, plain TCP to stunnel, and TLS from there to the examples. Needs `stunnel`, and the
//! environment variable `AUDIOSOCKET_TEST_STUNNEL`, which `.ci/examples` sets.

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Output};

use audiosocket_testing::process::Process;

use crate::certificates::Authority;
use crate::program;

in_each_adapter!(
    calls_go_through_and_end_in_order
    stunnel_talks_to_no_other_server
);

fn calls_go_through_and_end_in_order(prefix: &str) {
    if !is_asked_for() {
        return;
    }
    let authority = Authority::new();
    let server = start(prefix, &authority);
    let stunnel = Stunnel::start(&authority, server.addr());
    let output = call(stunnel.addr, &["--calls", "5", "--duration", "2s"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    for _ in 0..5 {
        // Either is an ordinary end: a caller that closes with audio unread resets, and stunnel
        // passes that on.
        let line = server.wait_for_line(" from 127.0.0.1:").unwrap();
        let ends = [": closed by the peer", ": reset by the peer"];
        assert!(ends.iter().any(|end| line.ends_with(end)), "{line}");
    }

    // Wider audio, in frames that no TLS record holds whole.
    let wide = ["--rate", "slin192", "--ptime", "60", "--duration", "1s"];
    let output = call(stunnel.addr, &wide);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}

fn stunnel_talks_to_no_other_server(prefix: &str) {
    if !is_asked_for() {
        return;
    }
    let server = start(prefix, &Authority::new());
    let stunnel = Stunnel::start(&Authority::new(), server.addr());
    let output = call(stunnel.addr, &["--duration", "1s"]);
    assert!(!output.status.success());
    stunnel
        .program
        .wait_for_line("certificate verify failed")
        .unwrap();
    server.wait_for_line("127.0.0.1:").unwrap();
}

struct Stunnel {
    program: Process,
    /// Where Asterisk connects.
    addr: SocketAddr,
}

impl Stunnel {
    /// Starts it with the configuration of the page, but for addresses and paths.
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
        // In the foreground, and telling which port it has.
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

fn call(addr: SocketAddr, arguments: &[&str]) -> Output {
    // target/debug/audiosocket, beside target/debug/deps, in which this is.
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.set_file_name("audiosocket");
    let mut command = Command::new(path);
    command.arg("call").arg(addr.to_string()).args(arguments);
    // Of a busy machine; no longer than it takes.
    command.args(["--echo-timeout", "60s"]);
    command.output().unwrap()
}
