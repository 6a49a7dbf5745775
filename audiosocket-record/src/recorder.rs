use std::fmt::Display;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use audiosocket_media::{Codec, SampleRate};
use audiosocket_server::Acceptor;
use uuid::Uuid;

use crate::acceptor::RecordingAcceptor;
use crate::queue::{PathOf, QueueLimits, WriterMessage, WriterQueue};
use crate::recording::RecordingSettings;
use crate::storage::Directory;
use crate::timeline::Gaps;
use crate::track::{Track, TrackError};
use crate::writer;

/// Records calls into WAV files. One thread writes all files.
///
/// [`record`](Self::record) wraps an acceptor, and records the callers of its calls.
/// [`track`](Self::track) starts a recording that is fed by hand.
///
/// Dropping a recorder ends all recordings without waiting for the disk. [`finish`](Self::finish)
/// waits.
#[derive(Debug)]
pub struct Recorder {
    queue: WriterQueue,
    /// `None` once the recorder is finished.
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Configures a recorder that creates files in `directory`, which has to exist.
    ///
    /// A file is named by the time of its first sample in UTC and by the UUID of the call:
    /// `20260822T031415.926Z-40325ec2-5efd-4bd3-805f-53576e581d13.wav`. No file is overwritten: if
    /// the name is taken, `-2` follows the UUID. A call has one file, and another one each time
    /// that its sample rate changes or the file reaches 4 GiB. After 9 files the recording fails. A
    /// call without audio has no file. On Unix, files are readable by the owner and the group.
    pub fn in_directory(directory: impl Into<PathBuf>) -> RecorderBuilder {
        RecorderBuilder::new(directory.into(), None)
    }

    /// Configures a recorder that writes one file for each call, at the path that `path_of` returns
    /// for its UUID.
    ///
    /// A file that exists is overwritten. The rate of the file is that of the first audio that is
    /// not silence; audio of other rates is resampled. After 4 GiB the recording fails. A call
    /// without audio has an empty file.
    ///
    /// A peer chooses the UUID of its call. With paths that depend on nothing else, a peer can
    /// overwrite the recording of an earlier call.
    pub fn to_files<F>(path_of: F) -> RecorderBuilder
    where
        F: Fn(Uuid) -> PathBuf + Send + Sync + 'static,
    {
        RecorderBuilder::new(PathBuf::new(), Some(PathOf(Arc::new(path_of))))
    }

    /// Records the callers of all calls that `acceptor` takes. Its handlers answer the calls as
    /// before.
    ///
    /// Each frame is copied before the handler gets it. A call is refused if its recording cannot
    /// start; see [`TrackError`].
    pub fn record<A: Acceptor>(&self, acceptor: A) -> RecordingAcceptor<A> {
        RecordingAcceptor::new(acceptor, self.queue.clone())
    }

    /// Starts the recording of a call, which begins now.
    ///
    /// # Errors
    ///
    /// [`TrackError::DiskTooSlow`] if too many recordings wait for the disk. A file that cannot be
    /// created is no error here: [`stats`](Self::stats) count the recording as failed.
    pub fn track(&self, uuid: Uuid) -> Result<Track, TrackError> {
        self.queue.start_now(uuid)
    }

    /// Counts of all recordings so far.
    #[must_use]
    pub fn stats(&self) -> RecorderStats {
        self.queue.stats().clone()
    }

    /// Ends all recordings, and waits until they are on the disk.
    ///
    /// This blocks for as long as the disk needs. In async code, call it in `spawn_blocking`, or
    /// call [`shut_down`](Self::shut_down) and wait for [`is_finished`](Self::is_finished).
    ///
    /// # Panics
    ///
    /// If the thread that writes has panicked.
    pub fn finish(mut self) -> RecorderStats {
        self.shut_down();
        if let Some(thread) = self.thread.take()
            && let Err(panic) = thread.join()
        {
            std::panic::resume_unwind(panic);
        }
        self.stats()
    }

    /// Ends all recordings, without waiting for the disk. New recordings are refused once the
    /// thread that writes has ended.
    pub fn shut_down(&self) {
        let message = WriterMessage::Shutdown(Instant::now());
        self.queue.send(message);
    }

    /// Whether all recordings are on the disk after [`shut_down`](Self::shut_down).
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// Options of a [`Recorder`].
#[derive(Debug)]
#[must_use = "a recorder has to be started"]
pub struct RecorderBuilder {
    directory: PathBuf,
    path_of: Option<PathOf>,
    settings: RecordingSettings,
    limits: QueueLimits,
}

impl RecorderBuilder {
    fn new(directory: PathBuf, path_of: Option<PathOf>) -> Self {
        Self {
            directory,
            path_of,
            settings: RecordingSettings::default(),
            limits: QueueLimits::default(),
        }
    }

    /// The codec of frames of kind `0x10`. By default it is detected; see
    /// [`AudioDecoder`](audiosocket_media::AudioDecoder).
    ///
    /// `Dial` without `c(slin)` sends the codec of the call with the frame kind of slin. Slin, G.711
    /// and G.722 are decoded. Other codecs are kept as they came in a file beside the recording,
    /// with the extension `.gsm`, `.g729`, `.g726`, or else `.CODEC-frames`, which has AudioSocket
    /// frames; one warning for each call names the codec. Detection holds audio back for 1.5 s at
    /// most.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.settings.codec = Some(codec);
        self
    }

    /// The sample rate of slin in frames of kind `0x10`. By default it is measured.
    ///
    /// Asterisk before 20.17 and 22.7 sends slin of all rates with kind `0x10`, which means 8 kHz.
    pub fn input_rate(mut self, rate: SampleRate) -> Self {
        self.settings.input_rate = Some(rate);
        self
    }

    /// What recordings contain for the time in which no audio arrived.
    pub fn gaps(mut self, gaps: Gaps) -> Self {
        self.settings.gaps = gaps;
        self
    }

    /// Whether each file is synced to the disk when its call ends, so that it survives a loss of
    /// power. The default is true.
    pub fn sync(mut self, sync: bool) -> Self {
        self.settings.sync = sync;
        self
    }

    /// The most bytes of a call that wait for a slow disk. The default is 1 MiB: 45 seconds at
    /// 8 kHz in frames of 20 ms.
    ///
    /// A frame counts as 128 bytes more than its audio. Audio beyond the limit is lost: the
    /// recording has silence of the same length.
    pub fn max_waiting_per_call(mut self, bytes: usize) -> Self {
        self.limits.per_call = bytes;
        self
    }

    /// The most bytes of all calls that wait for a slow disk. The default is 256 MiB. Beyond the
    /// limit, each call may have 16 KiB.
    pub fn max_waiting(mut self, bytes: usize) -> Self {
        self.limits.all_calls = bytes;
        self
    }

    /// Starts the thread that writes.
    ///
    /// # Errors
    ///
    /// An error if the directory does not exist, if this process may not create files in it, or if
    /// the thread cannot be started.
    pub fn start(self) -> io::Result<Recorder> {
        let directory = match self.path_of {
            Some(_) => Directory(self.directory),
            None => Directory::open(self.directory)?,
        };
        let (queue, thread) = writer::start(directory, self.settings, self.limits, self.path_of)?;
        Ok(Recorder {
            queue,
            thread: Some(thread),
        })
    }
}

/// Counts of the recordings of a [`Recorder`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecorderStats {
    /// Recordings that were started, or refused with a [`TrackError`].
    pub started: u64,
    /// Recordings that have ended, for any reason.
    pub ended: u64,
    /// Recordings that have ended and have all audio.
    pub complete: u64,
    /// Recordings that ended at an error of the disk.
    pub failed: u64,
    /// Files of the recordings that have ended.
    pub files: u64,
    /// Frames that are missing in the recordings that have ended: the disk or the handler was too
    /// slow, or the recording failed.
    pub lost_frames: u64,
    /// The reason of the first recording that failed or lost audio to a slow disk, with the path or
    /// the UUID.
    pub first_error: Option<String>,
}

impl RecorderStats {
    /// Keeps the error of a recording, if it is the first.
    pub(crate) fn note_error(&mut self, recording: &str, error: &dyn Display) {
        let describe = || format!("{}: {error}", recording.escape_debug());
        self.first_error.get_or_insert_with(describe);
    }
}
