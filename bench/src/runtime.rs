use std::io;
use std::net::SocketAddr;
use std::thread;

use audiosocket_server::{IncomingCalls, ServerHandle, incoming};
use clap::ValueEnum;

/// The runtime of a server.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Runtime {
    Tokio,
    Smol,
    Blocking,
}

/// A server in this process.
pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    pub(crate) handle: ServerHandle,
    pub(crate) calls: IncomingCalls,
    thread: thread::JoinHandle<io::Result<()>>,
}

impl Runtime {
    pub(crate) const ALL: [Self; 3] = [Self::Tokio, Self::Smol, Self::Blocking];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Tokio => "tokio",
            Self::Smol => "smol",
            Self::Blocking => "blocking",
        }
    }

    /// Starts a server on one thread. `Blocking` uses one more thread for each call.
    pub(crate) fn start(self) -> io::Result<Running> {
        let (acceptor, calls) = incoming();
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let addr = listener.local_addr()?;
        let (started, starting) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || match self {
            Self::Tokio => tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?
                .block_on(async {
                    let server = audiosocket_tokio::Server::builder()
                        .listener(listener)
                        .start(acceptor)
                        .await?;
                    let _ = started.send(server.handle());
                    server.serve_forever().await
                }),
            Self::Smol => async_io::block_on(async {
                let server = audiosocket_smol::Server::builder()
                    .listener(listener)
                    .start(acceptor)
                    .await?;
                let _ = started.send(server.handle());
                server.serve_forever().await
            }),
            Self::Blocking => {
                let server = audiosocket_blocking::Server::builder()
                    .listener(listener)
                    .start(acceptor)?;
                let _ = started.send(server.handle());
                server.serve_forever()
            }
        });
        let handle = starting
            .recv()
            .map_err(|_| io::Error::other("the server did not start"))?;
        Ok(Running {
            addr,
            handle,
            calls,
            thread,
        })
    }
}

impl Running {
    pub(crate) fn stop(self) -> io::Result<()> {
        self.handle.shutdown(std::time::Duration::ZERO);
        let served = self.thread.join();
        served.unwrap_or_else(|_| Err(io::Error::other("the server panicked")))
    }
}
