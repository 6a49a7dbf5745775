#![doc = include_str!("../README.md")]

mod acceptor;
mod decoder;
#[cfg(test)]
mod memory_disk;
mod queue;
mod quota;
mod recorder;
mod recording;
mod storage;
mod timeline;
mod track;
mod wav_file;
mod writer;

pub use audiosocket_media::{Encoding, Law};

pub use acceptor::{RecordingAcceptor, RecordingHandler};
pub use recorder::{Recorder, RecorderBuilder, RecorderStats};
pub use timeline::Gaps;
pub use track::{Track, TrackError};
