use std::rc::Rc;

use audiosocket_blocking::Server;
use audiosocket_proto::SessionConfig;
use audiosocket_server::Limits;

use super::sockets::{self, BoundSockets};
use crate::recorder::Recorder;
use crate::world::World;

pub(super) fn threads(recorder: Recorder, session: SessionConfig, limits: Limits) -> Rc<dyn World> {
    sockets::serve(move |tell| {
        let server = Server::start(recorder, sockets::options(session, limits)).unwrap();
        tell(BoundSockets::new(server.local_addrs(), server.handle()));
        server.serve_forever().unwrap();
    })
}
