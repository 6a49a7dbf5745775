//! Recordings of what callers hear.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use audiosocket_media::wav::{WavWriter, WriteError};
use audiosocket_media::{Resampler, SampleRate, pcm};
use audiosocket_proto::Audio;
use audiosocket_testing::load::CallTap;
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::sleep;
use uuid::Uuid;

/// Audio that comes at most this late is placed right after the audio before it: about what the
/// jitter buffer of a telephone hides.
const LONGEST_UNHEARD: Duration = Duration::from_millis(60);

/// In the name of a file, this stands for the call's UUID.
pub(super) const PLACEHOLDER: &str = "{uuid}";

/// Frames that may wait to be written; with 64 kB each at most, this bounds the memory. If the disk
/// is slower, recordings are given up: no call waits for it, and no signal does.
const QUEUE: usize = 1024;

/// How long to wait for what is still to be written when the last call is over.
const PATIENCE: Duration = Duration::from_secs(10);

/// Writes on a thread of its own: a disk may block.
#[derive(Debug)]
pub(super) struct Recorder {
    sender: SyncSender<Message>,
    writer: JoinHandle<()>,
    /// Told once all is written.
    written: oneshot::Receiver<()>,
    tally: Tally,
    name: String,
}

/// What has come of it so far. Its lock is held for no more than a moment.
#[derive(Clone, Debug, Default)]
struct Tally(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    begun: u64,
    written: u64,
    /// Why the first that was not written was not.
    error: Option<String>,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Recordings {
    pub(super) written: u64,
    pub(super) failed: u64,
    /// Why the first of them failed.
    pub(super) error: Option<String>,
}

/// The recording of one call. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Track {
    /// `None` once the recording was given up.
    sender: Option<SyncSender<Message>>,
    tally: Tally,
    path: PathBuf,
    uuid: Uuid,
    start: Instant,
}

#[derive(Debug)]
struct Message {
    uuid: Uuid,
    what: What,
}

#[derive(Debug)]
enum What {
    Begin(PathBuf),
    Audio {
        /// Since the beginning of the call.
        arrival: Duration,
        rate: SampleRate,
        slin: Vec<u8>,
    },
    End,
}

impl Recorder {
    pub(super) fn start(name: &str) -> io::Result<Self> {
        let (sender, messages) = sync_channel(QUEUE);
        let (all, written) = oneshot::channel();
        let tally = Tally::default();
        let counted = tally.clone();
        let writer = thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || {
                write(&messages, &counted);
                let _ = all.send(());
            })?;
        Ok(Self {
            sender,
            writer,
            written,
            tally,
            name: name.to_owned(),
        })
    }

    /// Records a call that begins now.
    pub(super) fn track(&self, uuid: Uuid) -> Track {
        let path = self.name.replace(PLACEHOLDER, &uuid.to_string());
        self.tally.lock().begun += 1;
        let mut track = Track {
            sender: Some(self.sender.clone()),
            tally: self.tally.clone(),
            path: path.into(),
            uuid,
            start: Instant::now(),
        };
        track.send(What::Begin(track.path.clone()));
        track
    }

    /// Waits until all is written, but not beyond `stop`, nor for longer than [`PATIENCE`]. No track
    /// is left.
    pub(super) async fn finish(self, stop: impl Future) -> Recordings {
        drop(self.sender);
        tokio::select! {
            written = self.written => {
                // It has ended: all is written, or it has panicked.
                if written.is_err() && let Err(panic) = self.writer.join() {
                    std::panic::resume_unwind(panic);
                }
            }
            _ = stop => {}
            () = sleep(PATIENCE) => {}
        }
        let counts = self.tally.lock();
        let failed = counts.begun - counts.written;
        let unfinished = || format!("{}: not written in time", self.name.escape_debug());
        let error = counts.error.clone();
        Recordings {
            written: counts.written,
            failed,
            error: error.or_else(|| (failed > 0).then(unfinished)),
        }
    }
}

impl CallTap for Track {
    fn received(&mut self, audio: Audio<'_>, now: Instant) {
        if self.sender.is_some() {
            self.send(What::Audio {
                arrival: now - self.start,
                rate: audio.rate(),
                slin: audio.to_vec(),
            });
        }
    }
}

impl Track {
    fn send(&mut self, what: What) {
        let uuid = self.uuid;
        let message = Message { uuid, what };
        // If the thread has panicked, that is found out when it is joined.
        if let Some(sender) = &self.sender
            && sender.try_send(message).is_err()
        {
            self.sender = None;
            self.tally.fail(&self.path, "the disk is too slow");
        }
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        self.send(What::End);
    }
}

impl Tally {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, path: &Path, reason: &str) {
        self.lock().error.get_or_insert_with(|| {
            format!("{}: {reason}", path.display().to_string().escape_debug())
        });
    }
}

/// Writes what comes; a recording counts as written once its end has come and is in the file. Those
/// that were given up have no end.
fn write(messages: &Receiver<Message>, tally: &Tally) {
    let mut open = HashMap::new();
    for Message { uuid, what } in messages {
        match what {
            What::Begin(path) => {
                open.insert(uuid, Recording::new(path));
            }
            What::Audio {
                arrival,
                rate,
                slin,
            } => {
                // It is closed at its first error.
                if let Some(recording) = open.get_mut(&uuid)
                    && let Err(error) = recording.write(arrival, rate, &slin)
                    && let Some(recording) = open.remove(&uuid)
                {
                    tally.fail(&recording.path, &reason(&error));
                }
            }
            What::End => {
                if let Some(mut recording) = open.remove(&uuid) {
                    match recording.finish() {
                        Ok(()) => tally.lock().written += 1,
                        Err(error) => tally.fail(&recording.path, &reason(&error)),
                    }
                }
            }
        }
    }
    for mut given_up in open.into_values() {
        // Why it was given up is known.
        let _ = given_up.finish();
    }
}

fn reason(error: &WriteError) -> String {
    let reason = std::error::Error::source(error).map(ToString::to_string);
    reason.unwrap_or_else(|| error.to_string())
}

#[derive(Debug)]
struct Recording {
    path: PathBuf,
    timeline: Timeline,
    /// The rate of the audio that came last.
    rate: SampleRate,
    /// `None` as long as there was nothing but silence, whose rate says nothing about that of the
    /// speech to come.
    file: Option<RecordingFile>,
}

impl Recording {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            timeline: Timeline::default(),
            rate: SampleRate::Hz8000,
            file: None,
        }
    }

    fn write(
        &mut self,
        arrival: Duration,
        rate: SampleRate,
        slin: &[u8],
    ) -> Result<(), WriteError> {
        self.rate = rate;
        let mut samples = Vec::new();
        pcm::from_slin(slin, &mut samples);
        let ahead = self.timeline.filled;
        let pause = self
            .timeline
            .add(arrival, rate.duration_of(samples.len() as u64));
        let file = match &mut self.file {
            Some(file) => {
                file.write_silence(pause)?;
                file
            }
            None if slin.iter().all(|byte| *byte == 0) => return Ok(()),
            None => {
                let mut file = RecordingFile::create(&self.path, rate)?;
                file.write_silence(ahead + pause)?;
                self.file.insert(file)
            }
        };
        file.write(rate, &samples)
    }

    fn finish(&mut self) -> Result<(), WriteError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let mut file = RecordingFile::create(&self.path, self.rate)?;
                file.write_silence(self.timeline.filled)?;
                file
            }
        };
        file.finish()
    }
}

/// Where in a recording audio belongs: where it is heard. Audio that comes at most
/// [`LONGEST_UNHEARD`] late is heard right after what came before it, since telephones buffer that
/// much. A longer pause is in the recording as long as it was. Nothing is left out that came too
/// early.
#[derive(Debug, Default)]
struct Timeline {
    /// How much of it there is.
    filled: Duration,
}

impl Timeline {
    /// Appends a piece that came at `arrival`. Gives the length of the silence ahead of it.
    fn add(&mut self, arrival: Duration, duration: Duration) -> Duration {
        let late = arrival.saturating_sub(self.filled);
        let pause = if late > LONGEST_UNHEARD {
            late
        } else {
            Duration::ZERO
        };
        self.filled += pause + duration;
        pause
    }
}

/// A WAV file at one rate, for audio of any.
#[derive(Debug)]
struct RecordingFile {
    wav: WavWriter<BufWriter<File>>,
    rate: SampleRate,
    /// For audio of another rate, while such is coming.
    resampler: Option<(SampleRate, Resampler)>,
    resampled: Vec<i16>,
}

impl RecordingFile {
    fn create(path: &Path, rate: SampleRate) -> Result<Self, WriteError> {
        Ok(Self {
            wav: WavWriter::create(path, rate)?,
            rate,
            resampler: None,
            resampled: Vec::new(),
        })
    }

    fn write_silence(&mut self, duration: Duration) -> Result<(), WriteError> {
        if duration.is_zero() {
            return Ok(());
        }
        self.finish_resampling()?;
        let zeros = vec![0; self.rate.hz() as usize];
        let mut rest = self.rate.samples_in(duration);
        while rest > 0 {
            let len = rest.min(zeros.len() as u64);
            self.wav.write(&zeros[..len as usize])?;
            rest -= len;
        }
        Ok(())
    }

    fn write(&mut self, rate: SampleRate, samples: &[i16]) -> Result<(), WriteError> {
        if self
            .resampler
            .as_ref()
            .is_some_and(|(from, _)| *from != rate)
        {
            self.finish_resampling()?;
        }
        if rate == self.rate {
            return self.wav.write(samples);
        }
        let new = || (rate, Resampler::new(rate, self.rate));
        let (_, resampler) = self.resampler.get_or_insert_with(new);
        self.resampled.clear();
        resampler.push(samples, &mut self.resampled);
        self.wav.write(&self.resampled)
    }

    fn finish_resampling(&mut self) -> Result<(), WriteError> {
        let Some((_, mut resampler)) = self.resampler.take() else {
            return Ok(());
        };
        self.resampled.clear();
        resampler.finish(&mut self.resampled);
        self.wav.write(&self.resampled)
    }

    fn finish(mut self) -> Result<(), WriteError> {
        self.finish_resampling()?;
        self.wav.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pauses ahead of pieces of 20 ms that come at these milliseconds.
    fn pauses(arrivals: &[u64]) -> Vec<u128> {
        let mut timeline = Timeline::default();
        let pause = |arrival: &u64| {
            let arrival = Duration::from_millis(*arrival);
            let pause = timeline.add(arrival, Duration::from_millis(20));
            pause.as_millis()
        };
        arrivals.iter().map(pause).collect()
    }

    #[test]
    fn jitter_is_not_recorded() {
        assert_eq!(pauses(&[9, 28, 55, 71, 88]), [0; 5]);
        assert_eq!(pauses(&[60, 80, 100]), [0; 3]);
    }

    #[test]
    fn a_pause_is_recorded_as_long_as_it_was() {
        assert_eq!(pauses(&[61, 81, 1_000, 1_020]), [61, 0, 899, 0]);
    }

    #[test]
    fn what_comes_early_is_recorded_whole() {
        assert_eq!(pauses(&[0, 0, 0, 0, 100, 160]), [0; 6]);
        assert_eq!(pauses(&[0, 0, 0, 0, 100, 161, 200]), [0, 0, 0, 0, 0, 61, 0]);
    }
}
