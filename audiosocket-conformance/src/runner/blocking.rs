use std::rc::Rc;

use audiosocket_proto::SessionConfig;
use audiosocket_server::Admission;

use super::sockets::{self, RunningServer, builder};
use crate::acceptor::ScriptedAcceptor;
use crate::env::Env;

/// No case tests the bound, so no audio is dropped.
const MAX_UNREAD: usize = 1 << 30;

pub(super) fn threads(
    acceptor: ScriptedAcceptor,
    session: SessionConfig,
    admission: Admission,
) -> Rc<dyn Env> {
    let builder = builder!(audiosocket_blocking, session, admission).max_unread(MAX_UNREAD);
    sockets::serve(move |ready| {
        let server = builder.start(acceptor).unwrap();
        ready(RunningServer::new(server.local_addrs(), server.handle()));
        server.serve_forever().unwrap();
    })
}
