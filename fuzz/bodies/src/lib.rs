//! What the fuzz targets do with their bytes, as plain functions: libFuzzer runs them on what it
//! comes up with, and `cargo test` on the seeds and on generated inputs.
//!
//! They panic on a finding and return nothing otherwise.

pub mod seeds;

mod adapter;
mod cuts;
mod decode;
mod differential;
#[path = "../../../audiosocket-proto/tests/common/emitted.rs"]
mod emitted;
mod model;
mod op;
mod playout;
#[path = "../../../audiosocket-proto/tests/common/reference.rs"]
mod reference;
mod session;

pub use adapter::adapter;
pub use decode::decode;
pub use differential::differential;
pub use playout::playout;
pub use session::session;
