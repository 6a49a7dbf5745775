use std::io;
use std::thread;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Calls `act` with the name of each signal, on a thread of its own. So a signal works while all other threads are busy.
pub(crate) fn spawn(mut act: impl FnMut(&'static str) + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let mut signals = {
        let _context = runtime.enter();
        Signals::listen()?
    };
    let thread = thread::Builder::new().name("signals".to_owned());
    let acting = thread.spawn(move || {
        runtime.block_on(async {
            loop {
                act(signals.next().await);
            }
        })
    });
    acting.map(drop)
}

/// SIGINT and SIGTERM, with which an operator or a service manager ends a program.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on the signals do not kill the process.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next signal and returns its name. Cancel safe.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
