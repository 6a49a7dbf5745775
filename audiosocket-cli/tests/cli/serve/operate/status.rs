//! `--status-listen`: the status of a running server by HTTP.

use std::net::{SocketAddr, TcpListener};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::caller::{UUID_TEXT, begin_echo, end_call};
use crate::process::{PATIENCE, ServeProcess, run, text};

/// Returns the status of the answer, and its body.
pub(in crate::serve) fn get(addr: SocketAddr, path: &str) -> (u16, String) {
    let request = ureq::get(format!("http://{addr}{path}")).config();
    let request = request.http_status_as_error(false);
    let request = request.timeout_global(Some(PATIENCE)).build();
    let mut answer = request.call().unwrap();
    let body = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), body)
}

#[test]
fn the_status_of_each_runtime_shows_its_calls() {
    let servers = ["tokio", "smol", "blocking"].map(|runtime| {
        let args = ["--status-listen", ":0", "--drain-notice", "1h"];
        (runtime, ServeProcess::start_on(runtime, 1, &args))
    });
    for (runtime, server) in servers {
        let addr = server.status_addr();
        assert!(addr.ip().is_loopback(), "{runtime}");
        let call = begin_echo(server.addr());
        let (status, calls) = get(addr, "/calls");
        let calls: Value = serde_json::from_str(&calls).unwrap();
        assert_eq!((status, &calls["total"]), (200, &1.into()), "{runtime}");
        assert_eq!(calls["calls"][0]["uuid"], UUID_TEXT, "{runtime}");
        assert_eq!(get(addr, "/readyz"), (200, "ready\n".to_owned()));

        server.signal(Signal::TERM);
        server.wait_for_log(1, "shutting down soon");
        assert_eq!(get(addr, "/readyz"), (503, "drain announced\n".to_owned()));
        end_call(begin_echo(server.addr()));
        end_call(call);
        server.terminate();
    }
}

#[test]
fn an_address_that_cannot_be_used_is_an_error_with_a_remedy() {
    let server = ServeProcess::start(1, &["--status-listen", "127.0.0.1:0"]);
    let used = server.status_addr().to_string();
    for addr in ["nowhere", "127.0.0.1:99999", &used] {
        let args = [
            "serve",
            "echo",
            "--listen",
            "127.0.0.1:0",
            "--status-listen",
            addr,
        ];
        let output = run(args);
        assert_eq!(output.status.code(), Some(1), "{addr}");
        let error = text(&output.stderr);
        assert!(
            error.contains(addr) && error.contains("use PORT, :PORT or HOST:PORT"),
            "{error}"
        );
    }
    server.terminate();
}

#[test]
#[cfg(target_os = "linux")]
fn a_new_process_whose_status_port_is_in_use_takes_over_no_calls() {
    let directory = TempDir::new().unwrap();
    let socket = directory.path().join("upgrade.sock");
    let socket = socket.to_str().unwrap();
    let old = ServeProcess::start(1, &["--upgrade-socket", socket]);
    let call = begin_echo(old.addr());
    let used = TcpListener::bind("127.0.0.1:0").unwrap();
    let status = used.local_addr().unwrap().to_string();
    let listen = ["serve", "echo", "--listen", "127.0.0.1:0"];
    let new = ["--status-listen", &status, "--upgrade-socket", socket];
    let output = run([listen, new].concat());
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(error.contains("--status-listen"), "{error}");
    assert!(!error.contains("took over"), "{error}");
    end_call(call);
    end_call(begin_echo(old.addr()));
    old.terminate();
}
