//! The agent-check of HAProxy: a TCP connection that gets one line with the state of the server.

use std::io::{self, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use audiosocket_tokio::ServerHandle;
use tokio::time::sleep;

/// The pause after an error of `accept`, such as a lack of descriptors.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers agent-checks.
#[derive(Debug)]
pub(in crate::serve) struct AgentCheck {
    listener: TcpListener,
    server: ServerHandle,
    max_calls: usize,
    draining: DrainNotice,
}

/// Whether a drain was announced or has begun. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(in crate::serve) struct DrainNotice(Arc<AtomicBool>);

impl DrainNotice {
    pub(in crate::serve) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl AgentCheck {
    pub(in crate::serve) fn new(
        listener: TcpListener,
        server: ServerHandle,
        max_calls: usize,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        tracing::info!(%addr, "agent-checks are answered");
        Ok(Self {
            listener,
            server,
            max_calls,
            draining: DrainNotice::default(),
        })
    }

    /// Returns the notice that makes the answers `drain`.
    pub(in crate::serve) fn drain_notice(&self) -> DrainNotice {
        self.draining.clone()
    }

    /// Answers checks until the process ends.
    pub(in crate::serve) async fn serve(self) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let calls = self.server.calls();
                    let is_full = calls.full().is_some();
                    let answer = answer(
                        self.draining.is_set(),
                        is_full,
                        calls.admitted(),
                        self.max_calls,
                    );
                    // A new connection has room for a line. It is closed at once, so a peer can hold nothing open.
                    let written = stream.into_std();
                    let written = written.and_then(|mut stream| stream.write(answer.as_bytes()));
                    if let Err(error) = written {
                        tracing::debug!(%error, "an agent-check was closed early");
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot answer an agent-check");
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Returns the line for HAProxy (`agent-check` in its configuration manual).
///
/// `ready` ends an earlier `drain`. The percentage is that of the configured weight: the share of places that are free. At 0 %,
/// HAProxy sends no new calls.
fn answer(is_draining: bool, is_full: bool, calls: usize, max_calls: usize) -> String {
    if is_draining {
        return "drain\n".to_owned();
    }
    let free = max_calls.saturating_sub(calls);
    let percent = match (free as u128 * 100).checked_div(max_calls as u128) {
        _ if is_full => 0,
        // The server has a place.
        percent => percent.unwrap_or(0).max(1),
    };
    format!("up ready {percent}%\n")
}

#[cfg(test)]
mod tests {
    use super::answer;

    #[test]
    fn the_answer_has_the_share_of_free_places() {
        assert_eq!(answer(false, false, 0, 1000), "up ready 100%\n");
        assert_eq!(answer(false, false, 200, 1000), "up ready 80%\n");
        assert_eq!(answer(false, false, 999, 1000), "up ready 1%\n");
        assert_eq!(answer(false, false, 1, 3), "up ready 66%\n");
        assert_eq!(answer(false, false, 5, usize::MAX), "up ready 99%\n");
    }

    #[test]
    fn a_full_server_gets_no_new_calls() {
        assert_eq!(answer(false, true, 1000, 1000), "up ready 0%\n");
        // Short of memory.
        assert_eq!(answer(false, true, 10, 1000), "up ready 0%\n");
    }

    #[test]
    fn a_draining_server_answers_drain_whatever_its_load() {
        assert_eq!(answer(true, false, 0, 1000), "drain\n");
        assert_eq!(answer(true, true, 1000, 1000), "drain\n");
    }
}
