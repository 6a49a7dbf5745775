use std::io;
use std::time::Duration;

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

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

/// A signal to a server or a tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerSignal {
    /// Ends the program, after its calls.
    End(&'static str),
    /// SIGHUP.
    Reload,
    /// SIGUSR1.
    Summary,
    /// A signal without a meaning. By default it kills the process, and cuts all calls.
    Other(i32),
}

/// Signals that end the program. The system sends SIGXCPU at a limit of CPU time and SIGPWR when the power fails. SIGKILL
/// can follow both.
const ENDING: &[(Number, &str)] = &[
    (Number::INT, "SIGINT"),
    (Number::TERM, "SIGTERM"),
    (Number::QUIT, "SIGQUIT"),
    (Number::XCPU, "SIGXCPU"),
    #[cfg(target_os = "linux")]
    (Number::POWER, "SIGPWR"),
];

/// Signals that kill a process by default. After SIGXFSZ, a write beyond the limit of the file size fails with an error.
/// Rust ignores SIGPIPE. The signals of faults, such as SIGSEGV and SIGABRT, keep their effect.
const OTHER: &[Number] = &[
    Number::USR2,
    Number::ALARM,
    Number::VTALARM,
    Number::PROF,
    Number::XFSZ,
    #[cfg(target_os = "linux")]
    Number::IO,
    #[cfg(target_os = "linux")]
    Number::STKFLT,
];

/// The real-time signals of Linux. The C library keeps 32 and 33 for itself.
#[cfg(target_os = "linux")]
const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;
#[cfg(not(target_os = "linux"))]
const REAL_TIME: std::ops::Range<i32> = 0..0;

/// All signals to a server or a tap.
#[derive(Debug)]
pub(crate) struct ServerSignals(mpsc::UnboundedReceiver<ServerSignal>);

impl ServerSignals {
    /// From now on the signals do not kill the process. Call this in a runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let forward = |number: i32, meaning: ServerSignal| {
            let mut signal = signal(SignalKind::from_raw(number))?;
            let sender = sender.clone();
            tokio::spawn(async move {
                while signal.recv().await.is_some() && sender.send(meaning).is_ok() {}
            });
            io::Result::Ok(())
        };
        for &(number, name) in ENDING {
            forward(number.as_raw(), ServerSignal::End(name))?;
        }
        forward(Number::HUP.as_raw(), ServerSignal::Reload)?;
        forward(Number::USR1.as_raw(), ServerSignal::Summary)?;
        for number in OTHER.iter().map(|number| number.as_raw()).chain(REAL_TIME) {
            forward(number, ServerSignal::Other(number))?;
        }
        Ok(Self(receiver))
    }

    /// Waits for the next signal. Returns `None` after `timeout`. Cancel safe.
    pub(crate) async fn next(&mut self, timeout: Option<Instant>) -> Option<ServerSignal> {
        // Decades. The receiver returns `None` never, since tasks keep the senders.
        let never = || Instant::now() + Duration::from_secs(1 << 30);
        let next = timeout_at(timeout.unwrap_or_else(never), self.0.recv());
        next.await.ok().flatten()
    }
}
