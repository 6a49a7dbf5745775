//! Sockets that the service manager opened.

use std::fs;
use std::net::TcpListener;
use std::os::fd::AsRawFd as _;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{activated, managed};
use crate::caller::{assert_refused, begin_echo, begin_echo_on, connect, end_call};
use crate::process::{PATIENCE, ServeProcess, audiosocket, line, text};

on_every_runtime! {
    a_socket_of_the_manager_replaces_listen,
    a_full_server_hangs_up_on_a_socket_of_the_manager,
    a_connection_waits_for_the_next_process_on_a_socket_of_the_manager,
}

fn a_socket_of_the_manager_replaces_listen(runtime: &str) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let args = ["--runtime", runtime, "--listen", "192.0.2.1:1"];
    let server = ServeProcess::run_as_is(activated(&socket, &args), 1);
    assert_eq!(server.addr(), socket.local_addr().unwrap());
    end_call(begin_echo(server.addr()));
    let log = server.terminate();
    line(&log, &["INFO", "replace --listen", "count=1"]);
}

fn a_full_server_hangs_up_on_a_socket_of_the_manager(runtime: &str) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let args = ["--runtime", runtime, "--max-calls", "1"];
    let server = ServeProcess::run_as_is(activated(&socket, &args), 1);
    let call = begin_echo(server.addr());
    assert_refused(connect(server.addr()));
    end_call(call);
    server.terminate();
}

/// A draining server closes its descriptor. The manager keeps another one, so the kernel still accepts connections.
fn a_connection_waits_for_the_next_process_on_a_socket_of_the_manager(runtime: &str) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let args = ["--runtime", runtime, "--drain", "1h"];
    let old = ServeProcess::run_as_is(activated(&socket, &args), 1);
    let old_call = begin_echo(old.addr());
    old.signal(Signal::TERM);
    wait_until_not_open(&socket, old.id());

    let waiting = connect(old.addr());
    let new = ServeProcess::run_as_is(activated(&socket, &args), 1);
    let new_call = begin_echo_on(waiting);
    end_call(old_call);
    assert_eq!(old.wait().0, 0);
    end_call(new_call);
    let log = new.terminate();
    line(&log, &["call started"]);
}

/// Waits until the process has no descriptor of the socket.
fn wait_until_not_open(socket: &TcpListener, process: u32) {
    let socket = fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
    let is_open = || {
        let mut descriptors = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
        // A descriptor may be closed at this moment.
        descriptors.any(|descriptor| {
            fs::read_link(descriptor.unwrap().path()).is_ok_and(|other| other == socket)
        })
    };
    let deadline = Instant::now() + PATIENCE;
    while is_open() {
        assert!(Instant::now() < deadline, "the socket is open");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn sockets_for_another_process_are_ignored() {
    let mut command = audiosocket(["serve", "echo", "--listen", "127.0.0.1:0"]);
    command.env("LISTEN_PID", "1").env("LISTEN_FDS", "1");
    let server = ServeProcess::run_as_is(command, 1);
    end_call(begin_echo(server.addr()));
    let log = server.terminate();
    assert!(!log.contains("service manager"), "{log}");
}

#[test]
fn a_descriptor_that_is_no_listening_tcp_socket_is_an_error_with_its_name() {
    let (pipe, _writer) = std::io::pipe().unwrap();
    let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connected = connect(listener.local_addr().unwrap());
    let commands = [
        managed(pipe, &[]),
        managed(datagrams, &[]),
        managed(connected, &[]),
    ];
    for mut command in commands {
        command
            .env("LISTEN_FDS", "1")
            .env("LISTEN_FDNAMES", "calls");
        let output = command.output().unwrap();
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        for part in ["\"calls\"", "ListenStream=", "Accept=no"] {
            assert!(stderr.contains(part), "{stderr}");
        }
    }
}
