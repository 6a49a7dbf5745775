use std::num::NonZeroUsize;
use std::rc::Rc;

use audiosocket_proto::SessionConfig;
use audiosocket_server::Limits;
use audiosocket_tokio::{Server, ServerOptions};
use tokio::runtime::Builder;

use super::sockets::{self, BoundSockets};
use crate::acceptor::ScriptedAcceptor;
use crate::env::Env;

pub(super) fn current_thread(
    acceptor: ScriptedAcceptor,
    session: SessionConfig,
    limits: Limits,
) -> Rc<dyn Env> {
    serve(
        acceptor,
        sockets::options(session, limits),
        Builder::new_current_thread(),
    )
}

/// On threads of the server's own.
pub(super) fn threads(
    acceptor: ScriptedAcceptor,
    session: SessionConfig,
    limits: Limits,
) -> Rc<dyn Env> {
    serve_on_threads(acceptor, sockets::options(session, limits))
}

/// The same, where each thread looks after its calls together.
pub(super) fn threads_wake_interval(
    acceptor: ScriptedAcceptor,
    session: SessionConfig,
    limits: Limits,
) -> Rc<dyn Env> {
    let options = sockets::options(session, limits).wake_interval(Some(sockets::WAKE_INTERVAL));
    serve_on_threads(acceptor, options)
}

/// Where calls are looked after together.
pub(super) fn wake_interval(
    acceptor: ScriptedAcceptor,
    session: SessionConfig,
    limits: Limits,
) -> Rc<dyn Env> {
    let options = sockets::options(session, limits).wake_interval(Some(sockets::WAKE_INTERVAL));
    serve(acceptor, options, Builder::new_current_thread())
}

pub(super) fn multi_thread(
    acceptor: ScriptedAcceptor,
    session: SessionConfig,
    limits: Limits,
) -> Rc<dyn Env> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2);
    serve(acceptor, sockets::options(session, limits), builder)
}

fn serve(acceptor: ScriptedAcceptor, options: ServerOptions, builder: Builder) -> Rc<dyn Env> {
    serve_as(acceptor, options, builder, |server| server)
}

fn serve_on_threads(acceptor: ScriptedAcceptor, options: ServerOptions) -> Rc<dyn Env> {
    let threads = NonZeroUsize::new(2).unwrap();
    let builder = Builder::new_current_thread();
    serve_as(acceptor, options, builder, move |server| {
        server.threads(threads)
    })
}

fn serve_as(
    acceptor: ScriptedAcceptor,
    options: ServerOptions,
    mut builder: Builder,
    configure: impl FnOnce(Server<ScriptedAcceptor>) -> Server<ScriptedAcceptor> + Send + 'static,
) -> Rc<dyn Env> {
    sockets::serve(move |ready| {
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(async {
            let server = configure(Server::start(acceptor, options).await.unwrap());
            ready(BoundSockets::new(server.local_addrs(), server.handle()));
            server.serve_forever().await.unwrap();
        });
    })
}
