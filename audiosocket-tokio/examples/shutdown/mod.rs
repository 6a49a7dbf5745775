//! Shuts a server down at Ctrl-C and SIGTERM. The examples share this file.

use std::io;
use std::time::Duration;

use audiosocket_tokio::ServerHandle;
use tokio::signal::unix::{SignalKind, signal};

/// At the first signal the server accepts no more calls, and open calls have ten seconds to end.
/// At the second signal it hangs up all calls at once.
pub(crate) fn on_signal(server: ServerHandle) -> io::Result<()> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
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
