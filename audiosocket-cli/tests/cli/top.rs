//! `audiosocket top`: the calls of a running server in a terminal.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use crate::caller::{UUID_TEXT, begin_echo, end_call};
use crate::process::{ServeProcess, run, text};

#[test]
fn top_prints_the_server_and_its_calls_once() {
    let server = ServeProcess::start(1, &["--status-listen", ":0", "--max-calls", "7"]);
    let status = server.status_addr().to_string();
    let call = begin_echo(server.addr());
    // As the server prints it.
    let output = run(["top", &format!("http://{status}/"), "--once"]);
    let screen = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        screen.starts_with(&format!("{status}   ready   up ")),
        "{screen}"
    );
    assert!(screen.contains("1 of 7 calls"), "{screen}");
    assert!(screen.contains(UUID_TEXT), "{screen}");
    end_call(call);
    server.terminate();
}

/// `script` gives the program a terminal.
#[test]
#[cfg(target_os = "linux")]
fn in_a_terminal_top_draws_the_calls_until_q_is_pressed() {
    let server = ServeProcess::start(1, &["--status-listen", ":0"]);
    let call = begin_echo(server.addr());
    let program = env!("CARGO_BIN_EXE_audiosocket");
    let top = format!(
        "stty rows 24 columns 140 && {program} top {} --interval 100ms",
        server.status_addr()
    );
    let mut script = Command::new("script")
        .args(["--quiet", "--return", "--command", &top, "/dev/null"])
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("`script` of util-linux is installed");
    // The terminal keeps the keys until the program reads them.
    script.stdin.take().unwrap().write_all(b"sq").unwrap();
    let output = script.wait_with_output().unwrap();
    let screen = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{screen}");
    assert!(screen.contains(UUID_TEXT), "{screen}");
    // The program leaves the terminal's second screen.
    assert!(screen.contains("\u{1b}[?1049l"), "{screen}");
    end_call(call);
    server.terminate();
}

#[test]
fn an_address_without_a_status_is_an_error_with_a_remedy() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
    let unused = unused.unwrap().to_string();
    let server = ServeProcess::start(1, &["--status-listen", ":0"]);
    for addr in ["127.0.0.1", &unused] {
        let output = run(["top", addr, "--once"]);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(addr), "{error}");
        assert!(error.contains("--status-listen"), "{error}");
    }
    let output = run(["top", &server.status_addr().to_string()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("add --once"));
    server.terminate();
}
