use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;

use audiosocket_proto::SessionConfig;

use super::sockets::{self, End, Listening};
use crate::recorder::Recorder;
use crate::world::World;

#[path = "../../../audiosocket-proto/examples/mio.rs"]
#[expect(dead_code, reason = "its `main`")]
mod example;

pub(super) fn event_loop(recorder: Recorder, session: SessionConfig) -> Rc<dyn World> {
    sockets::serve(move |tell| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let server = example::Server::new(listener, Arc::new(recorder), session).unwrap();
        tell(Listening {
            addr,
            end: End::Stop(server.stopper()),
        });
        server.run().unwrap();
    })
}
