use std::io::{self, Read, Seek, SeekFrom, Write};

use super::WavWriter;

/// What stands before the audio of a [`WavWriter`]'s file: `RIFF`, the length of all that follows,
/// `WAVE`, 24 bytes of format, `data`, the length of the audio.
const HEADER_LEN: u64 = 44;

/// Makes the header of a file that a [`WavWriter`] wrote count all audio that is there, and tells
/// how many samples that is.
///
/// After an error, or a crash, the file is playable up to where its header was last brought up to
/// date, and up to a second more may be in it. This needs no room on the disk, so that it works on
/// a full one too. Drop the writer first.
///
/// Latency and cost: those of one read and two writes of a few bytes, however long the file is.
///
/// ```no_run
/// use std::fs::File;
/// use audiosocket_media::wav;
///
/// let broken_off = File::options().read(true).write(true).open("call.wav")?;
/// let samples = wav::recount(broken_off)?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// [`io::ErrorKind::InvalidData`] if the file does not begin as those of a [`WavWriter`] do, and
/// those of reading and writing it.
pub fn recount(mut file: impl Read + Write + Seek) -> io::Result<u32> {
    let mut header = [0; HEADER_LEN as usize];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut header)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => not_ours(),
            _ => error,
        })?;
    let parts = (&header[..4], &header[8..16], &header[36..40]);
    if parts != (b"RIFF", b"WAVEfmt ", b"data") {
        return Err(not_ours());
    }
    let audio = file.seek(SeekFrom::End(0))?.saturating_sub(HEADER_LEN);
    // Half a sample at the end is none.
    let samples = (audio / 2).min(WavWriter::<io::Empty>::MAX_SAMPLES.into()) as u32;
    let audio = 2 * samples;
    for (offset, len) in [(4, audio + HEADER_LEN as u32 - 8), (40, audio)] {
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(&len.to_le_bytes())?;
    }
    file.flush()?;
    Ok(samples)
}

fn not_ours() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "not a WAV file that a WavWriter wrote",
    )
}
