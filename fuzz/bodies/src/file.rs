use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use audiosocket_media::file::AudioReader;
use audiosocket_media::{SampleRate, pcm};

use crate::cuts::Cuts;

/// Reads a WAV file in one piece and in pieces. Samples, warnings and errors must not depend on the cuts. A file must not
/// give more samples than it has bytes.
///
/// The first bytes of `data` are the cuts.
pub fn file(data: &[u8]) {
    let mut file = data;
    let cuts = Cuts::split_first(&mut file);
    let whole = read(file);
    let pieces: Vec<&[u8]> = cuts.apply(file).collect();
    assert_eq!(
        read(Pieces { pieces, next: 0 }),
        whole,
        "the cuts change the result"
    );
    if let Ok(file_audio) = &whole {
        assert!(file_audio.samples.len() <= file.len());
    }
    // Resampling can need much memory for unusual rates, so only the limit of the duration is tested here.
    if let Ok(mut reader) = AudioReader::new(file)
        && reader.sample_rate() == 8_000
    {
        let limit = Duration::from_millis(5);
        let limited = reader.read_all(SampleRate::Hz8000, limit);
        let samples = whole.map_or(0, |audio| audio.samples.len());
        assert_eq!(limited.is_err(), samples > 40, "{samples} samples");
    }
}

#[derive(Debug, PartialEq)]
struct FileAudio {
    samples: Vec<i16>,
    rate: u32,
    warnings: Vec<String>,
}

/// Returns the audio, or the text of the error.
fn read(source: impl Read) -> Result<FileAudio, String> {
    let mut reader = AudioReader::new(source).map_err(|error| error.to_string())?;
    let mut samples = Vec::new();
    loop {
        let before = samples.len();
        let count = reader
            .read(&mut samples)
            .map_err(|error| error.to_string())?;
        assert_eq!(samples.len(), before + count, "the count is wrong");
        if count == 0 {
            break;
        }
    }
    Ok(FileAudio {
        samples,
        rate: reader.sample_rate(),
        warnings: reader.warnings().iter().map(ToString::to_string).collect(),
    })
}

/// A source that returns one piece, or a part of it, for each read.
struct Pieces<'a> {
    pieces: Vec<&'a [u8]>,
    next: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(piece) = self.pieces.get_mut(self.next) else {
            return Ok(0);
        };
        let len = piece.read(buffer)?;
        if piece.is_empty() {
            self.next += 1;
        }
        Ok(len)
    }
}

/// Returns a small WAV file for each format and each kind of size.
pub(crate) fn seeds() -> Vec<(PathBuf, Vec<u8>)> {
    let mut slin = Vec::new();
    let audio: Vec<i16> = (0..60).map(|n| n * 500 - 15_000).collect();
    pcm::to_slin(&audio, &mut slin);
    let open = u32::MAX;
    let len = slin.len() as u32;
    // Name, magic, format tag, channels, bits, RIFF size, data size.
    let files = [
        ("slin", b"RIFF", 1_u16, 1_u16, 16_u16, 36 + len, len),
        ("open", b"RIFF", 1, 1, 16, open, open),
        ("zero", b"RIFF", 1, 1, 16, 0, 0),
        ("large", b"RIFF", 1, 2, 16, 0x7fff_f024, 0x7fff_f000),
        ("cut", b"RIFF", 1, 1, 16, 1_036, 1_000),
        ("odd", b"RIFF", 1, 2, 16, 36 + len - 1, len - 1),
        ("u8", b"RIFF", 1, 1, 8, 36 + len, len),
        ("s24", b"RIFF", 1, 1, 24, 36 + len, len),
        ("s32", b"RIFF", 1, 3, 32, 36 + len, len),
        ("f32", b"RIFF", 3, 1, 32, 36 + len, len),
        ("f64", b"RIFF", 3, 1, 64, 36 + len, len),
        ("alaw", b"RIFF", 6, 1, 8, 36 + len, len),
        ("ulaw", b"RIFF", 7, 1, 8, 36 + len, len),
        ("extensible", b"RIFF", 0xfffe, 1, 16, 36 + len, len),
        ("rf64", b"RF64", 1, 1, 16, open, open),
        ("adpcm", b"RIFF", 0x11, 1, 4, 36 + len, len),
    ];
    let seed = |(name, magic, tag, channels, bits, riff_size, data_size): (
        _,
        &[u8; 4],
        u16,
        u16,
        u16,
        u32,
        u32,
    )| {
        let mut file = magic.to_vec();
        file.extend(riff_size.to_le_bytes());
        file.extend(b"WAVE");
        if magic == b"RF64" {
            file.extend(b"ds64\x1c\0\0\0");
            file.extend([0; 8]);
            file.extend(u64::from(len).to_le_bytes());
            file.extend([0; 12]);
        }
        file.extend(b"LIST\x03\0\0\0odd\0fmt ");
        file.extend(if tag == 0xfffe {
            [40, 0, 0, 0]
        } else {
            [16, 0, 0, 0]
        });
        file.extend([tag, channels].map(u16::to_le_bytes).concat());
        let block = channels * bits.div_ceil(8);
        file.extend(
            [8_000, 8_000 * u32::from(block)]
                .map(u32::to_le_bytes)
                .concat(),
        );
        file.extend([block, bits].map(u16::to_le_bytes).concat());
        if tag == 0xfffe {
            file.extend([22, 0, 16, 0, 4, 0, 0, 0, 1, 0]);
            file.extend(b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71");
        }
        file.extend(b"data");
        file.extend(data_size.to_le_bytes());
        file.extend(&slin);
        let cuts = [3, 0x0b, 0x20, 0x02];
        (
            format!("file/seed-{name}").into(),
            [&cuts[..], &file].concat(),
        )
    };
    files.map(seed).into()
}
