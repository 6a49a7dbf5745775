//! What serves: an adapter on real sockets, or the core alone.

mod blocking;
mod core;
mod mio;
mod smol;
mod sockets;
mod tokio;

use std::fmt;
use std::rc::Rc;

use audiosocket_proto::SessionConfig;
use audiosocket_server::Admission;

use crate::acceptor::ScriptedAcceptor;
use crate::env::Env;

/// One way to serve the cases: an adapter on one of its runtimes, or the core alone.
#[derive(Clone, Copy)]
pub(crate) struct Runner {
    name: &'static str,
    serve: fn(ScriptedAcceptor, SessionConfig, Admission) -> Rc<dyn Env>,
}

impl Runner {
    /// `audiosocket-proto` in virtual time, without a socket or a thread.
    pub(crate) const CORE: Self = Self {
        name: "core",
        serve: core::serve,
    };

    /// `audiosocket-tokio` on the current-thread runtime.
    pub(crate) const TOKIO_CURRENT_THREAD: Self = Self {
        name: "tokio, current-thread",
        serve: tokio::current_thread,
    };

    /// `audiosocket-tokio` on the multi-thread runtime.
    pub(crate) const TOKIO_MULTI_THREAD: Self = Self {
        name: "tokio, multi-thread",
        serve: tokio::multi_thread,
    };

    /// `audiosocket-tokio` with a wake interval.
    pub(crate) const TOKIO_WAKE_INTERVAL: Self = Self {
        name: "tokio, wake interval",
        serve: tokio::wake_interval,
    };

    /// `audiosocket-tokio` with threads of its own.
    pub(crate) const TOKIO_THREADS: Self = Self {
        name: "tokio, threads",
        serve: tokio::threads,
    };

    /// `audiosocket-tokio` with threads of its own and a wake interval.
    pub(crate) const TOKIO_THREADS_WAKE_INTERVAL: Self = Self {
        name: "tokio, threads, wake interval",
        serve: tokio::threads_wake_interval,
    };

    /// `audiosocket-smol` under smol.
    pub(crate) const SMOL: Self = Self {
        name: "smol",
        serve: smol::smol,
    };

    /// `audiosocket-smol` with a wake interval.
    pub(crate) const SMOL_WAKE_INTERVAL: Self = Self {
        name: "smol, wake interval",
        serve: smol::wake_interval,
    };

    /// `audiosocket-smol` under async-std.
    pub(crate) const ASYNC_STD: Self = Self {
        name: "async-std",
        serve: smol::async_std,
    };

    /// `audiosocket-blocking`, which has a thread for each call.
    pub(crate) const BLOCKING: Self = Self {
        name: "blocking",
        serve: blocking::threads,
    };

    /// The event loop made by hand, with `mio`, that is an example of `audiosocket-proto`.
    pub(crate) const MIO: Self = Self {
        name: "mio",
        serve: mio::event_loop,
    };

    pub(crate) fn serve(
        &self,
        acceptor: ScriptedAcceptor,
        session: SessionConfig,
        admission: Admission,
    ) -> Rc<dyn Env> {
        (self.serve)(acceptor, session, admission)
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
