//! Cases that count connections or shut the server down.

mod connections;
#[cfg(feature = "adapters")]
mod descriptors;
mod limits;
mod proxies;
mod shutdown;
