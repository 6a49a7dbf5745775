use std::rc::Rc;

use audiosocket_proto::SessionConfig;
use audiosocket_server::Admission;

use super::sockets::{self, BoundSockets, builder};
use crate::recorder::Recorder;
use crate::world::World;

/// No case is about what a handler that blocks makes wait, so that none is dropped.
const MAX_UNREAD: usize = 1 << 30;

pub(super) fn threads(
    recorder: Recorder,
    session: SessionConfig,
    admission: Admission,
) -> Rc<dyn World> {
    let builder = builder!(audiosocket_blocking, session, admission).max_unread(MAX_UNREAD);
    sockets::serve(move |tell| {
        let server = builder.start(recorder).unwrap();
        tell(BoundSockets::new(server.local_addrs(), server.handle()));
        server.serve_forever().unwrap();
    })
}
