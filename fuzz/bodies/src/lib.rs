//! The code of the fuzz targets, as plain functions. libFuzzer runs them on its inputs. `cargo test` runs them on the
//! corpus and on generated inputs.
//!
//! Each function panics when it finds a defect, and returns otherwise. The README of `fuzz` says what each one checks.

pub mod seeds;

mod adapter;
mod cuts;
mod decode;
mod differential;
#[path = "../../../audiosocket-proto/tests/common/emitted.rs"]
mod emitted;
mod file;
mod model;
mod op;
mod playout;
mod proxy;
#[path = "../../../audiosocket-proto/tests/common/reference.rs"]
mod reference;
mod session;
#[cfg(unix)]
mod state;

pub use adapter::adapter;
pub use decode::decode;
pub use differential::differential;
pub use file::file;
pub use playout::playout;
pub use proxy::proxy;
pub use session::session;
#[cfg(unix)]
pub use state::state;
