//! Cases that count connections or shut the server down.

mod connections;
mod descriptors;
mod limits;
mod proxies;
mod shutdown;
