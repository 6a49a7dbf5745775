//! The agent-check of HAProxy: a TCP connection that gets one line with the state of the server.

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use audiosocket_tokio::ServerHandle;
use audiosocket_tokio::stats::Readiness;
use tokio::sync::oneshot;
use tokio::time::sleep;

/// The pause after an error of `accept`, such as a lack of descriptors.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers agent-checks.
#[derive(Debug)]
pub(in crate::serve) struct AgentCheck {
    listener: TcpListener,
    server: ServerHandle,
    stopped: oneshot::Receiver<Infallible>,
}

/// Ends the answers of an [`AgentCheck`] when it is dropped.
#[derive(Debug)]
pub(in crate::serve) struct AgentStop {
    _stop: oneshot::Sender<Infallible>,
}

impl AgentCheck {
    pub(in crate::serve) fn new(
        listener: TcpListener,
        server: ServerHandle,
    ) -> io::Result<(Self, AgentStop)> {
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        tracing::info!(%addr, "agent-checks are answered");
        let (stop, stopped) = oneshot::channel();
        let check = Self {
            listener,
            server,
            stopped,
        };
        Ok((check, AgentStop { _stop: stop }))
    }

    /// Answers checks until its [`AgentStop`] is dropped.
    pub(in crate::serve) async fn serve(mut self) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        loop {
            let accepted = tokio::select! {
                // So no check that comes later is answered.
                biased;
                _ = &mut self.stopped => return Ok(()),
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let calls = self.server.calls();
                    let max_calls = calls.limits().max_calls;
                    let answer = answer(self.server.readiness(), calls.admitted(), max_calls);
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
fn answer(readiness: Readiness, calls: usize, max_calls: usize) -> String {
    let free = max_calls.saturating_sub(calls);
    match readiness {
        Readiness::Ready => {
            let percent = (free as u128 * 100).checked_div(max_calls as u128);
            // The server has a place.
            format!("up ready {}%\n", percent.unwrap_or(0).max(1))
        }
        Readiness::Full(_) => "up ready 0%\n".to_owned(),
        _ => "drain\n".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use audiosocket_tokio::admission::LimitReached;

    use super::*;

    #[test]
    fn the_answer_has_the_share_of_free_places() {
        let answer = |calls, max_calls| answer(Readiness::Ready, calls, max_calls);
        assert_eq!(answer(0, 1000), "up ready 100%\n");
        assert_eq!(answer(200, 1000), "up ready 80%\n");
        assert_eq!(answer(999, 1000), "up ready 1%\n");
        assert_eq!(answer(1, 3), "up ready 66%\n");
        assert_eq!(answer(5, usize::MAX), "up ready 99%\n");
    }

    #[test]
    fn a_full_server_gets_no_new_calls() {
        let full = Readiness::Full(LimitReached::Calls);
        assert_eq!(answer(full, 1000, 1000), "up ready 0%\n");
        // Short of memory.
        assert_eq!(answer(full, 10, 1000), "up ready 0%\n");
    }

    #[test]
    fn a_draining_server_answers_drain_whatever_its_load() {
        for draining in [Readiness::DrainAnnounced, Readiness::ShuttingDown] {
            assert_eq!(answer(draining, 0, 1000), "drain\n");
            assert_eq!(answer(draining, 1000, 1000), "drain\n");
        }
    }
}
