//! Shuts a server down at Ctrl-C and SIGTERM. The examples share this file.

use std::time::Duration;
use std::{io, thread};

use audiosocket_blocking::ServerHandle;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// At the first signal the server accepts no more calls, and open calls have ten seconds to end.
/// At the second signal it hangs up all calls at once.
pub(crate) fn on_signal(server: ServerHandle) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::spawn(move || {
        for (_signal, grace) in signals.forever().zip([10, 0]) {
            server.shutdown(Duration::from_secs(grace));
        }
    });
    Ok(())
}
