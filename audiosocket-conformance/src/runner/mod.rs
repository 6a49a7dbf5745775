//! The servers that run the cases: each adapter on real sockets, and the core alone.

#[cfg(feature = "adapters")]
mod adapters;
mod core;
#[cfg(feature = "adapters")]
mod sockets;

use std::rc::Rc;

use audiosocket_proto::SessionConfig;
use audiosocket_server::Admission;

use crate::acceptor::ScriptedAcceptor;
use crate::env::Env;

/// A server that runs the cases.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(
    not(feature = "adapters"),
    expect(dead_code, reason = "the cases run on the core alone")
)]
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
            #[cfg(feature = "adapters")]
            _ => adapters::serve(self, setup),
            #[cfg(not(feature = "adapters"))]
            _ => unreachable!("without the feature `adapters` no case runs on {self:?}"),
        }
    }
}
