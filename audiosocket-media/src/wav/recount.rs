use std::io::{self, Read, Seek, SeekFrom, Write};

use super::WavWriter;

/// The length of the header that a [`WavWriter`] writes: `RIFF`, a length of 4 bytes, `WAVE`, 24 bytes of format, `data`,
/// a length of 4 bytes.
const HEADER_LEN: u64 = 44;

/// Updates the header of a file that a [`WavWriter`] wrote, so that it counts all audio in the file. Returns the number
/// of samples, of all channels.
///
/// After an error or a crash, the header can count up to one second less than the file has. Drop the writer before you
/// call this function. It needs no space on the disk, so it also works when the disk is full. It makes one read and two
/// writes of a few bytes, for a file of any length.
///
/// ```no_run
/// use std::fs::File;
/// use audiosocket_media::wav;
///
/// let recording = File::options().read(true).write(true).open("call.wav")?;
/// let samples = wav::recount(recording)?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// [`io::ErrorKind::InvalidData`] if the file does not have the header of a [`WavWriter`], and the errors of the file.
pub fn recount(mut file: impl Read + Write + Seek) -> io::Result<u32> {
    let mut header = [0; HEADER_LEN as usize];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut header)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => unknown_header(),
            _ => error,
        })?;
    let parts = (&header[..4], &header[8..16], &header[36..40]);
    if parts != (b"RIFF", b"WAVEfmt ", b"data") {
        return Err(unknown_header());
    }
    let audio = file.seek(SeekFrom::End(0))?.saturating_sub(HEADER_LEN);
    // A crash can leave a part of a sample, or of a pair of samples, at the end.
    let channels = u64::from(u16::from_le_bytes([header[22], header[23]]).max(1));
    let whole = audio / (2 * channels) * channels;
    let samples = whole.min(WavWriter::<io::Empty>::MAX_SAMPLES.into()) as u32;
    let audio = 2 * samples;
    for (offset, len) in [(4, audio + HEADER_LEN as u32 - 8), (40, audio)] {
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(&len.to_le_bytes())?;
    }
    file.flush()?;
    Ok(samples)
}

fn unknown_header() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "this file was not written by WavWriter; its header cannot be repaired",
    )
}
