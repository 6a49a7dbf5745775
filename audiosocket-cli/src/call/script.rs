//! The options for what a caller sends beside its audio, and when.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use audiosocket_media::{Encoding, Law, SampleRate};
use audiosocket_proto::{Decoder, ErrorFlags, FrameKind};
use audiosocket_testing::load::{Cue, LoadTest, synthesize_speech};
use clap::{Args, ValueEnum};
use uuid::Uuid;

use super::digits::{Digits, digits};
use super::read_audio;
use crate::duration;
use crate::file_error::file_error;
use crate::packet_capture;

/// The heading of the options in the help.
const SCRIPT: &str = "What Asterisk can send";

/// The options. `-h` does not show them.
#[derive(Debug, Args)]
pub(super) struct ScriptArgs {
    /// Codec, sent as 8 kHz slin
    #[arg(long, value_name = "CODEC", help_heading = SCRIPT, hide = true, value_enum, hide_possible_values = true, default_value_t = SentCodec::Slin)]
    codec: SentCodec,
    /// Frames at once at the start
    #[arg(long, value_name = "N", help_heading = SCRIPT, hide = true, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    start_burst: u32,
    /// Press keys at this time: 3s:15#
    #[arg(long, value_name = "TIME:KEYS", help_heading = SCRIPT, hide = true, value_parser = timed_keys)]
    dtmf_at: Vec<(Duration, Digits)>,
    /// Send keys as tones in the audio
    #[arg(long, help_heading = SCRIPT, hide = true)]
    inband_keys: bool,
    /// Speak at this time; a WAV file: 2s:hi.wav
    #[arg(long, value_name = "TIME[:FILE]", help_heading = SCRIPT, hide = true, value_parser = timed_file)]
    say_at: Vec<(Duration, Option<PathBuf>)>,
    /// Send no audio in this time: 2s-7s
    #[arg(long, value_name = "FROM-TO", help_heading = SCRIPT, hide = true, value_parser = hold)]
    hold: Vec<(Duration, Duration)>,
    /// Send an error frame; flags: 2s:4
    #[arg(long, value_name = "TIME[:N]", help_heading = SCRIPT, hide = true, value_parser = timed_error)]
    error_at: Vec<(Duration, u8)>,
    /// Send a second UUID at this time
    #[arg(long, value_name = "TIME", help_heading = SCRIPT, hide = true, value_parser = duration::parse)]
    uuid_at: Vec<Duration>,
    /// Send a captured stream again
    #[arg(long, value_name = "FILE", help_heading = SCRIPT, hide = true, conflicts_with_all = ["audio", "closed_loop", "no_audio", "barge_in_after", "start_burst", "hold", "say_at"])]
    replay: Option<PathBuf>,
}

/// The values of `--codec`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SentCodec {
    Slin,
    Ulaw,
    Alaw,
}

/// A captured stream.
#[derive(Debug, Default)]
struct Capture {
    /// The UUID with which it starts.
    uuid: Option<Uuid>,
    /// All other frames, with the time of each.
    frames: Vec<(Duration, FrameKind, Vec<u8>)>,
    /// The duration of all audio.
    lasts: Duration,
}

impl ScriptArgs {
    /// Whether the caller speaks at certain times. It is silent at all others.
    pub(super) fn has_speech(&self) -> bool {
        !self.say_at.is_empty() || self.inband_keys
    }

    /// Whether the frames of a file are sent.
    pub(super) fn is_replay(&self) -> bool {
        self.replay.is_some()
    }

    /// Adds all options to a test. `keys` are pressed at the start.
    pub(super) fn apply(
        &self,
        mut test: LoadTest,
        rate: SampleRate,
        keys: &Digits,
    ) -> io::Result<LoadTest> {
        test = test
            .encoding(self.codec.into())
            .start_burst(self.start_burst);
        let at_start = (Duration::ZERO, keys.clone());
        let at_start = Some(at_start).filter(|_| self.inband_keys);
        for (at, keys) in at_start.iter().chain(&self.dtmf_at) {
            for key in keys.iter() {
                let cue = match self.inband_keys {
                    true => Cue::KeyTone(key),
                    false => Cue::Key(key),
                };
                test = test.cue(*at, cue);
            }
        }
        if !self.inband_keys {
            test = test.dtmf(keys.iter());
        }
        for (at, file) in &self.say_at {
            let samples = match file {
                Some(path) => read_audio(path, rate)?,
                None => synthesize_speech(rate),
            };
            test = test.cue(*at, Cue::Say(samples));
        }
        for (from, until) in &self.hold {
            test = test.cue(*from, Cue::Hold(*until - *from));
        }
        for (at, flags) in &self.error_at {
            test = test.cue(*at, Cue::Error(ErrorFlags(*flags)));
        }
        for at in &self.uuid_at {
            test = test.cue(*at, Cue::SecondUuid);
        }
        Ok(test)
    }

    /// Adds the frames of `--replay`. The call has the UUID of the stream, and lasts as long, unless they are set.
    pub(super) fn apply_replay(
        &self,
        mut test: LoadTest,
        has_uuid: bool,
        has_duration: bool,
    ) -> io::Result<LoadTest> {
        let Some(path) = &self.replay else {
            return Ok(test);
        };
        let capture = Capture::read(path, self.codec)?;
        if !has_uuid && let Some(uuid) = capture.uuid {
            test = test.uuid(uuid);
        }
        if !has_duration {
            test = test.duration(capture.lasts.max(Duration::from_secs(1)));
        }
        for (at, kind, payload) in capture.frames {
            test = test.cue(at, Cue::Frame { kind, payload });
        }
        Ok(test.quiet())
    }
}

impl Capture {
    fn read(path: &Path, codec: SentCodec) -> io::Result<Self> {
        let bytes = std::fs::read(path).map_err(|error| file_error(path, &error))?;
        packet_capture::refuse(&bytes).map_err(|error| file_error(path, &error))?;
        let capture = Self::decode(&bytes, codec);
        if capture.frames.is_empty() {
            let error = io::Error::other("the file has no frame after the UUID");
            return Err(file_error(path, &error));
        }
        Ok(capture)
    }

    /// Decodes a stream. It has no times, so a frame is due when all audio before it was played.
    fn decode(mut bytes: &[u8], codec: SentCodec) -> Self {
        let (mut capture, mut decoder) = (Self::default(), Decoder::new());
        while let Some(frame) = decoder.decode(&mut bytes) {
            let at = capture.lasts;
            if frame.kind == FrameKind::UUID && capture.uuid.is_none() && capture.frames.is_empty()
            {
                capture.uuid = Uuid::from_slice(frame.payload).ok();
                continue;
            }
            if let Some(rate) = SampleRate::from_kind(frame.kind) {
                let samples = match codec {
                    SentCodec::Slin => frame.payload.len() / 2,
                    _ => frame.payload.len(),
                };
                capture.lasts += rate.duration_of(samples as u64);
            }
            let payload = frame.payload.to_vec();
            capture.frames.push((at, frame.kind, payload));
        }
        capture
    }
}

impl From<SentCodec> for Encoding {
    fn from(codec: SentCodec) -> Self {
        match codec {
            SentCodec::Slin => Self::Slin,
            SentCodec::Ulaw => Self::G711(Law::Mu),
            SentCodec::Alaw => Self::G711(Law::A),
        }
    }
}

fn timed_keys(text: &str) -> Result<(Duration, Digits), String> {
    let (at, keys) = text
        .split_once(':')
        .ok_or("no keys; write it like 3s:15#")?;
    Ok((duration::parse(at)?, digits(keys)?))
}

fn timed_file(text: &str) -> Result<(Duration, Option<PathBuf>), String> {
    match text.split_once(':') {
        Some((at, file)) => Ok((duration::parse(at)?, Some(file.into()))),
        None => Ok((duration::parse(text)?, None)),
    }
}

fn timed_error(text: &str) -> Result<(Duration, u8), String> {
    let (at, flags) = text.split_once(':').unwrap_or((text, "1"));
    let flags = flags
        .parse()
        .map_err(|_| "the flags are a number from 0 to 255: 2s:4".to_owned())?;
    Ok((duration::parse(at)?, flags))
}

fn hold(text: &str) -> Result<(Duration, Duration), String> {
    let (from, until) = text.split_once('-').ok_or("no end; write it like 2s-7s")?;
    let (from, until) = (duration::parse(from)?, duration::parse(until)?);
    if from >= until {
        return Err("the hold ends before it starts; write it like 2s-7s".to_owned());
    }
    Ok((from, until))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_a_capture_is_due_after_the_audio_before_it() {
        let mut bytes = vec![0x01, 0, 16];
        bytes.extend([7; 16]);
        for frame in [
            &[&[0x10, 1, 0x40][..], &[0; 320]].concat()[..],
            &[0x03, 0, 1, b'5'],
            &[&[0x12, 2, 0x80][..], &[0; 640]].concat(),
            &[0xff, 0, 1, 4, 0x10],
        ] {
            bytes.extend(frame);
        }
        let millis = |codec| {
            let capture = Capture::decode(&bytes, codec);
            assert_eq!(capture.uuid, Some(Uuid::from_bytes([7; 16])));
            let frames = capture.frames.iter();
            let at: Vec<_> = frames
                .map(|(at, kind, _)| (at.as_millis(), kind.0))
                .collect();
            (at, capture.lasts.as_millis())
        };
        let wanted = vec![(0, 0x10), (20, 0x03), (20, 0x12), (40, 0xff)];
        assert_eq!(millis(SentCodec::Slin), (wanted, 40));
        assert_eq!(millis(SentCodec::Alaw).1, 80);
    }

    #[test]
    fn times_and_values_are_parsed() {
        let second = Duration::from_secs(1);
        assert_eq!(timed_keys("3s:1#").map(|it| it.0), Ok(3 * second));
        assert_eq!(timed_file("2s"), Ok((2 * second, None)));
        let file = timed_file("2s:a:b.wav").unwrap();
        assert_eq!(file.1, Some("a:b.wav".into()));
        assert_eq!(timed_error("1s"), Ok((second, 1)));
        assert_eq!(timed_error("1s:4"), Ok((second, 4)));
        assert_eq!(hold("1s-2s"), Ok((second, 2 * second)));
        assert!(timed_keys("3s").is_err());
        assert!(timed_keys("3s:x").is_err());
        assert!(timed_error("1s:256").is_err());
        assert!(hold("2s-1s").is_err());
    }
}
