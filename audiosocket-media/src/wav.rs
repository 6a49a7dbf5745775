//! Write recordings as WAV files. The module [`file`](crate::file) reads them.
//!
//! - [`WavWriter`] writes a recording that is playable at any time, also after a crash.
//! - [`recount`] repairs the header of a recording after a crash.
//!
//! The crate `hound` writes the format.

mod recount;
mod write;

pub use recount::recount;
pub use write::{WavWriter, WriteError};
