use std::num::NonZeroUsize;
use std::rc::Rc;

use audiosocket_proto::SessionConfig;
use audiosocket_server::Limits;
use audiosocket_tokio::{Server, ServerOptions};
use tokio::runtime::Builder;

use super::sockets::{self, BoundSockets};
use crate::recorder::Recorder;
use crate::world::World;

pub(super) fn current_thread(
    recorder: Recorder,
    session: SessionConfig,
    limits: Limits,
) -> Rc<dyn World> {
    serve(
        recorder,
        sockets::options(session, limits),
        Builder::new_current_thread(),
    )
}

/// On threads of the server's own.
pub(super) fn threads(recorder: Recorder, session: SessionConfig, limits: Limits) -> Rc<dyn World> {
    serve_on_threads(recorder, sockets::options(session, limits))
}

/// The same, where each thread looks after its calls together.
pub(super) fn threads_wake_interval(
    recorder: Recorder,
    session: SessionConfig,
    limits: Limits,
) -> Rc<dyn World> {
    let options = sockets::options(session, limits).wake_interval(Some(sockets::WAKE_INTERVAL));
    serve_on_threads(recorder, options)
}

/// Where calls are looked after together.
pub(super) fn wake_interval(
    recorder: Recorder,
    session: SessionConfig,
    limits: Limits,
) -> Rc<dyn World> {
    let options = sockets::options(session, limits).wake_interval(Some(sockets::WAKE_INTERVAL));
    serve(recorder, options, Builder::new_current_thread())
}

pub(super) fn multi_thread(
    recorder: Recorder,
    session: SessionConfig,
    limits: Limits,
) -> Rc<dyn World> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2);
    serve(recorder, sockets::options(session, limits), builder)
}

fn serve(recorder: Recorder, options: ServerOptions, builder: Builder) -> Rc<dyn World> {
    serve_as(recorder, options, builder, |server| server)
}

fn serve_on_threads(recorder: Recorder, options: ServerOptions) -> Rc<dyn World> {
    let threads = NonZeroUsize::new(2).unwrap();
    let builder = Builder::new_current_thread();
    serve_as(recorder, options, builder, move |server| {
        server.threads(threads)
    })
}

fn serve_as(
    recorder: Recorder,
    options: ServerOptions,
    mut builder: Builder,
    configure: impl FnOnce(Server<Recorder>) -> Server<Recorder> + Send + 'static,
) -> Rc<dyn World> {
    sockets::serve(move |tell| {
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(async {
            let server = configure(Server::start(recorder, options).await.unwrap());
            tell(BoundSockets::new(server.local_addrs(), server.handle()));
            server.serve_forever().await.unwrap();
        });
    })
}
