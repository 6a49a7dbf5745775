//! Shuts a server down at Ctrl-C, and at SIGTERM or the shutdown of Windows. The examples share this file.

use std::io;
use std::time::Duration;

use audiosocket_tokio::ServerHandle;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(windows)]
use tokio::signal::windows::{CtrlC, CtrlShutdown, ctrl_c, ctrl_shutdown};

/// At the first signal the server accepts no more calls, and open calls have ten seconds to end.
/// At the second signal it hangs up all calls at once.
pub(crate) fn on_signal(server: ServerHandle) -> io::Result<()> {
    let (mut interrupted, mut terminated) = signals()?;
    tokio::spawn(async move {
        for grace in [10, 0] {
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            }
            server.shutdown(Duration::from_secs(grace));
        }
    });
    Ok(())
}

#[cfg(unix)]
fn signals() -> io::Result<(Signal, Signal)> {
    Ok((
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    ))
}

#[cfg(windows)]
fn signals() -> io::Result<(CtrlC, CtrlShutdown)> {
    Ok((ctrl_c()?, ctrl_shutdown()?))
}
