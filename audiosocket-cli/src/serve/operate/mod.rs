//! What an operator sees of a running server, and changes in it.

pub(super) mod agent_check;
pub(super) mod allow_file;
pub(super) mod call_list;
pub(super) mod call_log;
#[cfg(feature = "tls")]
pub(super) mod certificates;
pub(super) mod operator;
