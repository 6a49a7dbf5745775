//! Cases that need the server's handle too: connections are counted, and the server shuts down.

mod connections;
mod descriptors;
mod limits;
mod shutdown;
