#![doc = include_str!("../README.md")]
//!
//! # By task
//!
//! | task | item |
//! |---|---|
//! | record into a directory, with files named by time and UUID | [`Recorder::in_directory`] |
//! | record each call into one file at a path that you choose | [`Recorder::to_files`] |
//! | record the calls of a server | [`Recorder::record`] |
//! | record some calls of a server | [`Recorder::record_call`] |
//! | record both sides of calls | [`RecorderBuilder::sides`] |
//! | record other audio, such as that of a client | [`Recorder::track`] |
//! | leave out pauses, or record as a listener hears them | [`RecorderBuilder::gaps`] |
//! | set the codec of the audio | [`RecorderBuilder::codec`] |
//! | change the memory limits | [`RecorderBuilder::max_waiting_per_call`], [`RecorderBuilder::max_waiting`] |
//! | end all recordings and wait for the disk | [`Recorder::finish`] |
//! | find recordings that failed | [`Recorder::stats`] |
//! | name files of your own as recordings are named | [`call_files`] |
//! | read about files, crashes and limits | [`Recorder`] |

mod acceptor;
mod decoder;
#[cfg(test)]
mod memory_disk;
mod queue;
mod quota;
mod raw_file;
mod recorder;
mod recording;
mod sides;
mod storage;
mod timeline;
mod track;
mod wav_file;
mod writer;

/// The names of files about calls, and who may read them. Use it for files of your own beside recordings.
pub mod call_files {
    pub use crate::storage::{check_directory, create_named, make_private};
}

pub use audiosocket_media::{Codec, Law, SampleRate};

pub use acceptor::{RecordingAcceptor, RecordingHandler};
pub use recorder::{Recorder, RecorderBuilder, RecorderStats};
pub use sides::Sides;
pub use timeline::Gaps;
pub use track::{Track, TrackError};
