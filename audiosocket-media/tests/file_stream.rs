//! Audio streams: samples are returned as they arrive, and a header reserves no memory.

#[path = "common/riff.rs"]
mod riff;

use std::io::{self, Read};
use std::time::Duration;

use allocation_counter::measure;
use audiosocket_media::file::{AudioReader, RawFormat};
use audiosocket_media::{Law, SampleRate};
use riff::{chunk, format, riff, slin, wav};

const MINUTE: Duration = Duration::from_secs(60);
const RATE: SampleRate = SampleRate::Hz8000;

fn mono16() -> Vec<u8> {
    format(1, 1, 8_000, 16)
}

/// A pipe that delivers pieces. It fails if the reader reads again before it has returned the samples of a piece.
struct Pipe<'a> {
    pieces: Vec<&'a [u8]>,
    may_read: &'a std::cell::Cell<bool>,
}

impl Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.pieces.is_empty() {
            return Ok(0);
        }
        assert!(
            self.may_read.get(),
            "the reader waits for more than one piece"
        );
        let piece = &mut self.pieces[0];
        let len = piece.read(buffer)?;
        if piece.is_empty() {
            self.pieces.remove(0);
            self.may_read.set(self.pieces.is_empty());
        }
        Ok(len)
    }
}

#[test]
fn samples_of_a_pipe_are_returned_as_they_arrive() {
    let file = wav(&mono16(), &slin(&[1, 2, 3, 4, 5]));
    let may_read = std::cell::Cell::new(true);
    let pieces = vec![&file[..44], &file[44..48], &file[48..51], &file[51..]];
    let mut reader = AudioReader::new(Pipe {
        pieces,
        may_read: &may_read,
    })
    .unwrap();
    let mut samples = Vec::new();
    for len in [2, 3, 5] {
        may_read.set(true);
        reader.read(&mut samples).unwrap();
        assert_eq!(samples, [1, 2, 3, 4, 5][..len]);
    }
    may_read.set(true);
    assert_eq!(reader.read(&mut samples).unwrap(), 0);
    assert_eq!(
        reader.read(&mut samples).unwrap(),
        0,
        "the end stays the end"
    );
}

#[test]
fn a_stream_of_single_bytes_gives_the_same_samples() {
    struct Bytes<'a>(&'a [u8]);
    impl Read for Bytes<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = buffer.len().min(1);
            self.0.read(&mut buffer[..len])
        }
    }
    let file = wav(&format(1, 2, 8_000, 24), &[7; 6 * 1_000 + 5]);
    let mut reader = AudioReader::new(Bytes(&file)).unwrap();
    let samples = reader.read_all(RATE, MINUTE).unwrap();
    let mut whole = AudioReader::new(&file[..]).unwrap();
    assert_eq!(samples, whole.read_all(RATE, MINUTE).unwrap());
    assert_eq!(samples.len(), 1_000);
    assert_eq!(reader.warnings(), whole.warnings());
    assert_eq!(reader.channels(), 2);
}

#[test]
fn a_raw_stream_is_read_with_its_format() {
    let format = RawFormat::g711(Law::A);
    let mut samples = Vec::new();
    AudioReader::raw(&[0xd5, 0x55][..], format)
        .read(&mut samples)
        .unwrap();
    assert_eq!(samples, [8, -8]);
}

#[test]
fn a_header_that_announces_4_gb_allocates_little() {
    let mut file = wav(&mono16(), &slin(&[1, 2]));
    for size in [u32::MAX, u32::MAX - 1, 0x7fff_0000, 0x7ffe_ffff] {
        file[40..44].copy_from_slice(&size.to_le_bytes());
        let allocated = measure(|| {
            let mut reader = AudioReader::new(&file[..]).unwrap();
            assert_eq!(reader.read_all(RATE, MINUTE).unwrap(), [1, 2]);
        });
        assert!(allocated.bytes_max < 64 * 1024, "{allocated:?}");
    }
    // A chunk of 4 GB before the audio.
    let mut file = riff(&[
        chunk(b"fmt ", &mono16()),
        chunk(b"LIST", b""),
        chunk(b"data", b""),
    ]);
    file[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    let allocated = measure(|| {
        assert!(AudioReader::new(&file[..]).is_err());
    });
    assert!(allocated.bytes_max < 64 * 1024, "{allocated:?}");
}
