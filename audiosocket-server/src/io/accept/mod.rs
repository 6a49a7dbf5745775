//! Listening and accepting: sockets and their options, the accept loop, and its pauses after errors.

pub(super) mod accept_backoff;
pub(super) mod accept_loop;
mod descriptors;
pub(super) mod keepalive;
pub(super) mod listen_addr;
pub(super) mod listen_backlog;
mod listener_slot;
pub(super) mod options;
#[cfg(unix)]
pub(super) mod socket_file;
mod timeout_spread;
