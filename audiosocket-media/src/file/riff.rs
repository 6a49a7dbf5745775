use std::io::{self, Read};

use super::coding::Coding;
use super::{FileKind, ReadErrorKind};
use crate::Law;

/// The maximum number of channels. No arrangement of loudspeakers has more.
const MAX_CHANNELS: u16 = 32;

/// Data sizes from here on are placeholders of programs that write to a pipe, such as `0x7FFFFFFF`, `0x7FFFF000`
/// (espeak-ng), `0xFFFF0000` and `0xFFFFFFFF` (ffmpeg), or real sizes of about 2 GiB and more.
const FIRST_PLACEHOLDER: u32 = 0x7fff_0000;

/// The format and the size of the audio that follows a WAV header.
#[derive(Debug, PartialEq)]
pub(super) struct WavHeader {
    pub(super) coding: Coding,
    pub(super) channels: u16,
    /// In Hz.
    pub(super) rate: u32,
    pub(super) size: DataSize,
}

/// The number of bytes of audio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum DataSize {
    /// The audio has this size.
    Known(u64),
    /// The audio ends with the source, or after this number of bytes. The header has a placeholder.
    AtMost(u64),
    /// The audio ends with the source. The header has a placeholder.
    Open,
}

/// Returns true if `start`, the first 12 bytes of a file, is a WAV file.
pub(super) fn is_wav(start: &[u8; 12]) -> bool {
    matches!(&start[..4], b"RIFF" | b"RF64" | b"BW64") && &start[8..] == b"WAVE"
}

/// Reads the chunks up to the audio. `start` is the first 12 bytes, which are no longer in `source`.
pub(super) fn read_header(
    start: &[u8; 12],
    source: &mut impl Read,
) -> Result<WavHeader, ReadErrorKind> {
    let [_, _, _, _, size @ .., _, _, _, _] = start;
    let riff_size = u32::from_le_bytes(*size);
    let is_rf64 = &start[..4] != b"RIFF";
    let mut chunks = Chunks {
        source,
        position: start.len() as u64,
    };
    let (mut format, mut data_size_64) = (None, None);
    loop {
        let (id, len) = chunks.header()?;
        match &id {
            b"ds64" => {
                let (bytes, _) = chunks.body::<28>(len)?;
                if len >= 28 {
                    let [_, _, _, _, _, _, _, _, size @ ..] = &bytes;
                    data_size_64 = size.first_chunk().map(|size| u64::from_le_bytes(*size));
                }
            }
            b"fmt " => {
                let (bytes, given) = chunks.body::<26>(len)?;
                format = Some(parse_format(&bytes[..given])?);
            }
            b"data" => {
                let Some((coding, channels, rate)) = format else {
                    return Err(ReadErrorKind::Malformed(
                        "the audio comes before its format",
                    ));
                };
                let size = match (len, data_size_64) {
                    (u32::MAX, Some(size @ 1..=0x7fff_ffff_ffff_ffff)) if is_rf64 => {
                        DataSize::Known(size)
                    }
                    (u32::MAX, _) => DataSize::Open,
                    (FIRST_PLACEHOLDER.., _) => DataSize::AtMost(len.into()),
                    (0, _) if is_open(riff_size, chunks.position) => DataSize::Open,
                    _ => DataSize::Known(len.into()),
                };
                return Ok(WavHeader {
                    coding,
                    channels,
                    rate,
                    size,
                });
            }
            _ => {
                chunks.body::<0>(len)?;
            }
        }
    }
}

/// Returns true if no chunk can follow the data: the RIFF size is a placeholder too, or that of the header. In a file without
/// audio, nothing follows the header.
fn is_open(riff_size: u32, header_len: u64) -> bool {
    riff_size >= FIRST_PLACEHOLDER || u64::from(riff_size) + 8 <= header_len
}

struct Chunks<'a, R> {
    source: &'a mut R,
    /// The number of bytes of the file so far.
    position: u64,
}

impl<R: Read> Chunks<'_, R> {
    /// Reads the name and the size of the next chunk.
    fn header(&mut self) -> Result<([u8; 4], u32), ReadErrorKind> {
        let mut header = [0; 8];
        self.read(&mut header)?;
        let [a, b, c, d, size @ ..] = header;
        Ok(([a, b, c, d], u32::from_le_bytes(size)))
    }

    /// Reads up to `N` bytes of a chunk of `len` bytes, and skips the rest and the pad byte. Returns the bytes and their
    /// number.
    fn body<const N: usize>(&mut self, len: u32) -> Result<([u8; N], usize), ReadErrorKind> {
        let mut bytes = [0; N];
        let given = N.min(len as usize);
        self.read(&mut bytes[..given])?;
        let rest = u64::from(len) - given as u64 + u64::from(len % 2);
        let skipped = io::copy(&mut self.source.by_ref().take(rest), &mut io::sink());
        let skipped = skipped.map_err(ReadErrorKind::Io)?;
        self.position += skipped;
        if skipped < rest {
            return Err(ReadErrorKind::HeaderCutShort);
        }
        Ok((bytes, given))
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), ReadErrorKind> {
        let read = self.source.read_exact(bytes);
        self.position += bytes.len() as u64;
        read.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ReadErrorKind::HeaderCutShort,
            _ => ReadErrorKind::Io(error),
        })
    }
}

/// Returns the coding, the channels and the rate of a `fmt ` chunk.
fn parse_format(chunk: &[u8]) -> Result<(Coding, u16, u32), ReadErrorKind> {
    const PCM: u16 = 1;
    const FLOAT: u16 = 3;
    const A_LAW: u16 = 6;
    const MU_LAW: u16 = 7;
    const EXTENSIBLE: u16 = 0xfffe;

    let at = |offset: usize| Some(u16::from_le_bytes(*chunk.get(offset..)?.first_chunk()?));
    let (Some(tag), Some(channels), Some(rate_low), Some(rate_high), Some(block), Some(bits)) =
        (at(0), at(2), at(4), at(6), at(12), at(14))
    else {
        return Err(ReadErrorKind::Malformed(
            "its format has less than 16 bytes",
        ));
    };
    let rate = u32::from(rate_high) << 16 | u32::from(rate_low);
    let tag = match (tag, at(24)) {
        (EXTENSIBLE, Some(sub_format)) => sub_format,
        (EXTENSIBLE, None) => {
            return Err(ReadErrorKind::Malformed(
                "its extensible format is cut short",
            ));
        }
        _ => tag,
    };
    if channels == 0 {
        return Err(ReadErrorKind::Malformed("it has no channels"));
    }
    // Some writers leave the block size open. In a larger container, the significant bits of a sample come first.
    let container = match block / channels {
        len @ 1..=8 if block % channels == 0 && 8 * len >= bits => len,
        _ => bits.div_ceil(8),
    };
    let coding = match (tag, container) {
        (PCM, 1) => Coding::Unsigned8,
        (PCM, 2) => Coding::Signed16,
        (PCM, 3) => Coding::Signed24,
        (PCM, 4) => Coding::Signed32,
        (FLOAT, 4) => Coding::Float32,
        (FLOAT, 8) => Coding::Float64,
        (A_LAW, 1) => Coding::G711(Law::A),
        (MU_LAW, 1) => Coding::G711(Law::Mu),
        _ => {
            return Err(ReadErrorKind::UnsupportedAudio {
                tag,
                channels,
                bits,
            });
        }
    };
    if channels > MAX_CHANNELS || bits == 0 {
        return Err(ReadErrorKind::UnsupportedAudio {
            tag,
            channels,
            bits,
        });
    }
    Ok((coding, channels, rate))
}

/// Returns the reason that a file is not WAV. `start` is the start of the file.
pub(super) fn not_wav(start: &[u8]) -> ReadErrorKind {
    let magics = [b"RIFF", b"RF64", b"BW64"];
    if start.is_empty() {
        ReadErrorKind::Empty
    } else if start.len() < 12
        && magics
            .iter()
            .any(|magic| start.starts_with(&magic[..start.len().min(4)]))
    {
        ReadErrorKind::HeaderCutShort
    } else {
        ReadErrorKind::NotWav(FileKind::of_bytes(start))
    }
}
