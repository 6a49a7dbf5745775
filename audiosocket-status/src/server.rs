use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use audiosocket_server::ServerHandle;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, timeout};

use crate::address;
use crate::pages::Pages;

/// Further connections wait in the kernel.
const MAX_CONNECTIONS: usize = 32;

/// The longest time of a connection, from its start to the end of its answer.
const MAX_TIME: Duration = Duration::from_secs(10);

/// The largest head of a request, in bytes.
const MAX_HEAD: usize = 8 * 1024;

/// The pause after an error of `accept`, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers HTTP requests about a server until it is dropped.
#[derive(Debug)]
pub struct StatusServer {
    local_addr: SocketAddr,
    /// Ends the thread when it is dropped.
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl StatusServer {
    /// Listens on `addr`, and answers requests about `server` on a thread of its own. `addr` is `HOST:PORT`. For `PORT` or
    /// `:PORT` it is the loopback address.
    ///
    /// # Errors
    ///
    /// If it cannot listen on the address, or the thread cannot be started.
    pub fn start(addr: &str, server: ServerHandle) -> io::Result<Self> {
        Self::with_listener(address::listen(addr)?, server)
    }

    /// Answers requests that come to `listener`, such as a socket of another process.
    ///
    /// # Errors
    ///
    /// If the listener cannot be made non-blocking, or the thread cannot be started.
    pub fn with_listener(
        listener: std::net::TcpListener,
        server: ServerHandle,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let local_addr = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener = {
            let _context = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let pages = Arc::new(Pages::new(server, local_addr.ip().is_loopback()));
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("status".to_owned());
        let thread = thread.spawn(move || {
            lower_priority();
            runtime.block_on(async {
                // The end of the runtime ends this task and all connections.
                tokio::spawn(accept(listener, pages));
                let _ = stopped.await;
            });
        })?;
        Ok(Self {
            local_addr,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Returns the address on which it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }
}

impl Drop for StatusServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread waits for nothing, so this takes no time. After it, the port is free.
            let _ = thread.join();
        }
    }
}

/// Lets the threads of the calls go first.
fn lower_priority() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Err(error) = rustix::process::nice(10) {
        tracing::debug!(%error, "the thread of the status server keeps its priority");
    }
}

async fn accept(listener: TcpListener, pages: Arc<Pages>) {
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let pages = Arc::clone(&pages);
                tokio::spawn(async move {
                    // An error concerns the client only, and it is a client that this server does not need.
                    let _ = timeout(MAX_TIME, answer(stream, pages)).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "the status server cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Answers one request.
async fn answer(stream: TcpStream, pages: Arc<Pages>) -> hyper::Result<()> {
    let service = service_fn(|request| {
        let response = pages.answer(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(MAX_TIME)
        .keep_alive(false)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .await
}
