use std::rc::Rc;

use audiosocket_proto::SessionConfig;
use audiosocket_proto::server::Limits;
use audiosocket_smol::Server;

use super::sockets::{self, Listening};
use crate::recorder::Recorder;
use crate::world::World;

/// Under smol's executor.
pub(super) fn smol(recorder: Recorder, session: SessionConfig, limits: Limits) -> Rc<dyn World> {
    sockets::serve(move |tell| smol::block_on(serve(recorder, session, limits, tell)))
}

/// Under async-std's executor.
pub(super) fn async_std(
    recorder: Recorder,
    session: SessionConfig,
    limits: Limits,
) -> Rc<dyn World> {
    sockets::serve(move |tell| async_std::task::block_on(serve(recorder, session, limits, tell)))
}

async fn serve(
    recorder: Recorder,
    session: SessionConfig,
    limits: Limits,
    tell: &dyn Fn(Listening),
) {
    let options = sockets::options(session, limits);
    let server = Server::start(recorder, options).await.unwrap();
    tell(Listening::new(server.local_addrs(), server.handle()));
    server.serve_forever().await.unwrap();
}
