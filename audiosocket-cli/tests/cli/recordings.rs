//! Callers whose audio is recorded, and the files as a player reads them.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use audiosocket_media::pcm;

use super::server::write_frame;

pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Reads the rate and the samples of a file as a player does. Returns `None` while the file has no header, or the first
/// header, whose lengths are 0. All audio that the header counts must be in the file.
pub(crate) fn playable(file: &Path) -> Option<(u32, Vec<i16>)> {
    // A read during a write can get one length from before and the other from after. This does not happen repeatedly.
    let mut reads = (0..20).map(|_| fs::read(file).unwrap());
    let bytes = reads.find(|bytes| !has_header(bytes) || is_consistent(bytes));
    let bytes = bytes.expect("a header with lengths that fit each other");
    let mut wav = has_header(&bytes).then(|| hound::WavReader::new(&bytes[..]).unwrap())?;
    let spec = wav.spec();
    assert_eq!((spec.channels, spec.bits_per_sample), (1, 16));
    let samples = wav.samples().map(Result::unwrap).collect();
    Some((spec.sample_rate, samples))
}

/// Returns whether the lengths in the header have been written. The writer creates the header with lengths of 0, and then
/// writes the lengths, that of the whole file first.
fn has_header(wav: &[u8]) -> bool {
    wav.len() >= 44 && number(wav, 4) > 0
}

/// Returns whether the header counts no more audio than its length of the whole file allows. Neither length is larger
/// than the file.
fn is_consistent(wav: &[u8]) -> bool {
    let (all, audio) = (number(wav, 4), number(wav, 40));
    assert!(all.max(36 + audio) + 8 <= wav.len());
    36 + audio <= all
}

fn number(wav: &[u8], at: usize) -> usize {
    u32::from_le_bytes(wav[at..at + 4].try_into().unwrap()) as usize
}

/// Reads a finished file as [`playable`] does. The header must count all of the file.
pub(crate) fn finished(file: &Path) -> (u32, Vec<i16>) {
    let (rate, samples) = playable(file).unwrap();
    let len = fs::metadata(file).unwrap().len();
    assert_eq!(len, 44 + 2 * samples.len() as u64);
    (rate, samples)
}

/// Returns samples that the program takes for speech. No sample is 0.
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

/// Sends all of `audio` at once, in frames of `frame` bytes.
pub(crate) fn say(stream: &mut TcpStream, kind: u8, audio: &[u8], frame: usize) {
    for payload in audio.chunks(frame) {
        write_frame(stream, kind, payload).unwrap();
    }
}

/// Returns the time as the names of recordings have it.
#[expect(
    clippy::disallowed_methods,
    reason = "recordings have it in their names"
)]
pub(crate) fn now() -> String {
    let now = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
    now.replace(['-', ':'], "")
}

pub(crate) fn name(file: &Path) -> &str {
    file.file_name().unwrap().to_str().unwrap()
}
