use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;

use audiosocket_proto::SessionConfig;
use audiosocket_server::{Limits, ServerDriver};

use super::sockets::{self, BoundSockets};
use crate::recorder::Recorder;
use crate::world::World;

#[path = "../../../audiosocket-server/examples/mio.rs"]
#[expect(dead_code, reason = "its `main`")]
mod example;

pub(super) fn event_loop(
    recorder: Recorder,
    session: SessionConfig,
    limits: Limits,
) -> Rc<dyn World> {
    sockets::serve(move |tell| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = ServerDriver::new(session.linger, limits);
        let addrs = [listener.local_addr().unwrap()];
        tell(BoundSockets::new(&addrs, server.handle().clone()));
        example::serve(listener, &Arc::new(recorder), session, server).unwrap();
    })
}
