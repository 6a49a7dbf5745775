use std::io;
use std::time::{Duration, Instant};

use audiosocket_media::{Codec, SampleRate};
use audiosocket_server::io::LogRateLimit;
use tracing::field::display;

use crate::RecorderStats;
use crate::decoder::{DecodedAudio, DecodedFrame, FrameDecoder};
use crate::raw_file::RawFile;
use crate::storage::{Storage, create_named};
use crate::timeline::{Gaps, Segment, Timeline};
use crate::track::{CallStart, RecordedFrame};
use crate::wav_file::{MAX_SAMPLES, WavFile, WrittenFile};

/// The maximum number of files of one call: one for each rate. Each change of the rate begins another
/// file, and each file is synced at its end. Asterisk rarely changes the rate.
const MAX_FILES: u32 = 9;

/// Silence is written in pieces of this length.
const SILENCE: [i16; 4096] = [0; 4096];

/// The settings of all recordings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordingSettings {
    /// The codec of frames of kind `0x10`; `None` to detect it.
    pub(crate) codec: Option<Codec>,
    /// The sample rate of slin under kind `0x10`; `None` to measure it.
    pub(crate) input_rate: Option<SampleRate>,
    pub(crate) gaps: Gaps,
    pub(crate) sync: bool,
    /// The maximum number of samples of a file.
    pub(crate) max_samples: u32,
}

impl Default for RecordingSettings {
    fn default() -> Self {
        Self {
            codec: None,
            input_rate: None,
            gaps: Gaps::Keep,
            sync: true,
            max_samples: MAX_SAMPLES,
        }
    }
}

/// The state that all recordings of a recorder share.
pub(crate) struct Context<S> {
    pub(crate) storage: S,
    pub(crate) settings: RecordingSettings,
    /// Limits the log lines of errors: a full disk fails many recordings at once.
    pub(crate) error_lines: LogRateLimit,
}

/// The recording of one call while it is written.
pub(crate) struct Recording<S: Storage> {
    start: CallStart,
    decoder: FrameDecoder,
    timeline: Timeline,
    /// `None` before there is audio, and after a failure.
    file: Option<WavFile<S>>,
    /// The time of the first sample of `file`.
    from: Instant,
    /// The audio that cannot be decoded.
    raw: Option<RawFile<S>>,
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

/// The failure of a recording.
#[derive(Debug)]
struct Failure {
    /// The file in which the recording failed; `None` if no file could be created.
    file: Option<WrittenFile>,
    error: io::Error,
}

impl<S: Storage> Recording<S> {
    pub(crate) fn new(start: CallStart, settings: &RecordingSettings) -> Self {
        Self {
            from: start.at,
            timeline: Timeline::new(start.at, settings.gaps),
            start,
            decoder: FrameDecoder::new(settings),
            file: None,
            raw: None,
            rate: SampleRate::Hz8000,
            pending_silence: Duration::ZERO,
            files: 0,
            lost: 0,
            failure: None,
        }
    }

    pub(crate) fn push(&mut self, context: &Context<S>, frame: RecordedFrame) {
        self.lost += frame.lost.frames;
        let mut decoded = Vec::new();
        self.decoder.push(frame, &mut decoded);
        self.record(context, decoded);
    }

    /// Brings the file up to date.
    pub(crate) fn tick(&mut self, context: &Context<S>, now: Instant) {
        let mut decoded = Vec::new();
        self.decoder.tick(now, &mut decoded);
        self.record(context, decoded);
        // The rate of the silence before the first audio is that of the audio.
        if self.file.is_some() {
            let segments = self.timeline.tick(now);
            self.write(context, segments);
        }
        if let Some(Err(error)) = self.file.as_mut().map(WavFile::update_header) {
            self.abort(context, error);
        }
        if let Some(Err(error)) = self.raw.as_mut().map(RawFile::flush) {
            self.abort_raw(context, error);
        }
    }

    /// Ends the recording of a call that ended at `at`. `lost` frames were lost at its end.
    pub(crate) fn finish(&mut self, context: &Context<S>, at: Instant, lost: u64) {
        self.lost += lost;
        let mut decoded = Vec::new();
        self.decoder.finish(&mut decoded);
        self.record(context, decoded);
        let segments = self.timeline.finish(at);
        self.write(context, segments);
        self.close_raw(context);
        if self.start.path.is_some() && self.files == 0 {
            self.begin_single_file(context, self.rate);
        }
        if let Some(file) = &mut self.file {
            let rest = file.end_resampling();
            self.append(context, &rest);
        }
        self.close(context);
        self.log_end();
    }

    /// Adds the result of a recording that has ended.
    pub(crate) fn count(&self, stats: &mut RecorderStats) {
        stats.ended += 1;
        stats.complete += u64::from(self.failure.is_none() && self.lost == 0);
        stats.failed += u64::from(self.failure.is_some());
        stats.files += u64::from(self.files);
        stats.lost_frames += self.lost;
        if let Some(Failure { file, error }) = &self.failure {
            let name = file.as_ref().map(|file| file.name.clone());
            stats.note_error(&name.unwrap_or_else(|| self.start.name()), error);
        }
    }

    fn log_end(&self) {
        let (uuid, lost) = (self.start.uuid, self.lost);
        match &self.failure {
            Some(Failure { file, .. }) if self.files > 0 => {
                let seconds = file.as_ref().map(|file| format!("{:.3}", file.seconds));
                let (file, seconds) = (file.as_ref().map(|file| &*file.name), seconds.map(display));
                tracing::warn!(%uuid, file, seconds, lost, "recorded in part");
            }
            None if self.files > 0 => {}
            None if lost == 0 => tracing::info!(%uuid, "not recorded: the call had no audio"),
            _ => tracing::warn!(%uuid, lost, "not recorded"),
        }
    }

    fn record(&mut self, context: &Context<S>, decoded: Vec<DecodedFrame>) {
        if let Some(warning) = self.decoder.take_warning() {
            tracing::warn!(uuid = %self.start.uuid, "{warning}");
        }
        for frame in decoded {
            let mut audio = match frame {
                DecodedFrame::Linear(audio) => audio,
                DecodedFrame::Compressed(codec, frame) => {
                    self.keep(context, codec, &frame.payload, frame.at);
                    continue;
                }
            };
            if self.failure.is_none() {
                self.prepare_file(context, &mut audio);
            }
            let segments = self.timeline.push(audio);
            self.write(context, segments);
        }
    }

    /// Opens a file for `audio`, if there is none.
    fn prepare_file(&mut self, context: &Context<S>, audio: &mut DecodedAudio) {
        if self.start.path.is_none() {
            if self.file.as_ref().map(|file| file.rate) != Some(audio.rate) {
                self.change_rate(context, audio);
            }
        } else if self.files == 0 {
            self.rate = audio.rate;
            if audio.samples.iter().all(|sample| *sample == 0) {
                audio.lost += std::mem::take(&mut audio.samples).len() as u64;
            } else {
                self.begin_single_file(context, audio.rate);
            }
        }
    }

    /// Begins a file of the rate of `audio`.
    fn change_rate(&mut self, context: &Context<S>, audio: &DecodedAudio) {
        let segments = self.timeline.flush();
        self.write(context, segments);
        self.close(context);
        let from = match context.settings.gaps {
            Gaps::Skip => audio.at,
            _ => self.timeline.end(),
        };
        self.open(context, audio.rate, from);
    }

    /// Begins the only file of a recording whose path is given.
    fn begin_single_file(&mut self, context: &Context<S>, rate: SampleRate) {
        self.open(context, rate, self.start.at);
        let silence = std::mem::take(&mut self.pending_silence);
        self.write(context, vec![Segment::Silence(silence)]);
    }

    fn write(&mut self, context: &Context<S>, segments: Vec<Segment>) {
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
                    // The duration was rounded down to a nanosecond, so this rounds to the nearest sample.
                    let half = Duration::from_nanos(500_000_000 / u64::from(file.rate.hz()));
                    let mut samples = file.rate.samples_in(silence + half);
                    let rest = file.end_resampling();
                    self.append(context, &rest);
                    while samples > 0 && self.file.is_some() {
                        let len = samples.min(SILENCE.len() as u64);
                        self.append(context, &SILENCE[..len as usize]);
                        samples -= len;
                    }
                }
                Segment::Audio(rate, samples) => {
                    let samples = file.resample(rate, samples);
                    self.append(context, &samples);
                    self.lost += u64::from(self.file.is_none());
                }
            }
        }
    }

    fn append(&mut self, context: &Context<S>, samples: &[i16]) {
        if samples.is_empty() {
            return;
        }
        let full = |file: &WavFile<S>| {
            samples.len() > (context.settings.max_samples - file.samples()) as usize
        };
        // A file with a given path has no next file. A write to it fails when it is full.
        if self.start.path.is_none() && self.file.as_ref().is_some_and(full) {
            self.continue_in_next_file(context);
        }
        if let Some(Err(error)) = self.file.as_mut().map(|file| file.write(samples)) {
            self.abort(context, error);
        }
    }

    /// Begins another file, because this file has its maximum length.
    fn continue_in_next_file(&mut self, context: &Context<S>) {
        if let Some(file) = &self.file {
            let (rate, samples) = (file.rate, file.samples());
            let from = self.from + rate.duration_of(samples.into());
            self.close(context);
            self.open(context, rate, from);
        }
    }

    fn open(&mut self, context: &Context<S>, rate: SampleRate, from: Instant) {
        if self.failure.is_some() {
            return;
        }
        self.timeline.set_rate(rate);
        match self.create(context, rate, from) {
            Ok(file) => {
                self.file = Some(file);
                self.from = from;
                self.files += 1;
            }
            Err(error) => self.fail(context, None, error),
        }
    }

    fn create(
        &self,
        context: &Context<S>,
        rate: SampleRate,
        from: Instant,
    ) -> io::Result<WavFile<S>> {
        let (name, file) = match &self.start.path {
            Some(path) => (self.start.name(), context.storage.create(path, false)?),
            None if self.files == MAX_FILES => {
                let problem = format!("a call has at most {MAX_FILES} files");
                return Err(io::Error::other(problem));
            }
            None => {
                let utc = self.start.utc + from.saturating_duration_since(self.start.at);
                create_named(&context.storage, utc, self.start.uuid, "wav")?
            }
        };
        WavFile::new(name, file, rate)
    }

    /// Ends the file, if there is one.
    fn close(&mut self, context: &Context<S>) {
        let Some(file) = self.file.take() else {
            return;
        };
        let rate = file.rate;
        match file.finish(&context.storage, context.settings.sync) {
            Ok(WrittenFile { name, seconds }) => {
                let (uuid, lost) = (self.start.uuid, self.lost);
                let seconds = format_args!("{seconds:.3}");
                let codec = self.decoder.codec();
                let rate = rate.hz();
                tracing::info!(%uuid, file = name, seconds, lost, rate, %codec, "recorded");
            }
            Err((file, error)) => self.fail(context, Some(file), error),
        }
    }

    /// Ends the file after an error, and with it the recording.
    fn abort(&mut self, context: &Context<S>, error: io::Error) {
        if let Some(file) = self.file.take() {
            let file = file.abort(&context.storage);
            self.fail(context, Some(file), error);
        }
    }

    fn fail(&mut self, context: &Context<S>, file: Option<WrittenFile>, error: io::Error) {
        if let Some(suppressed) = context.error_lines.take(Instant::now()) {
            let (uuid, file) = (self.start.uuid, file.as_ref().map(|file| &*file.name));
            tracing::error!(%uuid, file, %error, suppressed, "recording failed");
        }
        self.failure = Some(Failure { file, error });
    }
}

mod compressed;
#[cfg(test)]
mod tests;
