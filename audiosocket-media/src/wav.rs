//! WAV files: read prompts, write recordings.
//!
//! - [`read_file`] and [`read`] convert a WAV file into mono samples at one sample rate. To play a file to calls of any
//!   sample rate, take [`Prompt`](crate::Prompt).
//! - [`rate_of_file`] returns the sample rate of a file without reading its audio.
//! - [`WavWriter`] writes a recording that is playable at any time, also after a crash.
//! - [`recount`] repairs the header of a recording after a crash.
//!
//! The crate `hound` reads and writes the format.

mod read;
mod recount;
mod write;

pub use read::{ReadError, rate_of_file, read, read_file};
pub use recount::recount;
pub use write::{WavWriter, WriteError};
