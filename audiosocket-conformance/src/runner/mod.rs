//! The servers that run the cases: each adapter on real sockets, and the core alone.

mod adapters;
mod core;
mod sockets;

use std::rc::Rc;

use audiosocket_proto::SessionConfig;
use audiosocket_server::Admission;

use crate::acceptor::ScriptedAcceptor;
use crate::env::Env;

/// A server that runs the cases.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Runner {
    /// `audiosocket-server` in virtual time, without a socket or a thread.
    Core,
    /// `audiosocket-tokio` on the current-thread runtime.
    TokioCurrentThread,
    /// `audiosocket-tokio` on the multi-thread runtime.
    TokioMultiThread,
    /// `audiosocket-tokio` with a wake interval.
    TokioWakeInterval,
    /// `audiosocket-tokio` with threads of its own.
    TokioThreads,
    /// `audiosocket-tokio` with threads of its own and a wake interval.
    TokioThreadsWakeInterval,
    /// `audiosocket-smol` on smol.
    Smol,
    /// `audiosocket-smol` with a wake interval.
    SmolWakeInterval,
    /// `audiosocket-smol` on async-std.
    AsyncStd,
    /// `audiosocket-blocking`, with a thread for each call.
    Blocking,
    /// The event loop of the example `mio` of `audiosocket-server`.
    Mio,
}

/// The settings of a server.
pub(crate) struct ServerSetup {
    pub(crate) acceptor: ScriptedAcceptor,
    pub(crate) session: SessionConfig,
    pub(crate) admission: Admission,
}

impl Runner {
    pub(crate) fn serve(self, setup: ServerSetup) -> Rc<dyn Env> {
        match self {
            Self::Core => core::serve(setup),
            Self::Smol | Self::SmolWakeInterval | Self::AsyncStd => adapters::smol(self, setup),
            Self::Blocking => adapters::blocking(setup),
            Self::Mio => adapters::mio(setup),
            _ => adapters::tokio(self, setup),
        }
    }
}
