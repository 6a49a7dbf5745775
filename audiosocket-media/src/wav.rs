//! WAV files: prompts to play, and recordings of calls. The format itself is `hound`'s work.

mod read;
mod write;

pub use read::{ReadError, read, read_file};
pub use write::{WavWriter, WriteError};
