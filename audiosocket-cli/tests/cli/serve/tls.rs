//! `audiosocket serve` with TLS. The client is that of OpenSSL.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::caller::{UUID, connect};
use crate::process::{ServeProcess, args, line, run, text};

/// An authority, and certificates of it, as PEM files: `NAME.pem` and `NAME.key`.
struct Authority(TempDir);

impl Authority {
    fn new() -> Self {
        let authority = Self(tempfile::tempdir().unwrap());
        authority.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem");
        authority
    }

    /// Makes a certificate and a key for `localhost` with this name of their files.
    fn issue(&self, name: &str) {
        self.openssl(&format!("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name} -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE -CA ca.pem -CAkey ca.key -keyout {name}.key -out {name}.pem"));
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl")
            .args(args(arguments))
            .current_dir(&self.0)
            .output()
            .unwrap();
        let stderr = text(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {stderr}");
    }

    fn path(&self, file: &str) -> String {
        self.0.path().join(file).to_str().unwrap().to_owned()
    }
}

/// A connection by `openssl s_client`.
struct Client {
    process: Child,
    to_server: ChildStdin,
    from_server: ChildStdout,
}

impl Client {
    /// Connects with the certificate of this name, or without one. It trusts only `authority`.
    fn connect(server: SocketAddr, authority: &Authority, name: Option<&str>) -> Self {
        let connect = format!(
            "s_client -quiet -no_ign_eof -verify_return_error -verify_hostname localhost -CAfile ca.pem -connect {server}"
        );
        let mut command = Command::new("openssl");
        command.args(args(&connect)).current_dir(&authority.0);
        if let Some(name) = name {
            command.args([
                "-cert",
                &format!("{name}.pem"),
                "-key",
                &format!("{name}.key"),
            ]);
        }
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = streams.stderr(Stdio::null()).spawn().unwrap();
        Self {
            to_server: process.stdin.take().unwrap(),
            from_server: process.stdout.take().unwrap(),
            process,
        }
    }

    /// Begins a call, and returns whether the server echoes.
    fn is_echoed(&mut self) -> bool {
        let audio = b"\x10\x00\x05hello";
        let sent = [b"\x01\x00\x10", &UUID[..], audio].concat();
        // A client that has ended does not read.
        let _ = self.to_server.write_all(&sent);
        self.echo(audio)
    }

    /// Returns whether a frame comes that is `expected`, behind silence.
    fn echo(&mut self, expected: &[u8]) -> bool {
        loop {
            let mut header = [0; 3];
            if self.from_server.read_exact(&mut header).is_err() {
                return false;
            }
            let mut frame = header.to_vec();
            frame.resize(
                3 + usize::from(u16::from_be_bytes([header[1], header[2]])),
                0,
            );
            self.from_server.read_exact(&mut frame[3..]).unwrap();
            if frame[3..].iter().any(|byte| *byte != 0) {
                return frame == expected;
            }
        }
    }

    /// Ends the call as a peer that closes does.
    fn close(mut self) {
        drop(self.to_server);
        drop(self.from_server);
        self.process.wait().unwrap();
    }
}

fn start(runtime: &str, authority: &Authority, more: &[&str]) -> ServeProcess {
    let (certificate, key) = (authority.path("server.pem"), authority.path("server.key"));
    let options = ["--tls-cert", &certificate, "--tls-key", &key];
    ServeProcess::start_on(runtime, 1, &[&options, more].concat())
}

#[test]
fn a_caller_over_tls_hears_itself_on_each_runtime_with_tls() {
    let authority = Authority::new();
    authority.issue("server");
    let variants: [(&str, &[&str]); 4] = [
        ("tokio", &[]),
        ("tokio", &["--threads", "2"]),
        ("tokio", &["--wake-interval", "2ms"]),
        ("smol", &[]),
    ];
    for (runtime, more) in variants {
        let server = start(runtime, &authority, more);
        let mut client = Client::connect(server.addr(), &authority, None);
        assert!(client.is_echoed(), "{runtime} {more:?}");
        client.close();
        let log = server.terminate();
        line(&log, &["INFO", "call ended", "exceptions=0"]);
        assert!(!log.contains("WARN"), "{log}");
    }
}

#[test]
fn tls_on_threads_is_an_error_of_the_command_line() {
    let authority = Authority::new();
    authority.issue("server");
    let (certificate, key) = (authority.path("server.pem"), authority.path("server.key"));
    let options = [
        "serve",
        "echo",
        "--runtime",
        "blocking",
        "--tls-cert",
        &certificate,
    ];
    let output = run(options.into_iter().chain(["--tls-key", &key]));
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--runtime tokio or smol"));
}

#[test]
fn peers_without_tls_or_without_a_certificate_are_refused() {
    let authority = Authority::new();
    let stranger = Authority::new();
    authority.issue("server");
    authority.issue("asterisk");
    // It trusts the server, and has a certificate of its own authority.
    stranger.issue("asterisk");
    fs::copy(authority.path("ca.pem"), stranger.path("ca.pem")).unwrap();
    let authorities = authority.path("ca.pem");
    let server = start("tokio", &authority, &["--tls-client-ca", &authorities]);

    let mut plain = connect(server.addr());
    plain.write_all(b"\x01\x00\x10sixteen bytes !!").unwrap();
    let _ = plain.read_to_end(&mut Vec::new());
    for (authority, name) in [(&authority, None), (&stranger, Some("asterisk"))] {
        let mut client = Client::connect(server.addr(), authority, name);
        assert!(!client.is_echoed());
        client.close();
    }
    let mut client = Client::connect(server.addr(), &authority, Some("asterisk"));
    assert!(client.is_echoed());
    client.close();
    let log = server.terminate();
    line(&log, &["WARN", "not a call", "InvalidContentType"]);
    line(&log, &["WARN", "not a call", "peer sent no certificates"]);
    line(&log, &["WARN", "not a call", "invalid peer certificate"]);
    line(&log, &["call ended"]);
}

#[test]
fn sighup_reloads_certificates_and_a_broken_file_keeps_the_old_ones() {
    let authority = Authority::new();
    let other = Authority::new();
    authority.issue("server");
    other.issue("server");
    let server = start("tokio", &authority, &[]);
    let echoes = |trusted: &Authority| {
        let mut client = Client::connect(server.addr(), trusted, None);
        let echoes = client.is_echoed();
        client.close();
        echoes
    };
    let mut open = Client::connect(server.addr(), &authority, None);
    assert!(open.is_echoed());
    assert!(!echoes(&other));

    fs::write(authority.path("server.pem"), "broken").unwrap();
    server.signal(Signal::HUP);
    server.wait_for_log(1, "the certificates were not reloaded");
    assert!(echoes(&authority));

    for file in ["server.pem", "server.key"] {
        fs::copy(other.path(file), authority.path(file)).unwrap();
    }
    server.signal(Signal::HUP);
    server.wait_for_log(1, "the certificates were reloaded");
    assert!(echoes(&other));
    assert!(!echoes(&authority));
    // An open call goes on.
    open.to_server.write_all(b"\x10\x00\x05again").unwrap();
    assert!(open.echo(b"\x10\x00\x05again"));
    open.close();
    let log = server.terminate();
    line(
        &log,
        &["ERROR", "server.pem", "the file has no certificate"],
    );
}

/// HAProxy with `send-proxy-v2`, in front of TLS that ends here. `openssl s_client` cannot send a header, so a relay does.
#[test]
fn a_header_of_the_proxy_protocol_comes_before_the_handshake() {
    let authority = Authority::new();
    authority.issue("server");
    let server = start("tokio", &authority, &["--proxy-protocol", "127.0.0.1"]);
    let relay = crate::relay::start(
        server.addr(),
        b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 9092\r\n",
    );
    let mut client = Client::connect(relay, &authority, None);
    assert!(client.is_echoed());
    client.close();
    // Without the header, and with a header of a stranger.
    let mut client = Client::connect(server.addr(), &authority, None);
    assert!(!client.is_echoed());
    client.close();
    let mut forged = crate::caller::connect_from("127.0.0.2", server.addr());
    forged
        .write_all(b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 9092\r\n")
        .unwrap();
    let _ = forged.read_to_end(&mut Vec::new());
    let log = server.terminate();
    line(&log, &["call started", "peer=192.0.2.7:40000"]);
    line(
        &log,
        &[
            "WARN",
            "not a call",
            "peer=127.0.0.1:",
            "no PROXY header from a proxy",
        ],
    );
    line(
        &log,
        &[
            "WARN",
            "not a call",
            "peer=127.0.0.2:",
            "not one of the proxies",
        ],
    );
}

#[test]
fn a_missing_or_wrong_file_is_an_error_with_its_name() {
    let authority = Authority::new();
    authority.issue("server");
    authority.issue("other");
    let cases = [
        ("missing.pem", "server.key", "missing.pem"),
        ("server.pem", "server.pem", "server.pem"),
        ("server.pem", "other.key", "does not fit the key"),
    ];
    for (certificate, key, part) in cases {
        let (certificate, key) = (authority.path(certificate), authority.path(key));
        let options = [
            "serve",
            "echo",
            "--listen",
            "127.0.0.1:0",
            "--tls-cert",
            &certificate,
        ];
        let output = run(options.into_iter().chain(["--tls-key", &key]));
        assert_eq!(output.status.code(), Some(1), "{part}");
        let stderr = text(&output.stderr);
        assert!(stderr.contains(part), "{stderr}");
    }
}
