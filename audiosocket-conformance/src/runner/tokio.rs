use std::num::NonZeroUsize;
use std::rc::Rc;

use audiosocket_proto::SessionConfig;
use audiosocket_server::Admission;
use audiosocket_tokio::ServerBuilder;
use tokio::runtime::Builder;

use super::sockets::{self, BoundSockets, builder};
use crate::recorder::Recorder;
use crate::world::World;

pub(super) fn current_thread(
    recorder: Recorder,
    session: SessionConfig,
    admission: Admission,
) -> Rc<dyn World> {
    let builder = builder!(audiosocket_tokio, session, admission);
    serve(recorder, builder, Builder::new_current_thread())
}

/// On threads of the server's own.
pub(super) fn threads(
    recorder: Recorder,
    session: SessionConfig,
    admission: Admission,
) -> Rc<dyn World> {
    let builder = builder!(audiosocket_tokio, session, admission).threads(NonZeroUsize::new(2));
    serve(recorder, builder, Builder::new_current_thread())
}

/// The same, where each thread polls its calls together.
pub(super) fn threads_wake_interval(
    recorder: Recorder,
    session: SessionConfig,
    admission: Admission,
) -> Rc<dyn World> {
    let builder = builder!(audiosocket_tokio, session, admission)
        .threads(NonZeroUsize::new(2))
        .wake_interval(sockets::WAKE_INTERVAL);
    serve(recorder, builder, Builder::new_current_thread())
}

/// Where calls are polled together.
pub(super) fn wake_interval(
    recorder: Recorder,
    session: SessionConfig,
    admission: Admission,
) -> Rc<dyn World> {
    let builder =
        builder!(audiosocket_tokio, session, admission).wake_interval(sockets::WAKE_INTERVAL);
    serve(recorder, builder, Builder::new_current_thread())
}

pub(super) fn multi_thread(
    recorder: Recorder,
    session: SessionConfig,
    admission: Admission,
) -> Rc<dyn World> {
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(2);
    serve(
        recorder,
        builder!(audiosocket_tokio, session, admission),
        runtime,
    )
}

fn serve(recorder: Recorder, builder: ServerBuilder, mut runtime: Builder) -> Rc<dyn World> {
    sockets::serve(move |tell| {
        let runtime = runtime.enable_all().build().unwrap();
        runtime.block_on(async {
            let server = builder.start(recorder).await.unwrap();
            tell(BoundSockets::new(server.local_addrs(), server.handle()));
            server.serve_forever().await.unwrap();
        });
    })
}
