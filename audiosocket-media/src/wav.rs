//! WAV files: prompts to play, and recordings of calls. The format itself is `hound`'s work.

mod read;
mod recount;
mod write;

pub use read::{ReadError, rate_of_file, read, read_file};
pub use recount::recount;
pub use write::{WavWriter, WriteError};
