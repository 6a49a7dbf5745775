use std::rc::Rc;

use audiosocket_proto::SessionConfig;
use audiosocket_server::Admission;
use audiosocket_smol::ServerBuilder;

use super::sockets::{self, BoundSockets, builder};
use crate::recorder::Recorder;
use crate::world::World;

/// Under smol's executor.
pub(super) fn smol(
    recorder: Recorder,
    session: SessionConfig,
    admission: Admission,
) -> Rc<dyn World> {
    let builder = builder!(audiosocket_smol, session, admission);
    sockets::serve(move |tell| smol::block_on(serve(recorder, builder, tell)))
}

/// The same, where calls are polled together.
pub(super) fn wake_interval(
    recorder: Recorder,
    session: SessionConfig,
    admission: Admission,
) -> Rc<dyn World> {
    let builder =
        builder!(audiosocket_smol, session, admission).wake_interval(sockets::WAKE_INTERVAL);
    sockets::serve(move |tell| smol::block_on(serve(recorder, builder, tell)))
}

/// Under async-std's executor.
pub(super) fn async_std(
    recorder: Recorder,
    session: SessionConfig,
    admission: Admission,
) -> Rc<dyn World> {
    let builder = builder!(audiosocket_smol, session, admission);
    sockets::serve(move |tell| async_std::task::block_on(serve(recorder, builder, tell)))
}

async fn serve(recorder: Recorder, builder: ServerBuilder, tell: &dyn Fn(BoundSockets)) {
    let server = builder.start(recorder).await.unwrap();
    tell(BoundSockets::new(server.local_addrs(), server.handle()));
    server.serve_forever().await.unwrap();
}
