//! What an operator sees of a running server, and changes in it.

pub(super) mod allow_file;
pub(super) mod call_log;
mod fault_log;
pub(super) mod operator;
pub(super) mod status;
