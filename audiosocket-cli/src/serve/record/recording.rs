use std::io;
use std::time::{Duration, Instant};

use audiosocket_media::{Encoding, SampleRate};

use super::codec::{Codec, Decoder, Heard};
use super::queue::{Begun, Ended, Frame};
use super::storage::Storage;
use super::timeline::{Pauses, Piece, Timeline};
use super::wav_file::{MAX_SAMPLES, WavFile};
use audiosocket_server::io::LogRateLimit;

/// The most files of one call: each change of its rate begins another, and each is synced when it is
/// done. One for each rate that there is; Asterisk hardly ever changes it.
const MAX_FILES: u32 = 9;

/// What silence is written in.
const SILENCE: [i16; 4096] = [0; 4096];

/// How calls are recorded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) codec: Codec,
    pub(super) pauses: Pauses,
    /// The most samples of a file.
    max_samples: u32,
}

impl Settings {
    pub(super) fn new(codec: Codec, pauses: Pauses) -> Self {
        Self {
            codec,
            pauses,
            max_samples: MAX_SAMPLES,
        }
    }
}

/// The recording of one call, as it is made.
pub(super) struct Recording<S: Storage> {
    begun: Begun,
    settings: Settings,
    decoder: Decoder,
    timeline: Timeline,
    /// None before there is audio, and after a failure.
    file: Option<WavFile<S>>,
    /// When the first sample of `file` was heard.
    from: Instant,
    files: u32,
    /// Frames that are in none of them.
    lost: u64,
    /// If there was one, nothing is written any more.
    failure: Option<Failure>,
}

/// Why a recording failed.
#[derive(Debug)]
struct Failure {
    /// None if no file could be made.
    fragment: Option<Fragment>,
    error: io::Error,
    logged: bool,
}

/// What became of a call's recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) files: u32,
    pub(super) lost: u64,
    pub(super) failed: bool,
}

/// What there is of the file with which a recording failed.
#[derive(Debug)]
struct Fragment {
    file: String,
    seconds: f64,
}

impl<S: Storage> Recording<S> {
    pub(super) fn new(begun: Begun, settings: Settings) -> Self {
        Self {
            from: begun.at,
            timeline: Timeline::new(SampleRate::Hz8000, begun.at, settings.pauses),
            begun,
            settings,
            decoder: Decoder::new(settings.codec),
            file: None,
            files: 0,
            lost: 0,
            failure: None,
        }
    }

    /// Audio came.
    pub(super) fn frame(&mut self, storage: &S, frame: Frame) {
        self.lost += frame.lost.frames;
        let mut heard = Vec::new();
        self.decoder.take(frame, &mut heard);
        self.record(storage, heard);
    }

    /// Brings the file up to date.
    pub(super) fn tick(&mut self, storage: &S, now: Instant) {
        let mut heard = Vec::new();
        self.decoder.tick(now, &mut heard);
        self.record(storage, heard);
        // What was quiet ahead of the first audio has a rate only then.
        if self.file.is_some() {
            let mut pieces = Vec::new();
            self.timeline.tick(now, &mut pieces);
            self.write(storage, pieces);
        }
        if let Some(Err(error)) = self.file.as_mut().map(WavFile::count) {
            self.break_off(storage, error);
        }
    }

    /// The call is over.
    pub(super) fn end(&mut self, storage: &S, ended: Ended) -> Outcome {
        self.lost += ended.lost;
        let mut heard = Vec::new();
        self.decoder.flush(&mut heard);
        self.record(storage, heard);
        let mut pieces = Vec::new();
        self.timeline.end(ended.at, &mut pieces);
        self.write(storage, pieces);
        self.close(storage);
        self.log_end();
        Outcome {
            files: self.files,
            lost: self.lost,
            failed: self.failure.is_some(),
        }
    }

    /// Logs what went wrong, if that has not been done and `lines` has one left: a full disk fails
    /// many recordings at once.
    pub(super) fn log_failure(&mut self, lines: &LogRateLimit) {
        let Some(failure) = self.failure.as_mut().filter(|failure| !failure.logged) else {
            return;
        };
        failure.logged = true;
        if let Some(suppressed) = lines.take(Instant::now()) {
            let (uuid, error) = (self.begun.uuid, &failure.error);
            let file = failure.fragment.as_ref().map(|fragment| &*fragment.file);
            tracing::error!(%uuid, file, %error, suppressed, "recording failed");
        }
    }

    fn log_end(&self) {
        let (uuid, lost) = (self.begun.uuid, self.lost);
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

    fn record(&mut self, storage: &S, heard: Vec<Heard>) {
        for heard in heard {
            if self.failure.is_none() && self.rate() != Some(heard.rate) {
                self.change_rate(storage, &heard);
            }
            let mut pieces = Vec::new();
            self.timeline.take(heard, &mut pieces);
            self.write(storage, pieces);
        }
    }

    fn rate(&self) -> Option<SampleRate> {
        self.file.as_ref().map(|file| file.rate)
    }

    /// Begins a file that has the rate of `heard`.
    fn change_rate(&mut self, storage: &S, heard: &Heard) {
        let mut pieces = Vec::new();
        let until = self.timeline.flush(&mut pieces);
        self.write(storage, pieces);
        self.close(storage);
        let from = match self.settings.pauses {
            Pauses::Keep => until,
            Pauses::Skip => heard.at,
        };
        self.timeline = Timeline::new(heard.rate, from, self.settings.pauses);
        self.open(storage, heard.rate, from);
    }

    fn write(&mut self, storage: &S, pieces: Vec<Piece>) {
        for piece in pieces {
            match piece {
                Piece::Silence(mut samples) => {
                    while samples > 0 && self.file.is_some() {
                        let len = samples.min(SILENCE.len() as u64);
                        self.append(storage, &SILENCE[..len as usize]);
                        samples -= len;
                    }
                }
                Piece::Audio(audio) => {
                    self.append(storage, &audio);
                    self.lost += u64::from(self.file.is_none());
                }
            }
        }
    }

    fn append(&mut self, storage: &S, samples: &[i16]) {
        let full = |file: &WavFile<S>| {
            samples.len() > (self.settings.max_samples - file.samples()) as usize
        };
        if self.file.as_ref().is_some_and(full) {
            self.continue_in_another(storage);
        }
        if let Some(Err(error)) = self.file.as_mut().map(|file| file.write(samples)) {
            self.break_off(storage, error);
        }
    }

    /// The file is as long as a file can be.
    fn continue_in_another(&mut self, storage: &S) {
        if let Some(file) = &self.file {
            let (rate, samples) = (file.rate, file.samples());
            let length = Duration::from_secs_f64(f64::from(samples) / f64::from(rate.hz()));
            let from = self.from + length;
            self.close(storage);
            self.open(storage, rate, from);
        }
    }

    fn open(&mut self, storage: &S, rate: SampleRate, from: Instant) {
        if self.failure.is_some() {
            return;
        }
        let utc = self.begun.utc + from.saturating_duration_since(self.begun.at);
        let created = match self.files {
            MAX_FILES => Err(io::Error::other(format!(
                "a call has {MAX_FILES} files at most"
            ))),
            _ => WavFile::create(storage, utc, self.begun.uuid, rate),
        };
        match created {
            Ok(file) => {
                self.file = Some(file);
                self.from = from;
                self.files += 1;
            }
            Err(error) => self.fail(None, error),
        }
    }

    /// Ends the file, if there is one.
    fn close(&mut self, storage: &S) {
        let Some(file) = self.file.take() else {
            return;
        };
        let (name, rate) = (file.name.clone(), file.rate);
        match file.finish(storage) {
            Ok(seconds) => {
                let (uuid, lost) = (self.begun.uuid, self.lost);
                let seconds = format_args!("{seconds:.3}");
                let codec = match rate {
                    SampleRate::Hz8000 => self.decoder.encoding(),
                    _ => Encoding::Slin,
                };
                let rate = rate.hz();
                tracing::info!(%uuid, file = name, seconds, lost, rate, %codec, "recorded");
            }
            Err((seconds, error)) => {
                let file = name;
                self.fail(Some(Fragment { file, seconds }), error);
            }
        }
    }

    fn break_off(&mut self, storage: &S, error: io::Error) {
        if let Some(file) = self.file.take() {
            let name = file.name.clone();
            let fragment = Fragment {
                seconds: file.break_off(storage),
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

#[cfg(test)]
mod tests;
