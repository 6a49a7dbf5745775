//! What the tests of this crate share: frames, and a server whose handlers record their callbacks.

use std::time::Duration;

use audiosocket_testing::transcript::{Answers, Record, Transcript, TranscriptAcceptor};
use audiosocket_tokio::Refusal;
use audiosocket_tokio::Response;
use audiosocket_tokio::config::SessionConfig;

/// An acceptor made of closures, with a [`Transcript`].
pub(crate) type Recorded = TranscriptAcceptor<Answers>;

/// `uuid` as the frame that begins a call.
pub(crate) fn uuid_frame(uuid: u128) -> Vec<u8> {
    let mut frame = vec![0x01, 0, 16];
    frame.extend(uuid.to_be_bytes());
    frame
}

/// The default, but that nothing is sent without being asked for.
pub(crate) fn no_silence() -> SessionConfig {
    SessionConfig::new().fill_silence(false)
}

/// A frame of 8 kHz audio.
pub(crate) fn audio_frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x10];
    frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
    frame.extend(payload);
    frame
}

/// Refuses the UUID of ones and takes every other call. Echoes audio, but panics at a payload that
/// begins with `panic`, and hangs up at one that begins with `bye`.
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

/// Waits for the next record and removes it: the UUID as a number, if there is a call, and the
/// callback. Fails if none comes.
pub(crate) async fn next(transcript: &Transcript) -> String {
    let entry = tokio::time::timeout(Duration::from_secs(60), transcript.next()).await;
    let entry = entry.expect("a record within 60 s");
    match entry.uuid {
        Some(uuid) => format!("{} {entry}", uuid.as_u128()),
        None => entry.to_string(),
    }
}
