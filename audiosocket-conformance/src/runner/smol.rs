use std::rc::Rc;

use audiosocket_proto::SessionConfig;
use audiosocket_server::Limits;
use audiosocket_smol::{Server, ServerOptions};

use super::sockets::{self, BoundSockets};
use crate::acceptor::ScriptedAcceptor;
use crate::env::Env;

/// Under smol's executor.
pub(super) fn smol(
    acceptor: ScriptedAcceptor,
    session: SessionConfig,
    limits: Limits,
) -> Rc<dyn Env> {
    let options = sockets::options(session, limits);
    sockets::serve(move |ready| smol::block_on(serve(acceptor, options, ready)))
}

/// The same, where calls are looked after together.
pub(super) fn wake_interval(
    acceptor: ScriptedAcceptor,
    session: SessionConfig,
    limits: Limits,
) -> Rc<dyn Env> {
    let options = sockets::options(session, limits).wake_interval(Some(sockets::WAKE_INTERVAL));
    sockets::serve(move |ready| smol::block_on(serve(acceptor, options, ready)))
}

/// Under async-std's executor.
pub(super) fn async_std(
    acceptor: ScriptedAcceptor,
    session: SessionConfig,
    limits: Limits,
) -> Rc<dyn Env> {
    let options = sockets::options(session, limits);
    sockets::serve(move |ready| async_std::task::block_on(serve(acceptor, options, ready)))
}

async fn serve(acceptor: ScriptedAcceptor, options: ServerOptions, ready: &dyn Fn(BoundSockets)) {
    let server = Server::start(acceptor, options).await.unwrap();
    ready(BoundSockets::new(server.local_addrs(), server.handle()));
    server.serve_forever().await.unwrap();
}
