//! Frames of each codec, and the times at which they arrive.

use std::path::Path;
use std::time::Duration;

use audiosocket_media::{Codec, pcm};
use audiosocket_proto::{Frame, Message};

pub(crate) const MS: Duration = Duration::from_millis(1);

/// The audio payloads of a file of frames.
pub(crate) fn payloads(path: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let file = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut rest = &file[..];
    let mut payloads = Vec::new();
    while let Some(frame) = Frame::split_first(&mut rest) {
        if let Ok(Message::Audio(audio)) = Message::parse(frame) {
            payloads.push(audio.payload().to_vec());
        }
    }
    payloads
}

/// The committed frames of `name`: see `tests/codecs`.
pub(crate) fn sample(name: &str) -> Vec<Vec<u8>> {
    payloads(&format!("tests/codecs/{name}.bin"))
}

pub(crate) fn encoded(codec: Codec, samples: &[i16]) -> Vec<u8> {
    let mut bytes = Vec::new();
    match codec {
        Codec::G711(law) => law.encode(samples, &mut bytes),
        _ => pcm::to_slin(samples, &mut bytes),
    }
    bytes
}
