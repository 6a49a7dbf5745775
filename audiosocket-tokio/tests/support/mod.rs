//! Frames, and a server whose handlers record their callbacks.

use std::time::Duration;

use audiosocket_testing::transcript::{Answers, Record, Transcript, TranscriptAcceptor};
use audiosocket_tokio::Refusal;
use audiosocket_tokio::Response;
use audiosocket_tokio::config::SessionConfig;

/// An acceptor made of closures, with a [`Transcript`].
pub(crate) type Recorded = TranscriptAcceptor<Answers>;

/// Returns the frame of a UUID, which begins a call.
pub(crate) fn uuid_frame(uuid: u128) -> Vec<u8> {
    let mut frame = vec![0x01, 0, 16];
    frame.extend(uuid.to_be_bytes());
    frame
}

/// The default configuration without silence.
pub(crate) fn no_silence() -> SessionConfig {
    SessionConfig::new().fill_silence(false)
}

/// Returns a frame of 8 kHz audio.
pub(crate) fn audio_frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x10];
    frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    frame.extend(payload);
    frame
}

/// Returns an acceptor that echoes audio. It refuses the UUID of ones, panics at audio that begins with `panic`, and hangs
/// up at audio that begins with `bye`.
pub(crate) fn recorded() -> (Recorded, Transcript) {
    let answers = Answers::new()
        .accept(|request| match request.uuid.is_max() {
            true => Err(Refusal::new("not you")),
            false => Ok(()),
        })
        .on_audio(|_, audio| {
            assert!(!audio.starts_with(b"panic"), "as asked");
            match audio.starts_with(b"bye") {
                true => Response::Hangup,
                false => audio.into(),
            }
        });
    let acceptor = TranscriptAcceptor::new(answers).keep_if(|entry| {
        !matches!(
            entry.record,
            Record::Accept(_) | Record::Ignored(..) | Record::Drop
        )
    });
    let transcript = acceptor.transcript();
    (acceptor, transcript)
}

/// Waits for the next record and removes it. Returns the UUID as a number, if there is a call, and the callback. Panics
/// after 60 s.
pub(crate) async fn next(transcript: &Transcript) -> String {
    let entry = tokio::time::timeout(Duration::from_secs(60), transcript.next()).await;
    let entry = entry.expect("a record within 60 s");
    match entry.uuid {
        Some(uuid) => format!("{} {entry}", uuid.as_u128()),
        None => entry.to_string(),
    }
}
