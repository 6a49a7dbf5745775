//! Calls that are recorded, and what a player makes of the files.

use std::fs;
use std::io::Read as _;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use audiosocket_media::pcm;

use super::caller::{UUID, connect};
use super::server::write_frame;

pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Rate and samples of a file as a player would have it now, which is none before there is a
/// header. Everything has to be there that the header counts.
pub(crate) fn playable(file: &Path) -> Option<(u32, Vec<i16>)> {
    // Who reads while it is written may get a part of the header from before and another from after; but
    // not again and again.
    let mut looks = (0..20).map(|_| fs::read(file).unwrap());
    let bytes = looks.find(|bytes| bytes.is_empty() || is_of_one_time(bytes));
    let bytes = bytes.expect("a header that is right");
    let mut wav = (!bytes.is_empty()).then(|| hound::WavReader::new(&bytes[..]).unwrap())?;
    let spec = wav.spec();
    assert_eq!((spec.channels, spec.bits_per_sample), (1, 16));
    let samples = wav.samples().map(Result::unwrap).collect();
    Some((spec.sample_rate, samples))
}

/// Whether the header of a WAV file counts no more audio than it says that there is in all, which is written
/// first. Neither is ever more than there is.
fn is_of_one_time(wav: &[u8]) -> bool {
    let number = |at: usize| u32::from_le_bytes(wav[at..at + 4].try_into().unwrap()) as usize;
    let (all, audio) = (number(4), number(40));
    assert!(all.max(36 + audio) + 8 <= wav.len());
    36 + audio <= all
}

/// The same of a file that has been ended: the header counts all that is there.
pub(crate) fn finished(file: &Path) -> (u32, Vec<i16>) {
    let (rate, samples) = playable(file).unwrap();
    let len = fs::metadata(file).unwrap().len();
    assert_eq!(len, 44 + 2 * samples.len() as u64);
    (rate, samples)
}

/// A voice as far as anything here can tell, without a sample of silence.
pub(crate) fn voice(samples: usize) -> Vec<i16> {
    let voice = (0..samples).map(|at| {
        let (pitch, formant) = ((at as f32 / 9.0).sin(), (at as f32 / 2.3).sin());
        (6_000.0 * pitch + 2_000.0 * formant) as i16 | 1
    });
    voice.collect()
}

pub(crate) fn slin(samples: &[i16]) -> Vec<u8> {
    let mut bytes = Vec::new();
    pcm::to_slin(samples, &mut bytes);
    bytes
}

pub(crate) fn begin(addr: SocketAddr) -> TcpStream {
    let mut stream = connect(addr);
    write_frame(&mut stream, 0x01, UUID).unwrap();
    stream
}

/// Says all of it at once, in frames of so many bytes.
pub(crate) fn say(stream: &mut TcpStream, kind: u8, audio: &[u8], frame: usize) {
    for payload in audio.chunks(frame) {
        write_frame(stream, kind, payload).unwrap();
    }
}

/// Ends a call as Asterisk does, and waits until the server has noticed. What it may have sent
/// meanwhile is of no interest.
pub(crate) fn end(mut stream: TcpStream) {
    stream.shutdown(Shutdown::Write).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}
