//! A handler that records each callback of its call.
