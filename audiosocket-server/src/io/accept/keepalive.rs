use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// The settings with which the kernel finds dead peers. A silent peer may be alive: a working call can be silent for
/// minutes.
///
/// The times of probes are rounded down to whole seconds. Linux allows 1 s to 32,767 s and 1 to 127 probes.
///
/// ```
/// # use audiosocket_server::io::Keepalive;
/// use std::time::Duration;
///
/// let keepalive = Keepalive::new().time(Duration::from_secs(10)).retries(5);
/// # drop(keepalive);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    time: Duration,
    interval: Duration,
    retries: u32,
    user_timeout: Option<Duration>,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(30),
            interval: Duration::from_secs(10),
            retries: 3,
            user_timeout: Some(Duration::from_secs(60)),
        }
    }
}

impl Keepalive {
    /// Returns the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the quiet time before the first probe. Default: 30 s.
    #[must_use]
    pub fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// Sets the time between probes. Default: 10 s.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets the number of probes without an answer after which the connection is lost. Default: 3.
    #[must_use]
    pub fn retries(mut self, probes: u32) -> Self {
        self.retries = probes;
        self
    }

    /// Sets how long sent bytes may stay without an acknowledgement (`TCP_USER_TIMEOUT`, on Linux). `None` keeps the
    /// setting of the system. Default: 60 s, the same time that the probes take.
    ///
    /// The kernel sends no probes while it waits for an acknowledgement. Without this timeout, a call that sends audio or
    /// silence would notice a dead peer only after 15 minutes. The timeout also ends the probes.
    #[must_use]
    pub fn user_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.user_timeout = timeout;
        self
    }

    pub(crate) fn apply(&self, socket: &SockRef<'_>) -> io::Result<()> {
        let keepalive = TcpKeepalive::new()
            .with_time(self.time)
            .with_interval(self.interval)
            .with_retries(self.retries);
        socket.set_tcp_keepalive(&keepalive).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("the system refused the keepalive times ({self:?}): {error}"),
            )
        })?;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(timeout) = self.user_timeout {
            socket
                .set_tcp_user_timeout(Some(timeout))
                .map_err(|error| {
                    io::Error::new(
                        error.kind(),
                        format!("the system refused the user timeout ({timeout:?}): {error}"),
                    )
                })?;
        }
        Ok(())
    }
}
