//! What an operator sees of a running server, and changes in it.

pub(super) mod activation;
pub(super) mod agent_check;
pub(super) mod allow_file;
pub(super) mod call_log;
#[cfg(feature = "tls")]
pub(super) mod certificates;
mod fault_log;
pub(super) mod operator;
pub(super) mod ports;
pub(super) mod service_manager;
pub(super) mod status;
