use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// How the kernel finds out that a quiet peer is dead. A call may be silent for minutes and be
/// healthy, so this, and not silence, tells the two apart.
///
/// Times count in whole seconds. Linux takes 1 s to 32,767 s and 1 to 127 probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Keepalive {
    /// Quiet time before the first probe. Default: 30 s.
    pub time: Duration,
    /// Time between probes. Default: 10 s.
    pub interval: Duration,
    /// Unanswered probes after which the connection is lost. Default: 3.
    pub retries: u32,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(30),
            interval: Duration::from_secs(10),
            retries: 3,
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
            .map_err(|error| io::Error::new(error.kind(), format!("keepalive: {error}")))
    }
}
