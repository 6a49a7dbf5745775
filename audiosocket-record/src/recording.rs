use std::io;
use std::time::{Duration, Instant};

use audiosocket_media::{Encoding, SampleRate};
use audiosocket_net::LineBudget;

use crate::decoder::{AudioDecoder, DecodedAudio};
use crate::storage::{Storage, create_named};
use crate::timeline::{Gaps, Segment, Timeline};
use crate::track::{CallEnd, CallStart, Frame};
use crate::wav_file::{MAX_SAMPLES, WavFile};

/// The most files of one call: one for each rate. Each change of the rate begins another file, and
/// each file is synced at its end. Asterisk hardly ever changes the rate.
const MAX_FILES: u32 = 9;

/// Silence is written in pieces of this.
const SILENCE: [i16; 4096] = [0; 4096];

/// How calls are recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// The encoding of audio that claims to be slin at 8 kHz; `None` to detect it.
    pub(crate) encoding: Option<Encoding>,
    pub(crate) gaps: Gaps,
    pub(crate) sync: bool,
    /// The most samples of a file.
    pub(crate) max_samples: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            encoding: None,
            gaps: Gaps::Keep,
            sync: true,
            max_samples: MAX_SAMPLES,
        }
    }
}

/// The recording of one call while it is written.
pub(crate) struct Recording<S: Storage> {
    start: CallStart,
    settings: Settings,
    decoder: AudioDecoder,
    timeline: Timeline,
    /// `None` before there is audio, and after a failure.
    file: Option<WavFile<S>>,
    /// The time of the first sample of `file`.
    from: Instant,
    /// The rate of the latest audio, and the length of all silence, while there is no file. They are
    /// for a recording whose path is given: it is one file, and the first audio that is not silence
    /// sets its rate.
    rate: SampleRate,
    pending_silence: Duration,
    files: u32,
    /// Frames that are in no file.
    lost: u64,
    /// After a failure nothing more is written.
    failure: Option<Failure>,
}

/// Why a recording failed.
#[derive(Debug)]
struct Failure {
    /// `None` if no file could be created.
    fragment: Option<Fragment>,
    error: io::Error,
    logged: bool,
}

/// The playable part of the file in which a recording failed.
#[derive(Debug)]
struct Fragment {
    file: String,
    seconds: f64,
}

/// The result of a recording.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RecordingResult {
    pub(crate) files: u32,
    pub(crate) lost: u64,
    /// The error that ended the recording.
    pub(crate) error: Option<String>,
}

impl<S: Storage> Recording<S> {
    pub(crate) fn new(start: CallStart, settings: Settings) -> Self {
        Self {
            from: start.at,
            timeline: Timeline::new(start.at, settings.gaps),
            start,
            settings,
            decoder: AudioDecoder::new(settings.encoding),
            file: None,
            rate: SampleRate::Hz8000,
            pending_silence: Duration::ZERO,
            files: 0,
            lost: 0,
            failure: None,
        }
    }

    pub(crate) fn push(&mut self, storage: &S, frame: Frame) {
        self.lost += frame.lost.frames;
        let mut decoded = Vec::new();
        self.decoder.push(frame, &mut decoded);
        self.record(storage, decoded);
    }

    /// Brings the file up to date.
    pub(crate) fn tick(&mut self, storage: &S, now: Instant) {
        let mut decoded = Vec::new();
        self.decoder.tick(now, &mut decoded);
        self.record(storage, decoded);
        // The rate of the silence before the first audio is that of the audio.
        if self.file.is_some() {
            let mut segments = Vec::new();
            self.timeline.tick(now, &mut segments);
            self.write(storage, segments);
        }
        if let Some(Err(error)) = self.file.as_mut().map(WavFile::update_header) {
            self.abort(storage, error);
        }
    }

    /// Ends the recording.
    pub(crate) fn finish(&mut self, storage: &S, end: CallEnd) -> RecordingResult {
        self.lost += end.lost;
        let mut decoded = Vec::new();
        self.decoder.flush(&mut decoded);
        self.record(storage, decoded);
        let mut segments = Vec::new();
        self.timeline.finish(end.at, &mut segments);
        self.write(storage, segments);
        if self.start.path.is_some() && self.files == 0 {
            self.begin_single_file(storage, self.rate);
        }
        if let Some(file) = &mut self.file {
            let rest = file.end_resampling();
            self.append(storage, &rest);
        }
        self.close(storage);
        self.log_end();
        RecordingResult {
            files: self.files,
            lost: self.lost,
            error: self.failure.as_ref().map(Failure::describe),
        }
    }

    /// Logs the failure, unless it is logged or `lines` is used up: a full disk fails many
    /// recordings at once.
    pub(crate) fn log_failure(&mut self, lines: &LineBudget) {
        let Some(failure) = self.failure.as_mut().filter(|failure| !failure.logged) else {
            return;
        };
        failure.logged = true;
        if let Some(suppressed) = lines.take(Instant::now()) {
            let (uuid, error) = (self.start.uuid, &failure.error);
            let file = failure.fragment.as_ref().map(|fragment| &*fragment.file);
            tracing::error!(%uuid, file, %error, suppressed, "recording failed");
        }
    }

    fn log_end(&self) {
        let (uuid, lost) = (self.start.uuid, self.lost);
        let fragment = self.failure.as_ref().map(|failure| &failure.fragment);
        match fragment {
            Some(Some(Fragment { file, seconds })) => {
                let seconds = format_args!("{seconds:.3}");
                tracing::warn!(%uuid, file, seconds, lost, "recorded in part");
            }
            Some(None) if self.files > 0 => tracing::warn!(%uuid, lost, "recorded in part"),
            None if self.files > 0 => {}
            None if lost == 0 => tracing::info!(%uuid, "not recorded: no audio came"),
            _ => tracing::warn!(%uuid, lost, "not recorded"),
        }
    }

    fn record(&mut self, storage: &S, decoded: Vec<DecodedAudio>) {
        for mut audio in decoded {
            if self.failure.is_none() {
                self.prepare_file(storage, &mut audio);
            }
            let mut segments = Vec::new();
            self.timeline.push(audio, &mut segments);
            self.write(storage, segments);
        }
    }

    /// Makes sure that there is a file for `audio`.
    fn prepare_file(&mut self, storage: &S, audio: &mut DecodedAudio) {
        if self.start.path.is_none() {
            if self.file.as_ref().map(|file| file.rate) != Some(audio.rate) {
                self.change_rate(storage, audio);
            }
        } else if self.files == 0 {
            self.rate = audio.rate;
            if audio.samples.iter().all(|sample| *sample == 0) {
                audio.lost += std::mem::take(&mut audio.samples).len() as u64;
            } else {
                self.begin_single_file(storage, audio.rate);
            }
        }
    }

    /// Begins a file of the rate of `audio`.
    fn change_rate(&mut self, storage: &S, audio: &DecodedAudio) {
        let mut segments = Vec::new();
        let until = self.timeline.flush(&mut segments);
        self.write(storage, segments);
        self.close(storage);
        let from = match self.settings.gaps {
            Gaps::Skip => audio.at,
            _ => until,
        };
        self.open(storage, audio.rate, from);
    }

    /// Begins the only file of a recording whose path is given.
    fn begin_single_file(&mut self, storage: &S, rate: SampleRate) {
        self.open(storage, rate, self.start.at);
        let silence = std::mem::take(&mut self.pending_silence);
        self.write(storage, vec![Segment::Silence(silence)]);
    }

    fn write(&mut self, storage: &S, segments: Vec<Segment>) {
        for segment in segments {
            let Some(file) = &mut self.file else {
                match segment {
                    Segment::Silence(silence) => self.pending_silence += silence,
                    Segment::Audio(..) => self.lost += 1,
                }
                continue;
            };
            match segment {
                Segment::Silence(silence) => {
                    // To the nearest: a length of time is rounded down to a nanosecond.
                    let half = Duration::from_nanos(500_000_000 / u64::from(file.rate.hz()));
                    let mut samples = file.rate.samples_in(silence + half);
                    let rest = file.end_resampling();
                    self.append(storage, &rest);
                    while samples > 0 && self.file.is_some() {
                        let len = samples.min(SILENCE.len() as u64);
                        self.append(storage, &SILENCE[..len as usize]);
                        samples -= len;
                    }
                }
                Segment::Audio(rate, samples) => {
                    let samples = file.resample(rate, samples);
                    self.append(storage, &samples);
                    self.lost += u64::from(self.file.is_none());
                }
            }
        }
    }

    fn append(&mut self, storage: &S, samples: &[i16]) {
        if samples.is_empty() {
            return;
        }
        let full = |file: &WavFile<S>| {
            samples.len() > (self.settings.max_samples - file.samples()) as usize
        };
        // A file whose path is given has no next file; writing to it fails when it is full.
        if self.start.path.is_none() && self.file.as_ref().is_some_and(full) {
            self.continue_in_next_file(storage);
        }
        if let Some(Err(error)) = self.file.as_mut().map(|file| file.write(samples)) {
            self.abort(storage, error);
        }
    }

    /// Begins another file, because this one has its greatest length.
    fn continue_in_next_file(&mut self, storage: &S) {
        if let Some(file) = &self.file {
            let (rate, samples) = (file.rate, file.samples());
            let from = self.from + rate.duration_of(samples.into());
            self.close(storage);
            self.open(storage, rate, from);
        }
    }

    fn open(&mut self, storage: &S, rate: SampleRate, from: Instant) {
        if self.failure.is_some() {
            return;
        }
        self.timeline.set_rate(rate);
        match self.create(storage, rate, from) {
            Ok(file) => {
                self.file = Some(file);
                self.from = from;
                self.files += 1;
            }
            Err(error) => self.fail(None, error),
        }
    }

    fn create(&self, storage: &S, rate: SampleRate, from: Instant) -> io::Result<WavFile<S>> {
        let (name, file) = match &self.start.path {
            Some(path) => (path.display().to_string(), storage.create(path)?),
            None if self.files == MAX_FILES => {
                let problem = format!("a call has {MAX_FILES} files at most");
                return Err(io::Error::other(problem));
            }
            None => {
                let utc = self.start.utc + from.saturating_duration_since(self.start.at);
                create_named(storage, utc, self.start.uuid)?
            }
        };
        WavFile::new(name, file, rate)
    }

    /// Ends the file, if there is one.
    fn close(&mut self, storage: &S) {
        let Some(file) = self.file.take() else {
            return;
        };
        let (name, rate) = (file.name.clone(), file.rate);
        match file.finish(storage, self.settings.sync) {
            Ok(seconds) => {
                let (uuid, lost) = (self.start.uuid, self.lost);
                let seconds = format_args!("{seconds:.3}");
                let codec = self.decoder.encoding(rate);
                let rate = rate.hz();
                tracing::info!(%uuid, file = name, seconds, lost, rate, %codec, "recorded");
            }
            Err((seconds, error)) => {
                let file = name;
                self.fail(Some(Fragment { file, seconds }), error);
            }
        }
    }

    /// Ends the file after an error, and with it the recording.
    fn abort(&mut self, storage: &S, error: io::Error) {
        if let Some(file) = self.file.take() {
            let name = file.name.clone();
            let fragment = Fragment {
                seconds: file.abort(storage),
                file: name,
            };
            self.fail(Some(fragment), error);
        }
    }

    fn fail(&mut self, fragment: Option<Fragment>, error: io::Error) {
        self.failure = Some(Failure {
            fragment,
            error,
            logged: false,
        });
    }
}

impl Failure {
    fn describe(&self) -> String {
        match &self.fragment {
            Some(Fragment { file, .. }) => format!("{}: {}", file.escape_debug(), self.error),
            None => self.error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
