//! Cases that need a server only.

mod admission;
mod answers;
mod batches;
mod captures;
mod endings;
mod framing;
mod handles;
mod identity;
mod messages;
mod panics;
mod playout;
mod queue;
mod silence;
mod stalls;
