//! What an operator does to a server, and what a server reports to an operator.

mod service_manager;
pub(crate) mod signals;
mod status;
#[cfg(target_os = "linux")]
mod upgrade;
