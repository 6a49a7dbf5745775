//! Read audio files and streams: WAV, and the raw formats of Asterisk.
//!
//! - [`AudioReader`] returns the audio of a file, a pipe or any [`Read`](std::io::Read), as it arrives. To play a file to
//!   calls of any sample rate, take [`Prompt`](crate::Prompt).
//! - [`ReadError`] says which file cannot be read, what it is, and how to convert it.
//! - [`FileWarning`] says that a file was read but is damaged, for example cut short.
//!
//! The README has a table of all formats.
//!
//! # Why there is a reader here
//!
//! Tools that write WAV files to a pipe leave the sizes open, and telephone prompts use A-law and µ-law. `hound` 3.5 does
//! not read such files. `symphonia` 0.6 reads many formats, but no RF64 (its pull request 447 is open), needs more than 10
//! crates, and has a license (MPL-2.0) that this workspace does not use. The chunks of a WAV file take about 200 lines,
//! and they need no seek.

mod coding;
mod error;
mod kind;
mod reader;
mod riff;

pub use coding::RawFormat;
pub use error::{FileWarning, ReadError, ReadErrorKind};
pub use kind::FileKind;
pub use reader::AudioReader;
