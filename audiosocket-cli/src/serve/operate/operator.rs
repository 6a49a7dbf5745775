//! What an operator does to a running server: signals.

use std::io;
use std::thread;
use std::time::Duration;

use audiosocket_tokio::ServerHandle;
use tokio::time::Instant;

use super::agent_check::AgentCheck;
use super::allow_file::AllowFile;
use super::service_manager::ServiceManager;
use super::status;
use crate::signals::{ServerSignal, ServerSignals};

/// Acts on the signals to a server.
#[derive(Debug)]
pub(in crate::serve) struct Operator {
    pub(in crate::serve) server: ServerHandle,
    pub(in crate::serve) allow_file: Option<AllowFile>,
    #[cfg(feature = "tls")]
    pub(in crate::serve) certificates: Option<super::certificates::Certificates>,
    pub(in crate::serve) agent: Option<AgentCheck>,
    /// The time from the first signal until the server stops accepting.
    pub(in crate::serve) notice: Duration,
    /// The time for calls to end after that.
    pub(in crate::serve) drain: Duration,
}

impl Operator {
    /// Acts on a thread of its own. So a signal works while all other threads are busy. Returns the service manager, which
    /// does not know yet that the server is ready.
    pub(in crate::serve) fn spawn(self) -> io::Result<ServiceManager> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let signals = {
            let _context = runtime.enter();
            ServerSignals::listen()?
        };
        let manager = ServiceManager::new(self.server.clone());
        runtime.spawn(manager.clone().watch());
        let thread = thread::Builder::new().name("signals".to_owned());
        let acting = manager.clone();
        thread.spawn(move || runtime.block_on(self.act(signals, acting)))?;
        Ok(manager)
    }

    async fn act(mut self, mut signals: ServerSignals, manager: ServiceManager) {
        let mut notice_ends = None;
        if let Some(agent) = self.agent.take() {
            tokio::spawn(agent.serve());
        }
        loop {
            match signals.next(notice_ends).await {
                None => {
                    notice_ends = None;
                    self.shut_down("the notice is over", &manager);
                }
                Some(ServerSignal::End(signal)) if !self.notice.is_zero() => {
                    let notice = std::mem::take(&mut self.notice);
                    manager.stopping(notice + self.drain);
                    notice_ends = Some(Instant::now() + notice);
                    self.server.announce_drain();
                    let notice = humantime::format_duration(notice);
                    tracing::info!(signal, %notice, "shutting down soon; new calls are accepted until then");
                }
                Some(ServerSignal::End(signal)) => {
                    notice_ends = None;
                    self.shut_down(signal, &manager);
                }
                Some(ServerSignal::Reload) => manager.reload(|| self.reload()),
                Some(ServerSignal::Summary) => status::log(&self.server),
                Some(ServerSignal::Other(number)) => {
                    tracing::warn!(number, "a signal without a meaning was ignored");
                }
            }
        }
    }

    /// Drains the server. The second time, it hangs up at once.
    fn shut_down(&mut self, signal: &str, manager: &ServiceManager) {
        let grace = std::mem::take(&mut self.drain);
        manager.stopping(grace);
        let drain = humantime::format_duration(grace);
        // An idle server ends at once, and the process with it.
        tracing::info!(signal, %drain, "shutting down");
        self.server.shutdown(grace);
    }

    fn reload(&self) {
        #[cfg(feature = "tls")]
        if let Some(certificates) = &self.certificates {
            match certificates.reload() {
                Ok(()) => tracing::info!("the certificates were reloaded"),
                Err(error) => {
                    tracing::error!(%error, "the certificates were not reloaded; the old ones stay in effect");
                }
            }
            if self.allow_file.is_none() {
                return;
            }
        }
        let Some(file) = &self.allow_file else {
            tracing::info!("nothing to reload: the server has no --allow-file");
            return;
        };
        match file.reload() {
            Ok(networks) => tracing::info!(networks, "the allow list was reloaded"),
            Err(error) => {
                tracing::error!(%error, "the allow list was not reloaded; the old one stays in effect");
            }
        }
    }
}
