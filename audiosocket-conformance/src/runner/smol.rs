use std::rc::Rc;

use audiosocket_proto::SessionConfig;
use audiosocket_server::Admission;
use audiosocket_smol::ServerBuilder;

use super::sockets::{self, RunningServer, builder};
use crate::acceptor::ScriptedAcceptor;
use crate::env::Env;

/// Under smol's executor.
pub(super) fn smol(
    acceptor: ScriptedAcceptor,
    session: SessionConfig,
    admission: Admission,
) -> Rc<dyn Env> {
    let builder = builder!(audiosocket_smol, session, admission);
    sockets::serve(move |ready| smol::block_on(serve(acceptor, builder, ready)))
}

/// The same, where calls are polled together.
pub(super) fn wake_interval(
    acceptor: ScriptedAcceptor,
    session: SessionConfig,
    admission: Admission,
) -> Rc<dyn Env> {
    let builder =
        builder!(audiosocket_smol, session, admission).wake_interval(sockets::WAKE_INTERVAL);
    sockets::serve(move |ready| smol::block_on(serve(acceptor, builder, ready)))
}

/// Under async-std's executor.
pub(super) fn async_std(
    acceptor: ScriptedAcceptor,
    session: SessionConfig,
    admission: Admission,
) -> Rc<dyn Env> {
    let builder = builder!(audiosocket_smol, session, admission);
    sockets::serve(move |ready| async_std::task::block_on(serve(acceptor, builder, ready)))
}

async fn serve(acceptor: ScriptedAcceptor, builder: ServerBuilder, ready: &dyn Fn(RunningServer)) {
    let server = builder.start(acceptor).await.unwrap();
    ready(RunningServer::new(server.local_addrs(), server.handle()));
    server.serve_forever().await.unwrap();
}
