use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// How the kernel finds out that a peer is dead. A call may be silent for minutes and be
/// healthy, so this, and not silence, tells the two apart.
///
/// Times of probes count in whole seconds. Linux takes 1 s to 32,767 s and 1 to 127 probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Keepalive {
    /// Quiet time before the first probe. Default: 30 s.
    pub time: Duration,
    /// Time between probes. Default: 10 s.
    pub interval: Duration,
    /// Unanswered probes after which the connection is lost. Default: 3.
    pub retries: u32,
    /// How long what was sent may stay unacknowledged (`TCP_USER_TIMEOUT`; on systems that have it).
    /// While something is, there are no probes, and a peer to which audio or silence is sent would be
    /// taken for alive for a quarter of an hour. It also ends the probes. `None` leaves it to the
    /// system. Default: 60 s, as long as the probes take.
    pub user_timeout: Option<Duration>,
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
