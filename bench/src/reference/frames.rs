use std::io;

use audiosocket_proto::{Decoder, Message, SampleRate, encoder};

/// Replaces `output` by the echo of the frames in `bytes`.
pub(super) fn echo(
    decoder: &mut Decoder,
    mut bytes: &[u8],
    output: &mut Vec<u8>,
) -> io::Result<()> {
    output.clear();
    while let Some(frame) = decoder.decode(&mut bytes) {
        if let Ok(Message::Audio(audio)) = Message::parse(frame)
            && audio.rate() == SampleRate::Hz8000
            && !audio.is_empty()
        {
            encoder::encode_audio(audio, output).map_err(io::Error::other)?;
        }
    }
    Ok(())
}

/// The bytes that a non-blocking write took.
pub(super) fn written(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        written => written,
    }
}
