use std::rc::Rc;

use audiosocket_proto::SessionConfig;
use audiosocket_server::Limits;
use audiosocket_smol::{Server, ServerOptions};

use super::sockets::{self, BoundSockets};
use crate::recorder::Recorder;
use crate::world::World;

/// Under smol's executor.
pub(super) fn smol(recorder: Recorder, session: SessionConfig, limits: Limits) -> Rc<dyn World> {
    let options = sockets::options(session, limits);
    sockets::serve(move |tell| smol::block_on(serve(recorder, options, tell)))
}

/// The same, where calls are looked after together.
pub(super) fn wake_interval(
    recorder: Recorder,
    session: SessionConfig,
    limits: Limits,
) -> Rc<dyn World> {
    let options = sockets::options(session, limits).wake_interval(Some(sockets::WAKE_INTERVAL));
    sockets::serve(move |tell| smol::block_on(serve(recorder, options, tell)))
}

/// Under async-std's executor.
pub(super) fn async_std(
    recorder: Recorder,
    session: SessionConfig,
    limits: Limits,
) -> Rc<dyn World> {
    let options = sockets::options(session, limits);
    sockets::serve(move |tell| async_std::task::block_on(serve(recorder, options, tell)))
}

async fn serve(recorder: Recorder, options: ServerOptions, tell: &dyn Fn(BoundSockets)) {
    let server = Server::start(recorder, options).await.unwrap();
    tell(BoundSockets::new(server.local_addrs(), server.handle()));
    server.serve_forever().await.unwrap();
}
