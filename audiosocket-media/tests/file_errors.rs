//! Audio files that cannot be read: the error has the file, its kind and the command that converts it. No input panics.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/riff.rs"]
mod riff;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_media::file::{AudioReader, FileKind, ReadError, ReadErrorKind};
use proptest::prelude::*;
use riff::{chunk, format, riff, slin, wav};

const MINUTE: Duration = Duration::from_secs(60);
const RATE: SampleRate = SampleRate::Hz8000;

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("errors");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Opens a file with this name and content. Returns the error without the folder in its text.
fn open(name: &str, bytes: &[u8]) -> (ReadError, String) {
    let path = folder().join(name);
    std::fs::write(&path, bytes).unwrap();
    let error = AudioReader::open(&path).unwrap_err();
    assert_eq!(error.path(), Some(&*path));
    let text = error
        .to_string()
        .replace(&format!("{}/", folder().display()), "");
    (error, text)
}

fn error(bytes: &[u8]) -> ReadError {
    AudioReader::new(bytes).unwrap_err()
}

#[test]
fn an_error_names_the_kind_of_file_and_the_command_that_converts_it() {
    let ogg = |codec: &[u8]| [&b"OggS"[..], &[0; 24], codec, &[0; 40]].concat();
    for (name, start, kind, text) in [
        (
            "a.mp3",
            &b"ID3\x04\0\0\0\0\0\0"[..],
            FileKind::Mp3,
            "an MP3 file",
        ),
        (
            "a.wav",
            b"\xff\xfb\x90\x64\0\0\0\0\0\0\0\0\0\0",
            FileKind::Mp3,
            "an MP3 file",
        ),
        (
            "a.opus",
            &ogg(b"OpusHead"),
            FileKind::OggOpus,
            "an Ogg file with Opus audio",
        ),
        ("a.ogg", &ogg(b"\x01vorbis"), FileKind::Ogg, "an Ogg file"),
        ("a.flac", b"fLaC\0\0\0\x22", FileKind::Flac, "a FLAC file"),
        (
            "a.m4a",
            b"\0\0\0\x20ftypM4A \0\0\0\0",
            FileKind::Mp4,
            "an MP4 or M4A file",
        ),
        (
            "a.aac",
            b"\xff\xf1\x50\x80\0\x1f\xfc",
            FileKind::Aac,
            "an AAC file",
        ),
        (
            "a.aiff",
            b"FORM\0\0\0\0AIFF",
            FileKind::Aiff,
            "an AIFF file",
        ),
        ("a.au", b".snd\0\0\0\x18", FileKind::Au, "a Sun AU file"),
        ("a.amr", b"#!AMR\n\x3c", FileKind::Amr, "an AMR file"),
        (
            "a.webm",
            b"\x1a\x45\xdf\xa3\x01",
            FileKind::Matroska,
            "a Matroska or WebM file",
        ),
        (
            "a.avi",
            b"RIFF\0\0\0\0AVI LIST",
            FileKind::OtherRiff,
            "an AVI file or another RIFF file",
        ),
    ] {
        let (error, message) = open(name, start);
        assert!(
            matches!(error.kind(), ReadErrorKind::NotWav(found) if *found == kind),
            "{error:?}"
        );
        let output = if name == "a.wav" {
            "a-converted.wav"
        } else {
            "a.wav"
        };
        let expected = format!(
            "{name}: not a WAV file, but {text}; convert it: ffmpeg -i {name} -ac 1 {output}"
        );
        assert_eq!(message, expected);
    }
}

#[test]
fn a_codec_of_asterisk_that_is_not_read_has_its_own_command() {
    let commands = [
        ("a.gsm", "sox a.gsm -r 8000 -c 1 a.wav"),
        ("a.g729", "ffmpeg -f g729 -i a.g729 -ac 1 a.wav"),
    ];
    for (name, command) in commands {
        let (_, message) = open(name, &[0xd5; 100]);
        assert!(
            message.ends_with(&format!("convert it: {command}")),
            "{message}"
        );
    }
}

#[test]
fn a_real_file_of_gsm_has_the_command_that_converts_it() {
    for (name, text) in [
        (
            "sine.gsm",
            "not a WAV file, but a GSM file; convert it: sox sine.gsm -r 8000 -c 1 sine.wav",
        ),
        (
            "sine.wav49",
            "the WAV file has GSM audio (format tag 0x0031, 1 channels, 0 bits), which is not supported; \
             convert it: ffmpeg -i sine.wav49 -ac 1 sine.wav",
        ),
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files");
        let bytes = std::fs::read(folder.join(name)).unwrap();
        assert_eq!(open(name, &bytes).1, format!("{name}: {text}"));
    }
}

#[test]
fn empty_files_folders_text_and_missing_files_have_their_own_errors() {
    assert_eq!(open("empty.wav", b"").1, "empty.wav: the file is empty");
    assert_eq!(open("empty.ulaw", b"").1, "empty.ulaw: the file is empty");
    let (_, message) = open("page.wav", b"<!DOCTYPE html><title>404 \xc3\xa9\xc3");
    assert_eq!(message, "page.wav: not a WAV file, but a text file");
    let (_, message) = open("noise.bin", &[0x80, 1, 2, 3, 0x99, 5, 6, 7, 8, 9, 0, 1, 2]);
    assert!(
        message.contains("give raw audio the extension .sln"),
        "{message}"
    );
    let error = AudioReader::open(folder()).unwrap_err();
    assert!(error.to_string().ends_with("this is a folder; give a file"));
    let error = AudioReader::open("no such file").unwrap_err();
    let message = error.to_string();
    let expected = "'no such file': reading the file failed: No such file";
    assert!(message.starts_with(expected), "{message}");
    assert!(
        message.ends_with("or make a file: espeak-ng -w greeting.wav \"Hello\""),
        "{message}"
    );
    assert_eq!(format!("{error:?}"), message);
    let error = io::Error::from(error);
    assert_eq!(
        (error.kind(), error.to_string()),
        (io::ErrorKind::NotFound, message)
    );
}

#[test]
fn a_path_in_a_command_is_quoted_for_a_shell() {
    let (_, message) = open("it's a\u{7} $(song).mp3", b"ID3");
    let name = "'it'\\''s a\\u{7} $(song)";
    let expected = format!(
        "{name}.mp3': not a WAV file, but an MP3 file; convert it: ffmpeg -i {name}.mp3' -ac 1 {name}.wav'"
    );
    assert_eq!(message, expected);
}

#[test]
fn a_stream_without_a_path_has_placeholders_in_the_command() {
    let message = error(b"fLaC\0\0\0\x22\0\0\0\0").to_string();
    let expected = "not a WAV file, but a FLAC file; convert it: ffmpeg -i INPUT -ac 1 OUTPUT.wav";
    assert_eq!(message, expected);
}

#[test]
fn audio_that_is_not_supported_is_named() {
    for (format, text) in [
        (
            format(2, 1, 8_000, 4),
            "Microsoft ADPCM audio (format tag 0x0002, 1 channels, 4 bits)",
        ),
        (
            format(0x31, 1, 8_000, 0),
            "GSM audio (format tag 0x0031, 1 channels, 0 bits)",
        ),
        (
            format(1, 33, 8_000, 16),
            "PCM audio (format tag 0x0001, 33 channels, 16 bits)",
        ),
        (
            format(1, 1, 8_000, 64),
            "PCM audio (format tag 0x0001, 1 channels, 64 bits)",
        ),
        (
            format(3, 1, 8_000, 16),
            "floating-point audio (format tag 0x0003, 1 channels, 16 bits)",
        ),
    ] {
        let message = error(&wav(&format, &[0; 100])).to_string();
        assert!(message.contains(text), "{message}");
        assert!(message.contains("convert it: ffmpeg"), "{message}");
    }
    for hz in [0, 100, 192_001, u32::MAX / 2] {
        let error = error(&wav(&format(1, 1, hz, 16), &[0; 100]));
        assert!(matches!(error.kind(), ReadErrorKind::Rate(_)), "{error:?}");
        assert!(
            error
                .to_string()
                .contains(&format!("{hz} Hz is not between 4000 and 192000 Hz"))
        );
    }
}

#[test]
fn wrong_headers_have_a_reason() {
    let fmt = format(1, 1, 8_000, 16);
    for (file, text) in [
        (wav(&format(1, 0, 8_000, 16), &[0; 4]), "it has no channels"),
        (
            wav(&fmt[..15], &[0; 4]),
            "its format has less than 16 bytes",
        ),
        (
            wav(&format(0xfffe, 1, 8_000, 16), &[0; 4]),
            "its extensible format is cut short",
        ),
        (
            riff(&[chunk(b"data", &[0; 4]), chunk(b"fmt ", &fmt)]),
            "the audio comes before its format",
        ),
    ] {
        let message = error(&file).to_string();
        assert!(message.contains(text), "{message}");
    }
    let file = wav(&fmt, &[0; 4]);
    for len in 1..44 {
        let error = error(&file[..len]);
        assert!(
            matches!(error.kind(), ReadErrorKind::HeaderCutShort),
            "{len}: {error:?}"
        );
    }
    let no_audio = riff(&[chunk(b"fmt ", &fmt), chunk(b"LIST", b"odd")]);
    assert!(matches!(
        error(&no_audio).kind(),
        ReadErrorKind::HeaderCutShort
    ));
}

#[test]
fn audio_that_is_longer_than_the_limit_is_refused() {
    let second = Duration::from_secs(1);
    let read = |samples: usize| {
        let file = wav(&format(1, 1, 8_000, 16), &slin(&vec![0; samples]));
        AudioReader::new(&file[..]).unwrap().read_all(RATE, second)
    };
    assert_eq!(read(8_000).unwrap().len(), 8_000);
    let error = read(8_001).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the audio is longer than the limit of 1 s; cut it into shorter files"
    );
    // An endless stream ends with the error too.
    let header = &wav(&format(1, 2, 192_000, 32), &[])[..44];
    let mut header = header.to_vec();
    header[40..44].fill(0xff);
    let endless = io::Read::chain(&header[..], io::repeat(7));
    let error = AudioReader::new(endless)
        .unwrap()
        .read_all(RATE, second)
        .unwrap_err();
    assert!(
        matches!(error.kind(), ReadErrorKind::TooLong { .. }),
        "{error:?}"
    );
}

#[test]
fn an_error_of_the_source_is_returned() {
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk failure"))
        }
    }
    let broken = |len: usize| {
        let file = wav(&format(1, 1, 8_000, 16), &[0; 100]);
        let mut reader = AudioReader::new(io::Read::chain(&file[..len], Broken))?;
        reader.read_all(RATE, MINUTE)
    };
    for len in [0, 11, 12, 30, 43, 44, 100] {
        let error = broken(len).unwrap_err();
        let is_expected =
            matches!(error.kind(), ReadErrorKind::Io(error) if error.to_string() == "disk failure");
        assert!(is_expected, "{len}: {error:?}");
    }
}

proptest! {
    #[test]
    fn no_header_panics(
        tag in prop::sample::select(vec![0_u16, 1, 2, 3, 6, 7, 0x31, 0xfffe]),
        channels in 0_u16..40,
        rate in prop_oneof![Just(8_000), any::<u32>().prop_map(|rate| rate % 300_000)],
        bits in 0_u16..70,
        changes in prop::collection::vec((0_usize..100, any::<u8>()), 0..8),
        cut in 0_usize..200,
    ) {
        let mut chunk_of_format = format(tag, channels, rate, bits);
        chunk_of_format.extend([22, 0, 16, 0, 4, 0, 0, 0, 1, 0]);
        let ds64 = chunk(b"ds64", &[7; 28]);
        let mut file = riff(&[ds64, chunk(b"fmt ", &chunk_of_format), chunk(b"data", &[5; 60])]);
        for (at, byte) in changes {
            file[at] = byte;
        }
        file.truncate(file.len() - cut.min(file.len() / 2));
        if let Ok(mut reader) = AudioReader::new(&file[..]) {
            let mut samples = Vec::new();
            while reader.read(&mut samples).unwrap() > 0 {}
            prop_assert!(samples.len() <= file.len());
        }
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = AudioReader::new(&bytes[..]);
        let riff = [b"RIFF\xff\xff\xff\xffWAVE", &bytes[..]].concat();
        let _ = AudioReader::new(&riff[..]);
    }
}
