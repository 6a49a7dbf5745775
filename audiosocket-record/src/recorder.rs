use std::fmt::Display;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use audiosocket_media::{Codec, SampleRate};
use audiosocket_server::{Acceptor, Handler};
use uuid::Uuid;

use crate::acceptor::{RecordingAcceptor, RecordingHandler};
use crate::queue::{PathOf, QueueLimits, WriterMessage, WriterQueue};
use crate::recording::RecordingSettings;
use crate::sides::Sides;
use crate::storage::Directory;
use crate::timeline::Gaps;
use crate::track::{Track, TrackError};
use crate::writer;

/// Records calls into WAV files. One thread writes all files.
///
/// [`record`](Self::record) wraps an acceptor, and records its calls: the callers, or
/// [both sides](RecorderBuilder::sides).
/// [`track`](Self::track) starts a recording of other audio.
///
/// Dropping a recorder ends all recordings without waiting for the disk. [`finish`](Self::finish)
/// waits.
///
#[doc = include_str!("../RECORDINGS.md")]
#[derive(Debug)]
pub struct Recorder {
    queue: WriterQueue,
    /// `None` once the recorder is finished.
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Returns a builder for a recorder that creates files in `directory`. The directory must exist.
    ///
    /// The name of a file is the time of its first sample in UTC and the UUID of the call:
    /// `20260822T031415.926Z-40325ec2-5efd-4bd3-805f-53576e581d13.wav`. No file is overwritten: if
    /// the name is taken, `-2` follows the UUID. A call has one file. Another file follows when the
    /// sample rate changes or the file reaches 4 GiB. After 9 files the recording fails. A call
    /// without audio has no file. On Unix, the owner and the group can read the files.
    pub fn in_directory(directory: impl Into<PathBuf>) -> RecorderBuilder {
        RecorderBuilder::new(directory.into(), None)
    }

    /// Returns a builder for a recorder that writes one file for each call, at the path that `path_of`
    /// returns for its UUID.
    ///
    /// An existing file is overwritten. The file has the sample rate of the first audio that is not
    /// silence. Audio of other rates is resampled. After 4 GiB the recording fails. A call without
    /// audio has an empty file.
    ///
    /// A peer chooses the UUID of its call. If the path depends on the UUID only, a peer can overwrite
    /// the recording of an earlier call.
    pub fn to_files<F>(path_of: F) -> RecorderBuilder
    where
        F: Fn(Uuid) -> PathBuf + Send + Sync + 'static,
    {
        RecorderBuilder::new(PathBuf::new(), Some(PathOf(Arc::new(path_of))))
    }

    /// Wraps `acceptor`, and records its calls. Its handlers answer the calls as before.
    ///
    /// The recorder copies each frame. A call is refused if its recording cannot start; see [`TrackError`].
    pub fn record<A: Acceptor>(&self, acceptor: A) -> RecordingAcceptor<A> {
        RecordingAcceptor::new(acceptor, self.queue.clone())
    }

    /// Wraps the handler of one call, and records this call. Use it in an acceptor that records some calls only.
    ///
    /// # Errors
    ///
    /// As [`track`](Self::track).
    pub fn record_call<H: Handler>(
        &self,
        uuid: Uuid,
        handler: H,
    ) -> Result<RecordingHandler<H>, TrackError> {
        RecordingHandler::start(handler, uuid, &self.queue)
    }

    /// Starts a recording that begins now. Write the audio of one direction of a call to it. In a recording of both
    /// [sides](RecorderBuilder::sides) it is the caller, and the server is silent.
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// use audiosocket_proto::{Audio, SampleRate};
    /// use audiosocket_record::{Codec, Recorder};
    /// use uuid::Uuid;
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let directory = directory.path().to_owned();
    /// let recorder = Recorder::to_files(move |uuid| directory.join(format!("{uuid}.wav")))
    ///     .codec(Codec::Slin)
    ///     .start()?;
    /// let mut track = recorder.track(Uuid::new_v4())?;
    /// track.write(Instant::now(), Audio::new(SampleRate::Hz8000, &[0; 320])); // 20 ms
    /// track.finish(Instant::now());
    /// assert_eq!(recorder.finish().complete, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TrackError::DiskTooSlow`] if too many recordings wait for the disk, and
    /// [`TrackError::RecorderEnded`] after the end of the recorder. A file that cannot be created is no
    /// error here: [`stats`](Self::stats) counts the recording as failed.
    pub fn track(&self, uuid: Uuid) -> Result<Track, TrackError> {
        self.queue.start_now(uuid, Instant::now())
    }

    /// Returns the counts of all recordings so far.
    #[must_use]
    pub fn stats(&self) -> RecorderStats {
        self.queue.stats().clone()
    }

    /// Ends all recordings, and waits until they are on the disk. Returns the final counts.
    ///
    /// This blocks until the disk is ready. In async code, call it in `spawn_blocking`, or call
    /// [`shut_down`](Self::shut_down) and poll [`is_finished`](Self::is_finished).
    ///
    /// # Panics
    ///
    /// If the writer thread has panicked.
    pub fn finish(mut self) -> RecorderStats {
        self.shut_down();
        if let Some(thread) = self.thread.take()
            && let Err(panic) = thread.join()
        {
            std::panic::resume_unwind(panic);
        }
        self.stats()
    }

    /// Ends all recordings, without waiting for the disk. New recordings are refused when the writer
    /// thread has ended.
    pub fn shut_down(&self) {
        let message = WriterMessage::Shutdown(Instant::now());
        self.queue.send(message);
    }

    /// Returns whether all recordings are on the disk after [`shut_down`](Self::shut_down).
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

/// A builder for a [`Recorder`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `start`"]
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
    /// Asterisk before 20.17, 21.12, 22.7 and 23.1 sends slin of all rates with kind `0x10`, which
    /// means 8 kHz.
    pub fn input_rate(mut self, rate: SampleRate) -> Self {
        self.settings.input_rate = Some(rate);
        self
    }

    /// Sets which sides of a call are recorded, and into which files. The default is [`Sides::Caller`].
    pub fn sides(mut self, sides: Sides) -> Self {
        self.settings.sides = sides;
        self
    }

    /// Sets the content of a recording for the time in which no audio arrived. The default is
    /// [`Gaps::Keep`]. A recording of both sides always has the duration of the call.
    pub fn gaps(mut self, gaps: Gaps) -> Self {
        self.settings.gaps = gaps;
        self
    }

    /// Sets whether each file is synced to the disk at the end of its call. A synced file survives a
    /// loss of power. The default is true.
    pub fn sync(mut self, sync: bool) -> Self {
        self.settings.sync = sync;
        self
    }

    /// Sets the maximum number of bytes of a call that wait for a slow disk. The default is 1 MiB: 45
    /// seconds at 8 kHz in frames of 20 ms.
    ///
    /// With both sides it is half of that. A frame counts as its audio and 128 bytes. Audio beyond the limit is lost: the recording has
    /// silence of the same length.
    pub fn max_waiting_per_call(mut self, bytes: usize) -> Self {
        self.limits.per_call = bytes;
        self
    }

    /// Sets the maximum number of bytes of all calls that wait for a slow disk. The default is 256 MiB.
    /// Beyond the limit, each call may still have 16 KiB.
    pub fn max_waiting(mut self, bytes: usize) -> Self {
        self.limits.all_calls = bytes;
        self
    }

    /// Starts the writer thread.
    ///
    /// # Errors
    ///
    /// If the directory does not exist, if this process may not create files in it, or if the thread
    /// cannot be started.
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

/// The counts of the recordings of a [`Recorder`].
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
    /// Frames that are missing in the ended recordings, because the disk or the handler was too slow
    /// or the recording failed.
    pub lost_frames: u64,
    /// The error of the first recording that failed or that lost audio because of a slow disk. It has
    /// the path or the UUID.
    pub first_error: Option<String>,
}

impl RecorderStats {
    /// Keeps the error of a recording, if it is the first.
    pub(crate) fn note_error(&mut self, recording: &str, error: &dyn Display) {
        let describe = || format!("{}: {error}", recording.escape_debug());
        self.first_error.get_or_insert_with(describe);
    }
}
