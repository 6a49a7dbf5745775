//! WAV files: all formats are read, errors have a reason, and recordings are playable at any time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::io::{self, BufWriter, Cursor, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use audiosocket_media::wav::{
    ReadError, WavWriter, WriteError, rate_of_file, read, read_file, recount,
};
use audiosocket_media::{Resampler, SampleRate};
use hound::{SampleFormat, WavSpec};
use proptest::prelude::*;

const MINUTE: Duration = Duration::from_secs(60);
const RATE: SampleRate = SampleRate::Hz8000;

/// Makes a WAV file with `hound`. The samples already have the right width.
fn wav_of<S: hound::Sample + Copy>(
    (rate, channels, bits, format): (u32, u16, u16, SampleFormat),
    samples: &[S],
) -> Vec<u8> {
    let spec = WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: bits,
        sample_format: format,
    };
    let mut file = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
    for sample in samples {
        writer.write_sample(*sample).unwrap();
    }
    writer.finalize().unwrap();
    file.into_inner()
}

const fn int(bits: u16) -> (u32, u16, u16, SampleFormat) {
    (8_000, 1, bits, SampleFormat::Int)
}

fn read_now(wav: &[u8]) -> Result<Vec<i16>, ReadError> {
    read(wav, RATE, MINUTE)
}

#[test]
fn every_width_becomes_16_bits() {
    let samples = [0, 1, -1, 127, -128];
    let wide = samples.map(|sample| sample << 8);
    let read = |wav: Vec<u8>| read_now(&wav).unwrap();
    assert_eq!(read(wav_of(int(8), &samples)), wide.map(|s| s as i16));
    assert_eq!(
        read(wav_of(int(16), &[1, -1, 32_767, -32_768])),
        [1, -1, 32_767, -32_768]
    );
    // Samples are rounded to the nearest value and clipped.
    let samples = [0x7f, 0x80, -0x80, -0x81, 0x7f_ff_ff, -0x80_00_00];
    assert_eq!(
        read(wav_of(int(24), &samples)),
        [0, 1, 0, -1, 32_767, -32_768]
    );
    let samples = [0x7fff, 0x8000, i32::MAX, i32::MIN];
    assert_eq!(read(wav_of(int(32), &samples)), [0, 1, 32_767, -32_768]);
    let float = (8_000, 1, 32, SampleFormat::Float);
    let samples = [0.5, -1.0, 1.0, 2.0, f32::NAN];
    assert_eq!(
        read(wav_of(float, &samples)),
        [16_384, -32_768, 32_767, 32_767, 0]
    );
}

#[test]
fn channels_are_mixed_and_the_rate_is_changed() {
    let len = 5_000;
    let mono: Vec<i16> = (0..len).map(|at| (at * 37 % 2_000) as i16).collect();
    let stereo: Vec<i16> = mono
        .iter()
        .flat_map(|sample| [*sample + 10, *sample - 10])
        .collect();
    let wav = wav_of((44_100, 2, 16, SampleFormat::Int), &stereo);
    let mut expected = Vec::new();
    let mut resampler = Resampler::new(SampleRate::Hz44100, RATE);
    resampler.push(&mono, &mut expected);
    resampler.finish(&mut expected);
    assert_eq!(read_now(&wav).unwrap(), expected);
    assert_eq!(expected.len(), 907, "5,000 * 8,000 / 44,100");
}

#[test]
fn real_speech_is_read_at_any_rate() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/speech/auth-incorrect.wav");
    for rate in SampleRate::ALL {
        let len = read_file(&path, rate, MINUTE).unwrap().len() as f64;
        let expected = 36_859.0 * f64::from(rate.hz()) / 8_000.0;
        assert!((len - expected).abs() <= 0.5, "{rate}: {len}");
    }
    let error = read_file("no such file", RATE, MINUTE).unwrap_err();
    assert!(matches!(error, ReadError::Io(_)), "{error:?}");
}

#[test]
fn the_rate_of_a_file_is_read_from_its_header() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("rate.wav");
    let wav = wav_of((22_050, 2, 24, SampleFormat::Int), &[0; 100]);
    for len in [44, 200, wav.len()] {
        std::fs::write(&path, &wav[..len]).unwrap();
        let rate = rate_of_file(&path);
        if len == 44 {
            assert!(matches!(rate, Err(ReadError::Truncated)), "{rate:?}");
        } else {
            assert_eq!(rate.unwrap(), 22_050);
        }
    }
    let error = rate_of_file("no such file").unwrap_err();
    assert!(matches!(error, ReadError::Io(_)), "{error:?}");
}

#[test]
fn errors_have_a_reason() {
    let good = wav_of(int(16), &[0; 100]);
    let with = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        read_now(&bad).unwrap_err()
    };
    assert!(matches!(
        with(0, b"OggS"),
        ReadError::Malformed("no RIFF tag found")
    ));
    assert!(matches!(with(8, b"AVI "), ReadError::Malformed(_)));
    assert!(
        matches!(with(22, &[0, 0]), ReadError::Malformed(_)),
        "no channels"
    );
    assert!(
        matches!(with(20, &[6, 0]), ReadError::Unsupported { .. }),
        "A-law"
    );
    // A program that writes to a pipe leaves this size.
    assert!(matches!(with(40, &[0xff; 4]), ReadError::Malformed(_)));
    for len in 0..good.len() {
        let error = read_now(&good[..len]).unwrap_err();
        assert!(matches!(error, ReadError::Truncated), "{len}: {error:?}");
    }
    let slow = wav_of((100, 1, 16, SampleFormat::Int), &[0; 100]);
    assert!(matches!(read_now(&slow), Err(ReadError::Rate(_))));
    let many = wav_of((8_000, 33, 16, SampleFormat::Int), &[0; 33]);
    assert!(matches!(
        read_now(&many),
        Err(ReadError::Unsupported { channels: 33, .. })
    ));
}

#[test]
fn a_long_file_is_refused_before_its_audio_is_read() {
    let wav = wav_of(int(16), &[0; 8_001]);
    let header = &wav[..44];
    let second = Duration::from_secs(1);
    let error = read(header, RATE, second).unwrap_err();
    assert!(matches!(error, ReadError::TooLong { .. }), "{error:?}");
    assert_eq!(error.to_string(), "the WAV file is longer than 1 s");
    let wav = wav_of(int(16), &[0; 8_000]);
    assert_eq!(read(&wav[..], RATE, second).unwrap().len(), 8_000);
}

#[test]
fn an_error_of_the_source_is_returned() {
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk failure"))
        }
    }
    let error = read(Broken, RATE, MINUTE).unwrap_err();
    assert!(matches!(&error, ReadError::Io(error) if error.to_string() == "disk failure"));
}

proptest! {
    #[test]
    fn no_input_panics(
        changes in prop::collection::vec((0_usize..80, any::<u8>()), 0..8),
        wide: bool,
    ) {
        // `hound` writes a longer header for 24 bits.
        let mut wav = wav_of(int(if wide { 24 } else { 16 }), &[5; 60]);
        for (at, byte) in changes {
            wav[at] = byte;
        }
        let _ = read(&wav[..], RATE, MINUTE);
    }

    #[test]
    fn written_samples_are_read_back(pieces: Vec<Vec<i16>>) {
        let mut file = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut file, RATE).unwrap();
        for piece in &pieces {
            writer.write(piece).unwrap();
        }
        prop_assert_eq!(writer.written() as usize, pieces.concat().len());
        writer.finish().unwrap();
        prop_assert_eq!(read_now(file.get_ref()).unwrap(), pieces.concat());
    }
}

/// A file in memory. It outlives its writer and can be full.
#[derive(Clone, Default)]
struct Disk {
    file: Rc<RefCell<Cursor<Vec<u8>>>>,
    size: Option<u64>,
}

impl Disk {
    fn content(&self) -> Vec<u8> {
        self.file.borrow().get_ref().clone()
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = self.file.borrow_mut();
        let room = self
            .size
            .map_or(u64::MAX, |size| size.saturating_sub(file.position()));
        if room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let len = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        file.write(&bytes[..len])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Read for Disk {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.borrow_mut().read(buffer)
    }
}

impl Seek for Disk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.borrow_mut().seek(to)
    }
}

/// Returns the samples `0, 1, 2, ...`, so that a gap is visible.
fn counting(len: usize) -> Vec<i16> {
    (0..len).map(|at| at as i16).collect()
}

#[test]
fn a_crash_loses_at_most_one_second() {
    let samples = counting(30_000);
    let disk = Disk::default();
    let mut writer = WavWriter::new(BufWriter::new(disk.clone()), RATE).unwrap();
    for written in (0..samples.len()).step_by(160) {
        // Another program would find this content after a crash.
        let found = read_now(&disk.content()).unwrap();
        assert!(
            found.len() + 8_000 >= written,
            "{} of {written}",
            found.len()
        );
        assert_eq!(found, samples[..found.len()]);
        writer
            .write(&samples[written..written + 160.min(samples.len() - written)])
            .unwrap();
    }
    // One long write also updates the header.
    let before = read_now(&disk.content()).unwrap().len();
    writer.write(&counting(20_000)).unwrap();
    assert!(read_now(&disk.content()).unwrap().len() >= before + 16_000);
    // A crash runs no destructors.
    std::mem::forget(writer);
}

#[test]
fn a_drop_of_the_writer_ends_the_file() {
    let disk = Disk::default();
    let mut writer = WavWriter::new(BufWriter::new(disk.clone()), RATE).unwrap();
    writer.write(&counting(100)).unwrap();
    drop(writer);
    assert_eq!(read_now(&disk.content()).unwrap(), counting(100));
}

#[test]
fn a_full_disk_leaves_a_playable_file() {
    let samples = counting(40_000);
    // Each size ends at another place: inside a sample, inside a second. With and without a buffer.
    for size in [20_000, 20_001, 44 + 16_000, 60_000] {
        for capacity in [0, 1_000, 8_192] {
            let disk = Disk {
                size: Some(size),
                ..Disk::default()
            };
            let writer = BufWriter::with_capacity(capacity, disk.clone());
            let mut writer = WavWriter::new(writer, RATE).unwrap();
            let error = samples
                .chunks(160)
                .find_map(|piece| writer.write(piece).err());
            assert!(matches!(error, Some(WriteError::Io(_))), "{error:?}");
            let mut found = read_now(&disk.content()).unwrap();
            assert!(found.len() + 8_000 + 160 >= (size as usize - 44) / 2);
            assert_eq!(found, samples[..found.len()]);
            // The drop of the writer writes again.
            drop(writer);
            found = read_now(&disk.content()).unwrap();
            assert_eq!(found, samples[..found.len()]);
            // All whole samples that are on the disk.
            let fitted = (size as usize - 44) / 2;
            assert_eq!(recount(disk.clone()).unwrap() as usize, fitted);
            assert_eq!(read_now(&disk.content()).unwrap(), samples[..fitted]);
        }
    }
}

#[test]
fn recount_recovers_all_written_audio_after_a_crash() {
    let samples = counting(7_999);
    let disk = Disk::default();
    let mut writer = WavWriter::new(disk.clone(), RATE).unwrap();
    for piece in samples.chunks(160) {
        writer.write(piece).unwrap();
    }
    assert_eq!(
        read_now(&disk.content()).unwrap(),
        [],
        "the header counts no audio yet"
    );
    std::mem::forget(writer);
    let whole = 44 + 2 * samples.len();
    disk.file.borrow_mut().seek(SeekFrom::End(0)).unwrap();
    disk.file.borrow_mut().write_all(&[0x7f]).unwrap();
    assert_eq!(recount(disk.clone()).unwrap(), 7_999);
    // The result is equal to a file that was ended. The half sample is not counted.
    let mut ended = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut ended, RATE).unwrap();
    writer.write(&samples).unwrap();
    writer.finish().unwrap();
    assert_eq!(disk.content()[..whole], *ended.into_inner());
}

#[test]
fn recount_does_not_change_other_files() {
    let float = wav_of((8_000, 1, 32, SampleFormat::Float), &[0.5_f32; 10]);
    for bytes in [&b""[..], b"RIFF", &[0; 100], &float] {
        let mut file = Cursor::new(bytes.to_vec());
        let error = recount(&mut file).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(file.into_inner(), bytes);
    }
}
