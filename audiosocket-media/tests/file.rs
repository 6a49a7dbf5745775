//! Audio files: every format and every kind of wrong size is read to the last sample.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/fit.rs"]
mod fit;
#[path = "common/riff.rs"]
mod riff;

use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use audiosocket_media::file::{AudioReader, FileWarning, RawFormat};
use audiosocket_media::{Law, Prompt, Resampler, SampleRate, pcm};
use fit::fit;
use riff::{chunk, format, riff, slin, wav};

const MINUTE: Duration = Duration::from_secs(60);
const RATE: SampleRate = SampleRate::Hz8000;

fn read(bytes: impl AsRef<[u8]>) -> (Vec<i16>, Vec<FileWarning>) {
    let mut reader = AudioReader::new(bytes.as_ref()).unwrap();
    let samples = reader.read_all(RATE, MINUTE).unwrap();
    (samples, reader.warnings().to_vec())
}

fn samples(bytes: impl AsRef<[u8]>) -> Vec<i16> {
    let (samples, warnings) = read(bytes);
    assert_eq!(warnings, []);
    samples
}

fn mono16() -> Vec<u8> {
    format(1, 1, 8_000, 16)
}

/// Sample `n` of the files in `tests/files`: a sine of 440 Hz.
fn sine(n: usize) -> f64 {
    9_000.0 * (n as f64 * 440.0 / 8_000.0 * std::f64::consts::TAU).sin()
}

#[test]
fn files_of_streaming_tools_and_telephony_play_to_the_last_sample() {
    for (name, tolerance, odd) in [
        ("streaming-tts-ffffffff", 1.0, false),
        ("streaming-tts-zero-sizes", 1.0, false),
        ("odd-data-length", 1.0, true),
        ("rf64", 1.0, false),
        // µ-law has steps of 256 at this level.
        ("ulaw-tag-7", 260.0, false),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/files/{name}.wav"));
        let prompt = Prompt::open(path).unwrap();
        let samples: Vec<i16> = prompt.at(RATE).samples().collect();
        assert_eq!(samples.len(), 8_037, "{name}");
        for (n, sample) in samples.iter().enumerate() {
            let difference = (f64::from(*sample) - sine(n)).abs();
            assert!(difference <= tolerance, "{name}: sample {n} is {sample}");
        }
        let warnings: Vec<_> = prompt.warnings().iter().map(ToString::to_string).collect();
        let expected = "the audio ends inside a sample; ignored bytes: 1";
        assert_eq!(warnings, [expected; 1][..usize::from(odd)], "{name}");
    }
}

#[test]
fn a_g722_file_is_read_at_16_khz() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/sine.g722");
    let mut reader = AudioReader::open(&path).unwrap();
    assert_eq!((reader.sample_rate(), reader.channels()), (16_000, 1));
    let samples = reader.read_all(SampleRate::Hz16000, MINUTE).unwrap();
    assert_eq!(samples.len(), 16_000);
    // A peak of 9,000 is -11.2 dB. The coding adds some noise.
    let found = fit(&samples[1_000..], 440.0, 16_000);
    assert!((found.level + 11.2).abs() < 0.2, "{found:?}");
    assert!(found.rest < -40.0, "{found:?}");
    // The state of the decoder continues from one read to the next.
    let mut pieces = Vec::new();
    let bytes = std::fs::read(path).unwrap();
    let mut reader = AudioReader::raw(Pieces(&bytes), RawFormat::G722);
    while reader.read(&mut pieces).unwrap() > 0 {}
    assert_eq!(pieces, samples);
}

/// Returns 7 bytes for each read.
struct Pieces<'a>(&'a [u8]);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(7);
        self.0.read(&mut buffer[..len])
    }
}

#[test]
fn placeholder_sizes_mean_the_end_of_the_source() {
    let audio: Vec<i16> = (1..=5_000).collect();
    for (riff_size, data_size) in [
        (u32::MAX, u32::MAX),
        // `wave` of Python, if the audio is written after the header of an empty file.
        (36, 0),
        (0, 0),
        (u32::MAX, 0),
        (0, u32::MAX),
        (0x7fff_ffff, 0x7fff_ffff),
        (0x7fff_ffff, 0x7fff_ffdb),
        (0x7fff_f024, 0x7fff_f000),
        (0x7fff_0024, 0x7fff_0000),
        (0x8000_0024, 0x8000_0000),
        (0xffff_0024, 0xffff_0000),
        (36, u32::MAX),
        (0, 10_000),
    ] {
        let mut file = wav(&mono16(), &slin(&audio));
        file[4..8].copy_from_slice(&riff_size.to_le_bytes());
        file[40..44].copy_from_slice(&data_size.to_le_bytes());
        assert_eq!(samples(&file), audio, "{riff_size:#x}, {data_size:#x}");
        // A stream that ends inside a sample.
        file.push(7);
        if data_size != 10_000 {
            let (found, warnings) = read(&file);
            assert_eq!(found, audio);
            assert!(matches!(
                warnings[..],
                [FileWarning::IncompleteSample { bytes: 1, .. }]
            ));
        }
    }
    assert_eq!(samples(wav(&mono16(), &[])), []);
}

#[test]
fn a_file_that_is_cut_short_plays_and_reports_the_byte_counts() {
    let audio: Vec<i16> = (1..=5_000).collect();
    let file = wav(&mono16(), &slin(&audio));
    for cut in [44, 45, 46, 1_044, 10_043] {
        let (found, warnings) = read(&file[..cut]);
        assert_eq!(found, audio[..(cut - 44) / 2]);
        let texts: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        let audio_bytes = cut - 44;
        assert_eq!(
            texts[0],
            format!(
                "the file is cut short: its header announces 10000 bytes of audio, and it has {audio_bytes}"
            )
        );
        assert_eq!(texts.len(), 1 + cut % 2);
    }
}

#[test]
fn chunks_around_the_audio_are_skipped_with_their_pad_bytes() {
    let audio = [1, 2, 3];
    let file = riff(&[
        chunk(b"LIST", b"odd"),
        chunk(b"JUNK", &[0xff; 28]),
        chunk(b"fmt ", &[&mono16()[..], &[0, 0, 9]].concat()),
        chunk(b"bext", &[0; 601]),
        chunk(b"data", &slin(&audio)),
        chunk(b"LIST", b"INFOISFT\x05\0\0\0Lavf\0\0"),
    ]);
    assert_eq!(samples(file), audio);
}

#[test]
fn rf64_and_bw64_take_the_size_from_the_ds64_chunk() {
    let audio = [1, -2, 3];
    for magic in [b"RF64", b"BW64"] {
        for (size, len) in [(6_u64, 3), (4, 2), (0, 3), (u64::MAX, 3)] {
            let ds64 = [&[0; 8][..], &size.to_le_bytes(), &[0; 12]].concat();
            let mut data = chunk(b"data", &slin(&audio));
            data[4..8].fill(0xff);
            let mut file = riff(&[chunk(b"ds64", &ds64), chunk(b"fmt ", &mono16()), data]);
            file[..4].copy_from_slice(magic);
            file[4..8].fill(0xff);
            assert_eq!(samples(&file), audio[..len], "{size}");
        }
    }
}

#[test]
fn every_width_becomes_16_bits() {
    let read = |tag, bits, data: &[u8]| samples(wav(&format(tag, 1, 8_000, bits), data));
    assert_eq!(
        read(1, 8, &[128, 129, 127, 255, 0]),
        [0, 256, -256, 32_512, -32_768]
    );
    let all = [1, -1, 32_767, -32_768];
    assert_eq!(read(1, 16, &slin(&all)), all);
    // Wider samples are rounded to the nearest value and clipped.
    let wide = [0x7f, 0x80, -0x80, -0x81, 0x7f_ff_ff, -0x80_00_00_i32];
    let bytes: Vec<u8> = wide
        .iter()
        .flat_map(|sample| sample.to_le_bytes()[..3].to_vec())
        .collect();
    assert_eq!(read(1, 24, &bytes), [0, 1, 0, -1, 32_767, -32_768]);
    let wide = [0x7fff, 0x8000, i32::MAX, i32::MIN].map(i32::to_le_bytes);
    assert_eq!(read(1, 32, &wide.concat()), [0, 1, 32_767, -32_768]);
    let floats = [0.5, -1.0, 1.0, 2.0, f32::NAN];
    let expected = [16_384, -32_768, 32_767, 32_767, 0];
    assert_eq!(
        read(3, 32, &floats.map(f32::to_le_bytes).concat()),
        expected
    );
    let floats = floats.map(f64::from);
    assert_eq!(
        read(3, 64, &floats.map(f64::to_le_bytes).concat()),
        expected
    );
    let codes: Vec<u8> = (0..=255).collect();
    for (tag, law) in [(6, Law::A), (7, Law::Mu)] {
        let mut expected = Vec::new();
        law.decode(&codes, &mut expected);
        assert_eq!(read(tag, 8, &codes), expected);
    }
}

#[test]
fn an_extensible_header_has_its_format_in_the_sub_format() {
    let guid = b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71";
    let extensible = |tag: u16, bits: u16, valid: u16| {
        let mut chunk = format(0xfffe, 1, 8_000, bits);
        chunk.extend([22, 0]);
        chunk.extend(valid.to_le_bytes());
        chunk.extend([4, 0, 0, 0]);
        chunk.extend(tag.to_le_bytes());
        chunk.extend(guid);
        chunk
    };
    assert_eq!(
        samples(wav(&extensible(1, 16, 16), &slin(&[5, -6]))),
        [5, -6]
    );
    // 24 significant bits in 32.
    let bytes = 0x1234_5600_i32.to_le_bytes();
    assert_eq!(samples(wav(&extensible(1, 32, 24), &bytes)), [0x1234]);
    assert_eq!(
        samples(wav(&extensible(3, 32, 32), &0.5_f32.to_le_bytes())),
        [16_384]
    );
    assert_eq!(
        samples(wav(&extensible(7, 8, 8), &[0xff, 0x80])),
        [0, 32_124]
    );
}

#[test]
fn wrong_block_sizes_are_corrected() {
    for block in [0_u16, 1, 3, 9, 0xffff] {
        let mut chunk = mono16();
        chunk[12..14].copy_from_slice(&block.to_le_bytes());
        if block != 3 {
            assert_eq!(samples(wav(&chunk, &slin(&[5, -6]))), [5, -6], "{block}");
        }
    }
}

#[test]
fn channels_are_mixed_and_the_rate_is_changed() {
    let mono: Vec<i16> = (0..5_000).map(|at| (at * 37 % 2_000) as i16).collect();
    for (channels, hz) in [
        (1, 22_050),
        (2, 44_100),
        (6, 48_000),
        (32, 11_025),
        (2, 37_800),
    ] {
        // Half of the channels are louder, and half are quieter.
        let interleaved: Vec<i16> = mono
            .iter()
            .flat_map(|sample| {
                (0..channels).map(move |at| match at % 2 {
                    _ if channels == 1 => *sample,
                    0 => sample + 10,
                    _ => sample - 10,
                })
            })
            .collect();
        let file = wav(&format(1, channels, hz, 16), &slin(&interleaved));
        let mut expected = Vec::new();
        let mut resampler = Resampler::between(hz, RATE.hz()).unwrap();
        resampler.push(&mono, &mut expected);
        resampler.finish(&mut expected);
        assert_eq!(samples(file), expected, "{channels} channels, {hz} Hz");
    }
}

#[test]
fn the_raw_files_of_asterisk_are_read_by_their_extension() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("raw");
    std::fs::create_dir_all(&folder).unwrap();
    let audio: Vec<i16> = (0..2_000).map(|n| (n * 13 % 9_000) as i16).collect();
    let extensions = [
        ("sln", 8_000),
        ("raw", 8_000),
        ("SLN12", 12_000),
        ("sln16", 16_000),
        ("sln24", 24_000),
        ("sln32", 32_000),
        ("sln44", 44_100),
        ("sln48", 48_000),
        ("sln96", 96_000),
        ("sln192", 192_000),
        ("ulaw", 8_000),
        ("ul", 8_000),
        ("mu", 8_000),
        ("pcm", 8_000),
        ("alaw", 8_000),
        ("al", 8_000),
    ];
    for (extension, hz) in extensions {
        let path = folder.join(format!("prompt.{extension}"));
        let law = match extension {
            "ulaw" | "ul" | "mu" | "pcm" => Some(Law::Mu),
            "alaw" | "al" => Some(Law::A),
            _ => None,
        };
        let (mut bytes, mut expected) = (slin(&audio), audio.clone());
        if let Some(law) = law {
            bytes.clear();
            law.encode(&audio, &mut bytes);
            expected.clear();
            law.decode(&bytes, &mut expected);
        }
        std::fs::write(&path, &bytes).unwrap();
        let mut reader = AudioReader::open(&path).unwrap();
        assert_eq!(reader.sample_rate(), hz, "{extension}");
        let mut samples = Vec::new();
        while reader.read(&mut samples).unwrap() > 0 {}
        assert_eq!(samples, expected, "{extension}");
    }
    // A WAV file is read as WAV, whatever its extension.
    let path = folder.join("wav.sln");
    std::fs::write(&path, wav(&mono16(), &slin(&[1, 2]))).unwrap();
    let audio = Prompt::open(path).unwrap().at(RATE);
    assert_eq!(audio.samples().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn real_speech_is_read_at_any_rate() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/speech/auth-incorrect.wav");
    for rate in SampleRate::ALL {
        let mut file = AudioReader::open(&path).unwrap();
        let len = file.read_all(rate, MINUTE).unwrap().len() as f64;
        let expected = 36_859.0 * f64::from(rate.hz()) / 8_000.0;
        assert!((len - expected).abs() <= 0.5, "{rate}: {len}");
    }
    let mut expected = Vec::new();
    let bytes = std::fs::read(path).unwrap();
    pcm::from_slin(&bytes[44..], &mut expected);
    assert_eq!(samples(bytes), expected);
}
