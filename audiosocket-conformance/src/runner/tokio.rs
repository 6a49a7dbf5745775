use std::rc::Rc;

use audiosocket_proto::SessionConfig;
use audiosocket_proto::server::Limits;
use audiosocket_tokio::Server;
use tokio::runtime::Builder;

use super::sockets::{self, Listening};
use crate::recorder::Recorder;
use crate::world::World;

pub(super) fn current_thread(
    recorder: Recorder,
    session: SessionConfig,
    limits: Limits,
) -> Rc<dyn World> {
    serve(recorder, session, limits, Builder::new_current_thread())
}

pub(super) fn multi_thread(
    recorder: Recorder,
    session: SessionConfig,
    limits: Limits,
) -> Rc<dyn World> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2);
    serve(recorder, session, limits, builder)
}

fn serve(
    recorder: Recorder,
    session: SessionConfig,
    limits: Limits,
    mut builder: Builder,
) -> Rc<dyn World> {
    sockets::serve(move |tell| {
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(async {
            let options = sockets::options(session, limits);
            let server = Server::start(recorder, options).await.unwrap();
            tell(Listening::new(server.local_addrs(), server.handle()));
            server.serve_forever().await.unwrap();
        });
    })
}
