#![doc = include_str!("../README.md")]

mod acceptor;
mod decoder;
#[cfg(test)]
mod memory_disk;
mod queue;
mod quota;
mod raw_file;
mod recorder;
mod recording;
mod storage;
mod timeline;
mod track;
mod wav_file;
mod writer;

pub use audiosocket_media::{Codec, Law, SampleRate};

pub use acceptor::{RecordingAcceptor, RecordingHandler};
pub use recorder::{Recorder, RecorderBuilder, RecorderStats};
pub use timeline::Gaps;
pub use track::{Track, TrackError};
