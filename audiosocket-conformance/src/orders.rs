//! The orders of a script to the handler of its call: the first word of audio. Audio that begins with
//! none of these words, nor with one of [playing], is echoed. `flood` and `hush` are not recorded.

use std::panic::resume_unwind;
use std::thread::sleep;
use std::time::Duration;

use audiosocket_proto::{Audio, AudioBuf, Bytes, SampleRate, SendError};
use audiosocket_server::{Call, Response};

use crate::playing;

/// How many bytes of audio answer `flood`.
pub(crate) const FLOOD: usize = 60_000;

/// Whether this audio is not recorded, since a script sends far too much of it.
pub(crate) fn is_unrecorded(payload: &[u8]) -> bool {
    payload.starts_with(b"flood") || payload.starts_with(b"hush")
}

/// Answers `audio` as it says; `note` adds a line to the transcript.
pub(crate) fn obey<'a>(
    call: &mut Call<'_>,
    audio: Audio<'a>,
    note: impl Fn(&Call<'_>, String),
) -> Response<'a> {
    let payload = audio.payload();
    let word = payload.split(|byte| *byte == b' ').next();
    match word.unwrap_or(payload) {
        // Nothing.
        b"quiet" | b"hush" => ().into(),
        b"none" => None::<Vec<u8>>.into(),
        // Something, in every type that an answer can have.
        b"slice" => payload.into(),
        b"vec" => payload.to_vec().into(),
        b"bytes" => Bytes::copy_from_slice(payload).into(),
        b"some" => Some(payload).into(),
        b"wide" => (SampleRate::Hz16000, Bytes::copy_from_slice(payload)).into(),
        b"flood" => vec![0x55; FLOOD].into(),
        b"most" => vec![0x66; 65_535].into(),
        b"too-much" => vec![0x77; 65_536].into(),
        b"too-much-wide" => (SampleRate::Hz192000, vec![0x77; 100_000].into()).into(),
        // No bytes, in every type.
        b"empty-audio" => Audio::new(audio.rate(), &payload[..0]).into(),
        b"empty-slice" => payload[..0].into(),
        b"empty-vec" => Vec::new().into(),
        b"empty-bytes" => Bytes::new().into(),
        b"empty-some" => Some(Vec::new()).into(),
        b"empty-wide" => (SampleRate::Hz16000, Bytes::new()).into(),
        b"hangup" => Response::Hangup,
        // More than an answer.
        b"bye" => {
            call.hangup();
            audio.into()
        }
        b"handle" => {
            call.handle().hangup();
            audio.into()
        }
        b"pieces" => {
            // An answer larger than a frame: as many frames as it takes, the last one returned.
            for piece in 1..=4 {
                let result = call.send(Audio::new(audio.rate(), &[piece; 40_000]));
                note(call, outcome(result));
            }
            Response::Owned(AudioBuf::new(audio.rate(), vec![5; 40_000]))
        }
        b"many" => {
            for number in 0..100 {
                let result = call.send(Audio::new(audio.rate(), &[number; 320]));
                if result.is_err() {
                    let line = format!("{number} frames, then {}", outcome(result));
                    note(call, line);
                    break;
                }
            }
            audio.into()
        }
        b"send-nothing" => {
            let result = call.send(Audio::new(audio.rate(), &[]));
            note(call, outcome(result));
            audio.into()
        }
        b"send-too-much" => {
            let result = call.send(Audio::new(audio.rate(), &[0; 65_536]));
            note(call, outcome(result));
            audio.into()
        }
        b"stats" => {
            note(call, format!("{:?}", call.stats()));
            audio.into()
        }
        b"duration" => {
            note(call, format!("{:?}", call.duration()));
            audio.into()
        }
        b"block" => {
            // What no handler should do where one thread serves many calls.
            sleep(Duration::from_millis(100));
            audio.into()
        }
        b"panic" => resume_unwind(Box::new("as asked")),
        b"panic-string" => resume_unwind(Box::new(format!("as {}", "asked"))),
        b"panic-other" => resume_unwind(Box::new(7)),
        b"panic-panic" => resume_unwind(Box::new(PanicsAgain)),
        _ if playing::obey(call, audio, note) => ().into(),
        _ => audio.into(),
    }
}

/// What became of a send.
pub(crate) fn outcome(result: Result<(), SendError>) -> String {
    match result {
        Ok(()) => "sent".to_owned(),
        Err(error) => format!("not sent: {error}"),
    }
}

/// A panic payload whose drop panics.
struct PanicsAgain;

impl Drop for PanicsAgain {
    fn drop(&mut self) {
        resume_unwind(Box::new("again"));
    }
}
