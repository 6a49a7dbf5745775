use std::rc::Rc;

use audiosocket_blocking::Server;
use audiosocket_proto::SessionConfig;
use audiosocket_server::Limits;

use super::sockets::{self, BoundSockets};
use crate::acceptor::ScriptedAcceptor;
use crate::env::Env;

pub(super) fn threads(
    acceptor: ScriptedAcceptor,
    session: SessionConfig,
    limits: Limits,
) -> Rc<dyn Env> {
    sockets::serve(move |ready| {
        let server = Server::start(acceptor, sockets::options(session, limits)).unwrap();
        ready(BoundSockets::new(server.local_addrs(), server.handle()));
        server.serve_forever().unwrap();
    })
}
