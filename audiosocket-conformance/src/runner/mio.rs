use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;

use audiosocket_proto::SessionConfig;
use audiosocket_server::{Admission, ServerDriver};

use super::sockets::{self, RunningServer};
use crate::acceptor::ScriptedAcceptor;
use crate::env::Env;

#[path = "../../../audiosocket-server/examples/mio.rs"]
#[expect(dead_code, reason = "its `main`")]
mod example;

pub(super) fn event_loop(
    acceptor: ScriptedAcceptor,
    session: SessionConfig,
    admission: Admission,
) -> Rc<dyn Env> {
    sockets::serve(move |ready| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = ServerDriver::new(session.linger, admission);
        let addrs = [listener.local_addr().unwrap()];
        ready(RunningServer::new(&addrs, server.handle().clone()));
        example::serve(listener, &Arc::new(acceptor), session, server).unwrap();
    })
}
