//! Messages to a service manager such as systemd: the state of the server, the number of calls, and the pings of its
//! watchdog.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use audiosocket_tokio::ServerHandle;
use sd_notify::NotifyState;
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

/// The time between two checks whether the status has changed.
const STATUS_INTERVAL: Duration = Duration::from_secs(5);

/// The time from the end of the drain until the process ends: hangups, and the ends of recordings.
const END: Duration = Duration::from_secs(10);

/// Sends the state of a server to the service manager. Does nothing if the process has none. Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::serve) struct ServiceManager {
    server: ServerHandle,
    ready: Arc<Notify>,
}

impl ServiceManager {
    pub(super) fn new(server: ServerHandle) -> Self {
        Self {
            server,
            ready: Arc::default(),
        }
    }

    /// Reports that the server listens and acts on signals.
    pub(in crate::serve) fn ready(&self) {
        notify(&[NotifyState::Ready]);
        self.ready.notify_one();
    }

    /// Reports the begin and the end of a reload.
    pub(super) fn reload(&self, reload: impl FnOnce()) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => notify(&[NotifyState::Reloading, now]),
            // systemd would end a service that reloads without a time.
            Err(error) => tracing::debug!(%error, "no time for the service manager"),
        }
        reload();
        notify(&[NotifyState::Ready]);
    }

    /// Reports that the server stops, and needs at most `drain` for its calls. The manager then waits for that time, even
    /// if its own limit (`TimeoutStopSec=`) is shorter.
    pub(super) fn stopping(&self, drain: Duration) {
        // The variant of the library has 32 bits, which are 71 minutes.
        let extended = format!("EXTEND_TIMEOUT_USEC={}", (drain + END).as_micros());
        notify(&[NotifyState::Stopping, NotifyState::Custom(&extended)]);
    }

    /// Reports each change of the number of calls, and pings the watchdog while the accept loop runs. Begins when the server
    /// is [`ready`](Self::ready).
    ///
    /// A server that hangs does not answer a probe. A manager with a watchdog then ends the process, and starts it again.
    pub(super) async fn watch(self) {
        if env::var_os("NOTIFY_SOCKET").is_none() {
            return;
        }
        self.ready.notified().await;
        let watchdog = sd_notify::watchdog_enabled();
        // The manager needs a ping in each period of the watchdog. A ping comes up to two ticks late.
        let period = watchdog.map_or(STATUS_INTERVAL, |period| STATUS_INTERVAL.min(period / 4));
        let mut ticks = interval(period.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut probe = watchdog.map(|_| self.server.probe());
        let mut status = String::new();
        loop {
            ticks.tick().await;
            if let Some(probe) = &mut probe
                && probe.is_answered()
            {
                notify(&[NotifyState::Watchdog]);
                *probe = self.server.probe();
            }
            let now = self.status();
            if now != status {
                notify(&[NotifyState::Status(&now)]);
                status = now;
            }
        }
    }

    /// Returns the line that `systemctl status` shows.
    fn status(&self) -> String {
        let calls = self.server.open_calls().len();
        match self.server.calls().full() {
            None => format!("{calls} calls"),
            Some(reason) => format!("{calls} calls, full: {reason}"),
        }
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, ?states, "the service manager did not get a message");
    }
}
