use std::net::SocketAddr;

use super::config::RunConfig;
use super::stats::RunStats;
use super::tap::TapFactory;
use super::timer::SharedTimer;

/// The state that all calls of a run share.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) config: RunConfig,
    /// The addresses of the server, tried in this order.
    pub(super) addrs: Vec<SocketAddr>,
    pub(super) stats: RunStats,
    pub(super) timer: SharedTimer,
    pub(super) tap: Option<TapFactory>,
}
