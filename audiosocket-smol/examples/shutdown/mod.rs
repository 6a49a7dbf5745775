//! Shuts a server down at Ctrl-C and SIGTERM. The examples share this file.

use std::io;
use std::time::Duration;

use async_signal::{Signal, Signals};
use audiosocket_smol::ServerHandle;
use smol::stream::StreamExt;

/// At the first signal the server accepts no more calls, and open calls have ten seconds to end.
/// At the second signal it hangs up all calls at once.
pub(crate) fn on_signal(server: ServerHandle) -> io::Result<()> {
    // Windows has no SIGTERM.
    let signals = [Signal::Int, Signal::Term];
    let mut signals = Signals::new(if cfg!(unix) {
        &signals[..]
    } else {
        &signals[..1]
    })?;
    smol::spawn(async move {
        for grace in [10, 0] {
            signals.next().await;
            server.shutdown(Duration::from_secs(grace));
        }
    })
    .detach();
    Ok(())
}
