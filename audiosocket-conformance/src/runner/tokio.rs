use std::rc::Rc;

use audiosocket_proto::SessionConfig;
use audiosocket_tokio::{Server, ServerOptions};
use tokio::runtime::Builder;

use super::sockets::{self, Listening};
use crate::recorder::Recorder;
use crate::world::World;

pub(super) fn current_thread(recorder: Recorder, session: SessionConfig) -> Rc<dyn World> {
    serve(
        recorder,
        sockets::options(session),
        Builder::new_current_thread(),
    )
}

/// Where calls are looked after together.
pub(super) fn wake_interval(recorder: Recorder, session: SessionConfig) -> Rc<dyn World> {
    let options = sockets::options(session).wake_interval(Some(sockets::WAKE_INTERVAL));
    serve(recorder, options, Builder::new_current_thread())
}

pub(super) fn multi_thread(recorder: Recorder, session: SessionConfig) -> Rc<dyn World> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2);
    serve(recorder, sockets::options(session), builder)
}

fn serve(recorder: Recorder, options: ServerOptions, mut builder: Builder) -> Rc<dyn World> {
    sockets::serve(move |tell| {
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::start(recorder, options).await.unwrap();
            tell(Listening::new(server.local_addrs(), server.handle()));
            server.serve_forever().await.unwrap();
        });
    })
}
