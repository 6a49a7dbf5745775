//! What an operator sees of a running server, and changes in it.

pub(super) mod activation;
pub(super) mod allow_file;
pub(super) mod call_list;
pub(super) mod call_log;
pub(super) mod operator;
mod service_manager;
