//! Recordings: a WAV file is playable at any time, and `recount` repairs its header.

use std::cell::RefCell;
use std::io::{self, BufWriter, Cursor, Seek, SeekFrom, Write};
use std::rc::Rc;
use std::time::Duration;

use audiosocket_media::SampleRate;
use audiosocket_media::file::{AudioReader, ReadError};
use audiosocket_media::wav::{WavWriter, WriteError, recount};
use proptest::prelude::*;

const MINUTE: Duration = Duration::from_secs(60);
const RATE: SampleRate = SampleRate::Hz8000;

fn read_now(wav: &[u8]) -> Result<Vec<i16>, ReadError> {
    AudioReader::new(wav)?.read_all(RATE, MINUTE)
}

proptest! {
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
    // The header counts no audio yet. The reader takes the audio to the end of the file.
    assert_eq!(disk.content()[40..44], [0; 4]);
    assert!(read_now(&disk.content()).unwrap() == samples);
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
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/rf64.wav");
    let rf64 = std::fs::read(path).unwrap();
    for bytes in [&b""[..], b"RIFF", &[0; 100], &rf64] {
        let mut file = Cursor::new(bytes.to_vec());
        let error = recount(&mut file).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(file.into_inner(), bytes);
    }
}

/// Returns the samples of a stereo file as `hound` reads them.
fn pairs_now(disk: &Disk) -> Vec<i16> {
    let wav = hound::WavReader::new(Cursor::new(disk.content())).expect("a header");
    assert_eq!(wav.spec().channels, 2);
    wav.into_samples().map(Result::unwrap).collect()
}

#[test]
fn a_stereo_file_has_pairs_of_samples_and_is_recovered_in_whole_pairs() {
    let samples = counting(2 * 9_000);
    let disk = Disk::default();
    let mut writer = WavWriter::new_stereo(BufWriter::new(disk.clone()), RATE).unwrap();
    // A second has twice the samples of a mono file.
    writer.write(&samples[..15_998]).unwrap();
    assert_eq!(pairs_now(&disk), []);
    writer.write(&samples[15_998..]).unwrap();
    assert!(pairs_now(&disk).len() >= 16_000);
    writer.flush().unwrap();
    assert_eq!(writer.written(), 18_000);
    assert_eq!(pairs_now(&disk), samples);
    // A crash leaves one and a half samples of the next pair.
    std::mem::forget(writer);
    disk.file.borrow_mut().seek(SeekFrom::End(0)).unwrap();
    disk.file.borrow_mut().write_all(&[0x7f; 3]).unwrap();
    assert_eq!(recount(disk.clone()).unwrap(), 18_000);
    assert_eq!(pairs_now(&disk), samples);
}
