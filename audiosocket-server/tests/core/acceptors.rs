//! Acceptors whose handlers record every callback, and misbehave on demand.

use audiosocket_proto::{Audio, DtmfDigit};
use audiosocket_server::{Call, Refusal, Response};
use audiosocket_testing::transcript::{Answers, TranscriptAcceptor};

pub(crate) use audiosocket_testing::transcript::Transcript;

/// An acceptor made of closures, with a [`Transcript`].
pub(crate) type Recorded = TranscriptAcceptor<Answers>;

/// The name of the peer of every connection.
pub(crate) const PEER: &str = "tester";

/// The first line of every transcript.
pub(crate) const ACCEPT: &str = "accept 40325ec2-5efd-4bd3-805f-53576e581d13";

/// Answers no audio.
pub(crate) fn silent() -> Recorded {
    answering(|_, _| Response::Nothing)
}

/// Answers audio with the same audio.
pub(crate) fn echo() -> Recorded {
    answering(|_, audio| audio.into())
}

/// Answers audio by `on_audio`.
pub(crate) fn answering(
    on_audio: impl for<'a> Fn(&mut Call<'_>, Audio<'a>) -> Response<'a> + Send + Sync + 'static,
) -> Recorded {
    recorded(answers().on_audio(on_audio))
}

/// Refuses every call.
pub(crate) fn refusing(reason: &'static str) -> Recorded {
    recorded(answers().accept(move |_| Err(Refusal::new(reason))))
}

/// Refuses every peer.
pub(crate) fn refusing_peers(reason: &'static str) -> Recorded {
    recorded(answers().admit(move |peer| Err(Refusal::new(format!("{peer}: {reason}")))))
}

/// Panics when it is asked about a peer.
pub(crate) fn panicking_about_peers() -> Recorded {
    recorded(answers().admit(|_| panic!("in admit_peer")))
}

/// Panics in these callbacks, after they are recorded.
pub(crate) fn panicking_in(callbacks: &'static [&'static str]) -> Recorded {
    silent().on_entry(move |entry| {
        let callback = entry.record.callback();
        if callbacks.contains(&callback) {
            panic!("in {callback}");
        }
    })
}

fn recorded(answers: Answers) -> Recorded {
    TranscriptAcceptor::new(answers)
}

/// Hangs up at `#`, and answers `*` with text.
fn answers() -> Answers {
    Answers::new().on_dtmf(|_, digit: DtmfDigit| match digit.as_char() {
        '#' => Response::Hangup,
        '*' => b"star"[..].into(),
        _ => Response::Nothing,
    })
}
