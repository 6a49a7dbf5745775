use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep_until, timeout};

/// The time between two attempts to open the listener.
const RETRY: Duration = Duration::from_secs(1);

/// The longest wait for the target. Asterisk waits as long for a server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The listener of a tap. It is closed while the target refuses connections and while the tap is full, so that Asterisk
/// tries its next server.
#[derive(Debug)]
pub(super) struct Gate {
    addr: SocketAddr,
    target: String,
    listener: Option<TcpListener>,
    /// The earliest time at which the target is tried, after it has refused.
    retry_at: Option<Instant>,
}

impl Gate {
    /// Listens. Fails if the target refuses connections.
    pub(super) async fn open(listen: &str, target: &str) -> io::Result<Self> {
        try_connect(target).await.map_err(|error| {
            let text = format!("cannot connect to {target}: {error}; start the server first");
            io::Error::new(error.kind(), text)
        })?;
        let listener = TcpListener::bind(listen).await.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot listen on {listen}: {error}"))
        })?;
        Ok(Self {
            addr: listener.local_addr()?,
            target: target.to_owned(),
            listener: Some(listener),
            retry_at: None,
        })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Closes the listener, until the target accepts connections again.
    pub(super) fn close_until_the_target_accepts(&mut self) {
        if self.retry_at.is_none() {
            tracing::warn!("the target refuses calls, and so does the tap");
        }
        self.listener = None;
        self.retry_at = Some(Instant::now() + RETRY);
    }

    /// Accepts the next connection, and opens the listener for it if necessary. Without room it closes the listener, and
    /// never returns. Cancel safe.
    pub(super) async fn accept(&mut self, has_room: bool) -> (TcpStream, SocketAddr) {
        if !has_room {
            self.listener = None;
            return std::future::pending().await;
        }
        loop {
            if let Some(at) = self.retry_at {
                sleep_until(at).await;
                match try_connect(&self.target).await {
                    Ok(_) => {
                        self.retry_at = None;
                        tracing::info!("the target accepts calls again, and so does the tap");
                    }
                    Err(_) => self.retry_at = Some(Instant::now() + RETRY),
                }
                continue;
            }
            let Some(listener) = &self.listener else {
                match TcpListener::bind(self.addr).await {
                    Ok(listener) => self.listener = Some(listener),
                    Err(error) => self.failed(&error),
                }
                continue;
            };
            match listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => {
                    self.failed(&error);
                    self.listener = None;
                }
            }
        }
    }

    fn failed(&mut self, error: &io::Error) {
        tracing::warn!(addr = %self.addr, %error, "the tap cannot accept calls; it tries again");
        self.retry_at = Some(Instant::now() + RETRY);
    }
}

/// Connects to the target.
pub(super) async fn try_connect(target: &str) -> io::Result<TcpStream> {
    match timeout(CONNECT_TIMEOUT, TcpStream::connect(target)).await {
        Ok(connected) => connected,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}
