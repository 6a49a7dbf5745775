use std::io;
use std::time::{Duration, Instant};

use audiosocket_media::{Codec, SampleRate, pcm};
use audiosocket_server::io::LogRateLimit;
use tracing::field::display;

use crate::RecorderStats;
use crate::decoder::{DecodedAudio, DecodedFrame, FrameDecoder};
use crate::queue::{CallStart, RecordedFrame};
use crate::raw_file::RawFile;
use crate::sides::{Side, Sides};
use crate::storage::Storage;
use crate::timeline::{Gaps, Segment, Timeline};
use crate::wav_file::{MAX_SAMPLES, WavFile, WrittenFile};
use both_sides::BothSides;
use converter::RateConverter;

/// The maximum number of files of one call: one for each rate. Each change of the rate begins another
/// file, and each file is synced at its end. Asterisk rarely changes the rate.
const MAX_FILES: usize = 9;

/// Silence is written in pieces of this length.
const SILENCE: [i16; 4096] = [0; 4096];

/// The settings of all recordings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordingSettings {
    /// The codec of frames of kind `0x10`; `None` to detect it.
    pub(crate) codec: Option<Codec>,
    /// The sample rate of slin under kind `0x10`; `None` to measure it.
    pub(crate) input_rate: Option<SampleRate>,
    /// The content of gaps in a recording of the caller only.
    pub(crate) gaps: Gaps,
    pub(crate) sides: Sides,
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
            sides: Sides::Caller,
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
    /// The timeline of the caller.
    timeline: Timeline,
    /// `None` if the caller only is recorded.
    both: Option<BothSides>,
    /// `None` before there is audio, and after a failure.
    file: Option<WavFile<S>>,
    /// The time of the first sample of `file`.
    from: Instant,
    /// Converts the audio of the caller, if the caller only is recorded.
    converter: RateConverter,
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
    /// The files in which the recording failed. Empty if no file could be created.
    files: Vec<WrittenFile>,
    error: io::Error,
}

impl<S: Storage> Recording<S> {
    pub(crate) fn new(start: CallStart, settings: &RecordingSettings) -> Self {
        let (timeline, both) = match settings.sides {
            Sides::Caller => (Timeline::new(start.at, settings.gaps), None),
            sides => (
                Timeline::beside_server(start.at),
                Some(BothSides::new(sides, start.at)),
            ),
        };
        Self {
            from: start.at,
            timeline,
            both,
            converter: RateConverter::new(SampleRate::Hz8000),
            start,
            decoder: FrameDecoder::new(settings.codec, settings.input_rate),
            file: None,
            raw: None,
            rate: SampleRate::Hz8000,
            pending_silence: Duration::ZERO,
            files: 0,
            lost: 0,
            failure: None,
        }
    }

    pub(crate) fn push(&mut self, context: &Context<S>, side: Side, frame: RecordedFrame) {
        self.lost += frame.lost.frames;
        if let Side::Server { on_schedule } = side {
            return self.push_server(context, on_schedule, &frame);
        }
        let mut decoded = Vec::new();
        self.decoder.push(frame, &mut decoded);
        self.record(context, decoded);
    }

    /// Takes a frame of the server, which is always slin. Lost audio before it becomes silence by the time of the frame.
    fn push_server(&mut self, context: &Context<S>, on_schedule: bool, frame: &RecordedFrame) {
        let Some(both) = &mut self.both else {
            return;
        };
        let mut samples = Vec::new();
        pcm::from_slin(&frame.payload, &mut samples);
        both.push_sent(frame.at, on_schedule, frame.rate, samples);
        self.write_both(context);
    }

    /// Counts frames that were lost at the end of a call.
    pub(crate) fn count_lost(&mut self, frames: u64) {
        self.lost += frames;
    }

    /// Brings the file up to date.
    pub(crate) fn tick(&mut self, context: &Context<S>, now: Instant) {
        let mut decoded = Vec::new();
        self.decoder.tick(now, &mut decoded);
        self.record(context, decoded);
        // The rate of the silence before the first audio is that of the audio.
        if self.file.is_some() || self.both.is_some() {
            let segments = self.timeline.tick(now);
            self.write(context, segments);
        }
        if let Some(both) = &mut self.both {
            both.tick(now);
            self.write_both(context);
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
        if self.both.is_some() {
            self.finish_both(context, at);
        } else {
            if self.start.path.is_some() && self.files == 0 {
                self.begin_single_file(context, self.rate);
            }
            self.end_resampling(context);
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
        if let Some(Failure { files, error }) = &self.failure {
            let name = files.first().map(|file| file.name.clone());
            stats.note_error(&name.unwrap_or_else(|| self.start.name()), error);
        }
    }

    fn log_end(&self) {
        let (uuid, lost) = (self.start.uuid, self.lost);
        match &self.failure {
            Some(Failure { files, .. }) if self.files > 0 => {
                // One line in any case.
                for place in 0..files.len().max(1) {
                    let file = files.get(place);
                    let seconds = file.map(|file| format!("{:.3}", file.seconds));
                    let (file, seconds) = (file.map(|file| &*file.name), seconds.map(display));
                    tracing::warn!(%uuid, file, seconds, lost, "recorded in part");
                }
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
            if self.failure.is_none() && self.both.is_none() {
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

    /// Writes segments of the caller.
    fn write(&mut self, context: &Context<S>, segments: Vec<Segment>) {
        if let Some(both) = &mut self.both {
            both.push_caller(segments);
            return self.write_both(context);
        }
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
                    self.end_resampling(context);
                    while samples > 0 && self.file.is_some() {
                        let len = samples.min(SILENCE.len() as u64);
                        self.append(context, &SILENCE[..len as usize]);
                        samples -= len;
                    }
                }
                Segment::Audio(rate, samples) => {
                    let mut converted = Vec::new();
                    self.converter.convert(rate, &samples, &mut converted);
                    self.append(context, &converted);
                    self.lost += u64::from(self.file.is_none());
                }
            }
        }
    }

    /// Writes the samples that the converter still has.
    fn end_resampling(&mut self, context: &Context<S>) {
        let mut rest = Vec::new();
        self.converter.finish(&mut rest);
        self.append(context, &rest);
    }

    /// Writes the moments that are known for both sides.
    fn write_both(&mut self, context: &Context<S>) {
        while let Some(both) = &mut self.both {
            if self.failure.is_some() {
                self.lost += both.drop_all();
                return;
            }
            let Some(rate) = both.rate() else {
                return;
            };
            let file_rate = self.file.as_ref().map(|file| file.rate);
            let is_enough = |file: SampleRate| self.start.path.is_some() || file >= rate;
            if !file_rate.is_some_and(is_enough) {
                self.begin_file_of_both(context, rate);
            } else if let Some(samples) = both.next() {
                self.append(context, &samples);
            } else {
                return;
            }
        }
    }

    fn begin_file_of_both(&mut self, context: &Context<S>, rate: SampleRate) {
        if let Some(both) = &mut self.both {
            let from = both.begin_file(rate);
            self.close(context);
            self.open(context, rate, from);
        }
    }

    fn finish_both(&mut self, context: &Context<S>, at: Instant) {
        if let Some(both) = &mut self.both {
            both.finish(at);
        }
        self.write_both(context);
        if self.start.path.is_some() && self.files == 0 && self.failure.is_none() {
            self.begin_file_of_both(context, SampleRate::Hz8000);
        }
        while self.file.is_some()
            && let Some(both) = &mut self.both
            && let Some(samples) = both.next().or_else(|| both.rest())
        {
            self.append(context, &samples);
        }
    }
}

mod both_sides;
mod compressed;
mod converter;
mod files;
#[cfg(test)]
mod tests;
