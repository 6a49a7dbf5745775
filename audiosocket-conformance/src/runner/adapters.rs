use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use audiosocket_server::ServerDriver;
use tokio::runtime::Builder;

use super::sockets::{self, RunningServer};
use super::{Runner, ServerSetup};
use crate::env::Env;

#[path = "../../../audiosocket-server/examples/mio.rs"]
#[expect(dead_code, reason = "its `main`")]
mod example;

/// The time between two polls of a server with a wake interval.
const WAKE_INTERVAL: Duration = Duration::from_millis(2);

/// The number of unread bytes at which `audiosocket-blocking` drops audio of a call. No case reaches it.
const MAX_UNREAD: usize = 1 << 30;

/// The builder of an adapter. The builders of the adapters are different types.
macro_rules! builder {
    ($adapter:ident, $setup:expr) => {
        $adapter::Server::builder()
            .bind("127.0.0.1:0")
            .session($setup.session)
            .admission($setup.admission)
    };
}

pub(super) fn serve(runner: Runner, setup: ServerSetup) -> Rc<dyn Env> {
    match runner {
        Runner::Smol | Runner::SmolWakeInterval | Runner::AsyncStd => smol(runner, setup),
        Runner::Blocking => blocking(setup),
        Runner::Mio => mio(setup),
        _ => tokio(runner, setup),
    }
}

fn tokio(runner: Runner, setup: ServerSetup) -> Rc<dyn Env> {
    use Runner::{TokioMultiThread, TokioThreads, TokioThreadsWakeInterval, TokioWakeInterval};
    let mut builder = builder!(audiosocket_tokio, setup);
    if matches!(runner, TokioThreads | TokioThreadsWakeInterval) {
        builder = builder.threads(NonZeroUsize::new(2));
    }
    if matches!(runner, TokioWakeInterval | TokioThreadsWakeInterval) {
        builder = builder.wake_interval(WAKE_INTERVAL);
    }
    let mut runtime = match runner {
        TokioMultiThread => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    runtime.worker_threads(2).enable_all();
    sockets::serve(move |ready| {
        runtime.build().unwrap().block_on(async {
            let server = builder.start(setup.acceptor).await.unwrap();
            ready(RunningServer::new(server.local_addrs(), server.handle()));
            server.serve_forever().await.unwrap();
        });
    })
}

fn smol(runner: Runner, setup: ServerSetup) -> Rc<dyn Env> {
    let mut builder = builder!(audiosocket_smol, setup);
    if let Runner::SmolWakeInterval = runner {
        builder = builder.wake_interval(WAKE_INTERVAL);
    }
    sockets::serve(move |ready| {
        let serving = async {
            let server = builder.start(setup.acceptor).await.unwrap();
            ready(RunningServer::new(server.local_addrs(), server.handle()));
            server.serve_forever().await.unwrap();
        };
        match runner {
            Runner::AsyncStd => async_std::task::block_on(serving),
            _ => smol::block_on(serving),
        }
    })
}

fn blocking(setup: ServerSetup) -> Rc<dyn Env> {
    let builder = builder!(audiosocket_blocking, setup).max_unread(MAX_UNREAD);
    sockets::serve(move |ready| {
        let server = builder.start(setup.acceptor).unwrap();
        ready(RunningServer::new(server.local_addrs(), server.handle()));
        server.serve_forever().unwrap();
    })
}

fn mio(setup: ServerSetup) -> Rc<dyn Env> {
    sockets::serve(move |ready| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = ServerDriver::new(setup.session.linger, setup.admission);
        let addrs = [listener.local_addr().unwrap()];
        ready(RunningServer::new(&addrs, server.handle().clone()));
        example::serve(listener, &Arc::new(setup.acceptor), setup.session, server).unwrap();
    })
}
