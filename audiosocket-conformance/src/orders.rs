//! The orders to the handler: the first word of audio. Audio without an order of this module or of
//! [playing] is echoed. `flood` and `hush` are not recorded.

use std::panic::resume_unwind;
use std::thread::sleep;
use std::time::Duration;

use audiosocket_proto::{Audio, AudioBuf, Bytes, SampleRate, SendError};
use audiosocket_server::{Call, Response};

use crate::playing;

/// The bytes of audio that answer `flood`.
pub(crate) const FLOOD: usize = 60_000;

/// Returns whether this audio is left out of the records, because a case sends very much of it.
pub(crate) fn is_unrecorded(payload: &[u8]) -> bool {
    payload.starts_with(b"flood") || payload.starts_with(b"hush")
}

/// Carries out the order in `audio`. `note` adds a line to the transcript.
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
        // Bytes, in each type of answer.
        b"slice" => payload.into(),
        b"vec" => payload.to_vec().into(),
        b"bytes" => Bytes::copy_from_slice(payload).into(),
        b"some" => Some(payload).into(),
        b"wide" => (SampleRate::Hz16000, Bytes::copy_from_slice(payload)).into(),
        b"flood" => vec![0x55; FLOOD].into(),
        b"most" => vec![0x66; 65_535].into(),
        b"too-much" => vec![0x77; 65_536].into(),
        b"too-much-wide" => (SampleRate::Hz192000, vec![0x77; 100_000].into()).into(),
        // No bytes, in each type of answer.
        b"empty-audio" => Audio::new(audio.rate(), &payload[..0]).into(),
        b"empty-slice" => payload[..0].into(),
        b"empty-vec" => Vec::new().into(),
        b"empty-bytes" => Bytes::new().into(),
        b"empty-some" => Some(Vec::new()).into(),
        b"empty-wide" => (SampleRate::Hz16000, Bytes::new()).into(),
        b"hangup" => Response::Hangup,
        // An answer and another action.
        b"bye" => {
            call.hangup();
            audio.into()
        }
        b"handle" => {
            call.handle().hangup();
            audio.into()
        }
        b"pieces" => {
            // Five frames. The last one is the answer.
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
        b"send-nothing" | b"send-too-much" => {
            let len = if payload.ends_with(b"much") {
                65_536
            } else {
                0
            };
            let result = call.send(Audio::new(audio.rate(), &vec![0; len]));
            note(call, outcome(result));
            audio.into()
        }
        b"stats" => {
            let mut stats = call.stats();
            // Only some runners have a kernel that counts.
            stats.retransmissions = None;
            note(call, format!("{stats:?}"));
            audio.into()
        }
        b"duration" => {
            note(call, format!("{:?}", call.duration()));
            audio.into()
        }
        b"block" => {
            // No handler should do this on a thread that serves many calls.
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

/// The result of a send as a line.
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
