//! Sockets that a service manager such as systemd opened for the program (`LISTEN_FDS`).

use std::env;
use std::io::{self, ErrorKind};
use std::net::TcpListener;

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

/// Takes the sockets that the service manager has opened for this process. Returns none without a service manager.
///
/// Call this before the server has threads: it changes the environment. The threads that write files and read standard input
/// do not use the environment.
pub(in crate::serve) fn take_sockets() -> io::Result<Vec<TcpListener>> {
    // A name for each socket: `FileDescriptorName=`, or the name of the socket unit.
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut passed = ListenFd::from_env();
    let mut sockets = Vec::new();
    for index in 0..passed.len() {
        let name = names.next().unwrap_or_default();
        let socket = take_listening(&mut passed, index).map_err(|error| {
            let text = format!(
                "cannot use the socket {name:?} of the service manager: {error}; \
                 a socket unit needs ListenStream=ADDRESS:PORT and Accept=no"
            );
            io::Error::new(error.kind(), text)
        })?;
        sockets.extend(socket);
    }
    if !sockets.is_empty() {
        let count = sockets.len();
        tracing::info!(
            count,
            "sockets of the service manager replace --listen; a full server hangs up, as it cannot close them"
        );
    }
    Ok(sockets)
}

fn take_listening(passed: &mut ListenFd, index: usize) -> io::Result<Option<TcpListener>> {
    let socket = passed.take_tcp_listener(index)?;
    match &socket {
        Some(socket) if !socket_acceptconn(socket)? => Err(io::Error::new(
            ErrorKind::InvalidInput,
            "it does not listen",
        )),
        _ => Ok(socket),
    }
}
