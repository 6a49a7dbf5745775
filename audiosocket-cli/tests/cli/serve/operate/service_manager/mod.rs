//! `audiosocket serve` under a service manager such as systemd. The tests replace the manager: a Unix socket receives the
//! messages, and the listening socket is descriptor 3.

mod activation;
mod messages;

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

/// Makes a command that runs `audiosocket serve echo` with these arguments as systemd does: with descriptor 3, and with
/// variables that name the process.
fn managed(descriptor: impl Into<OwnedFd>, args: &[&str]) -> Command {
    let script =
        "exec 3<&0 </dev/null; export LISTEN_PID=$$ WATCHDOG_PID=$$; exec \"$0\" serve echo \"$@\"";
    let mut command = Command::new("sh");
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_audiosocket")])
        .args(args)
        .stdin(Stdio::from(descriptor.into()))
        .env_remove("RUST_LOG");
    command
}

/// Makes such a command with a listening socket that the program gets.
fn activated(socket: &TcpListener, args: &[&str]) -> Command {
    let mut command = managed(socket.try_clone().unwrap(), args);
    command.env("LISTEN_FDS", "1");
    command.env("LISTEN_FDNAMES", "calls");
    command
}
