use std::num::NonZeroUsize;
use std::rc::Rc;

use audiosocket_proto::SessionConfig;
use audiosocket_server::Admission;
use audiosocket_tokio::ServerBuilder;
use tokio::runtime::Builder;

use super::sockets::{self, RunningServer, builder};
use crate::acceptor::ScriptedAcceptor;
use crate::env::Env;

pub(super) fn current_thread(
    acceptor: ScriptedAcceptor,
    session: SessionConfig,
    admission: Admission,
) -> Rc<dyn Env> {
    let builder = builder!(audiosocket_tokio, session, admission);
    serve(acceptor, builder, Builder::new_current_thread())
}

/// On threads of the server's own.
pub(super) fn threads(
    acceptor: ScriptedAcceptor,
    session: SessionConfig,
    admission: Admission,
) -> Rc<dyn Env> {
    let builder = builder!(audiosocket_tokio, session, admission).threads(NonZeroUsize::new(2));
    serve(acceptor, builder, Builder::new_current_thread())
}

/// The same, where each thread polls its calls together.
pub(super) fn threads_wake_interval(
    acceptor: ScriptedAcceptor,
    session: SessionConfig,
    admission: Admission,
) -> Rc<dyn Env> {
    let builder = builder!(audiosocket_tokio, session, admission)
        .threads(NonZeroUsize::new(2))
        .wake_interval(sockets::WAKE_INTERVAL);
    serve(acceptor, builder, Builder::new_current_thread())
}

/// Where calls are polled together.
pub(super) fn wake_interval(
    acceptor: ScriptedAcceptor,
    session: SessionConfig,
    admission: Admission,
) -> Rc<dyn Env> {
    let builder =
        builder!(audiosocket_tokio, session, admission).wake_interval(sockets::WAKE_INTERVAL);
    serve(acceptor, builder, Builder::new_current_thread())
}

pub(super) fn multi_thread(
    acceptor: ScriptedAcceptor,
    session: SessionConfig,
    admission: Admission,
) -> Rc<dyn Env> {
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(2);
    serve(
        acceptor,
        builder!(audiosocket_tokio, session, admission),
        runtime,
    )
}

fn serve(acceptor: ScriptedAcceptor, builder: ServerBuilder, mut runtime: Builder) -> Rc<dyn Env> {
    sockets::serve(move |ready| {
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(async {
            let server = builder.start(acceptor).await.unwrap();
            ready(RunningServer::new(server.local_addrs(), server.handle()));
            server.serve_forever().await.unwrap();
        });
    })
}
