//! A load generator: many callers against one server.
