use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// How the kernel finds out that a peer is dead. A healthy call may be silent for minutes, so silence
/// does not say.
///
/// Times of probes count in whole seconds. Linux takes 1 s to 32,767 s and 1 to 127 probes.
///
/// ```
/// use audiosocket_server::io::Keepalive;
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
    /// The defaults.
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

    /// Sets after how many unanswered probes the connection is lost. Default: 3.
    #[must_use]
    pub fn retries(mut self, probes: u32) -> Self {
        self.retries = probes;
        self
    }

    /// Sets how long sent bytes may stay unacknowledged (`TCP_USER_TIMEOUT`, on systems that have it);
    /// `None` leaves it to the system. Default: 60 s, as long as the probes take.
    ///
    /// There are no probes while bytes are unacknowledged. Without this timeout, a dead peer to which audio or
    /// silence is sent would count as alive for a quarter of an hour. The timeout also ends the probes.
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
        socket
            .set_tcp_keepalive(&keepalive)
            .map_err(|error| io::Error::new(error.kind(), format!("keepalive: {error}")))?;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(timeout) = self.user_timeout {
            socket
                .set_tcp_user_timeout(Some(timeout))
                .map_err(|error| io::Error::new(error.kind(), format!("user timeout: {error}")))?;
        }
        Ok(())
    }
}
