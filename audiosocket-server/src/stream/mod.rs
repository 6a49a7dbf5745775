//! Calls as streams of events.

pub(crate) mod accept_queue;
pub(crate) mod event;
pub(crate) mod event_queue;
pub(crate) mod handler;
pub(crate) mod incoming;
pub(crate) mod incoming_call;
