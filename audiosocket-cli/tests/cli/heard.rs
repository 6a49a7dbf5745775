//! What a caller hears, and says.

use std::io::Read as _;
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::caller::{UUID, connect};
use super::server::{is_audio, read_frame, write_frame};

/// A call, and what was heard on it since it began or since the last [`forget`](Self::forget).
pub(crate) struct ListeningCaller {
    pub(crate) stream: TcpStream,
    /// The kind of all frames of audio.
    pub(crate) kind: u8,
    pub(crate) samples: Vec<i16>,
    pub(crate) hung_up: bool,
}

impl ListeningCaller {
    /// Begins a call to a server that sends frames of this kind.
    pub(crate) fn begin(addr: SocketAddr, kind: u8) -> Self {
        let mut stream = connect(addr);
        write_frame(&mut stream, 0x01, UUID).unwrap();
        Self {
            stream,
            kind,
            samples: Vec::new(),
            hung_up: false,
        }
    }

    /// Hears one more frame, and tells whether it was one of audio.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> bool {
        let frame = read_frame(&mut self.stream).unwrap();
        if !is_audio(&frame) {
            assert_eq!(frame.0, 0x00);
            self.hung_up = true;
            return false;
        }
        assert_eq!(frame.0, self.kind);
        self.samples.extend(samples(&frame.1));
        true
    }

    /// Hears all until the server hangs up.
    #[track_caller]
    pub(crate) fn hear_to_the_end(&mut self) {
        while self.hear() {}
    }

    /// Hears so many frames in a row that are silent.
    #[track_caller]
    pub(crate) fn hear_silence(&mut self, frames: u32) {
        let mut silent = 0;
        while silent < frames {
            let before = self.samples.len();
            assert!(self.hear(), "hung up");
            let heard = &self.samples[before..];
            silent = if is_silent(heard) { silent + 1 } else { 0 };
        }
    }

    /// Hears so many frames that are not silent.
    #[track_caller]
    pub(crate) fn hear_sound(&mut self, frames: u32) {
        let mut sounding = 0;
        while sounding < frames {
            let before = self.samples.len();
            assert!(self.hear(), "hung up");
            sounding += u32::from(!is_silent(&self.samples[before..]));
        }
    }

    /// Hears until `wanted` was heard, sample for sample.
    #[track_caller]
    pub(crate) fn hear_all_of(&mut self, wanted: &[i16]) {
        let wanted = trimmed(wanted);
        loop {
            let before = self.samples.len();
            assert!(self.hear(), "hung up before it was all heard");
            let mut ends = before.max(wanted.len())..=self.samples.len();
            if ends.any(|end| self.samples[..end].ends_with(wanted)) {
                return;
            }
        }
    }

    /// Whether all of this was heard, sample for sample.
    pub(crate) fn has_heard(&self, wanted: &[i16]) -> bool {
        let wanted = trimmed(wanted);
        self.samples
            .windows(wanted.len())
            .any(|heard| heard == wanted)
    }

    /// Ends the call as Asterisk does, in the midst of what is played, and waits until the server
    /// has noticed.
    pub(crate) fn hang_up(mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
        self.stream.read_to_end(&mut Vec::new()).unwrap();
    }

    pub(crate) fn forget(&mut self) {
        self.samples.clear();
    }

    pub(crate) fn press(&mut self, keys: &str) {
        for key in keys.bytes() {
            write_frame(&mut self.stream, 0x03, &[key]).unwrap();
        }
    }

    /// Says `frames` frames of 20 ms of a tone of this peak, in `encode`'s codec and at once.
    pub(crate) fn say(&mut self, frames: usize, peak: f64, encode: impl Fn(i16) -> Vec<u8>) {
        let tone: Vec<i16> = (0..160 * frames)
            .map(|at| (peak * (at as f64 * 0.3).sin()) as i16)
            .collect();
        for frame in tone.chunks(160) {
            let payload: Vec<u8> = frame.iter().flat_map(|sample| encode(*sample)).collect();
            write_frame(&mut self.stream, 0x10, &payload).unwrap();
        }
    }
}

pub(crate) fn samples(payload: &[u8]) -> impl Iterator<Item = i16> {
    let (pairs, odd) = payload.as_chunks::<2>();
    assert!(odd.is_empty());
    pairs.iter().map(|pair| i16::from_le_bytes(*pair))
}

pub(crate) fn slin(sample: i16) -> Vec<u8> {
    sample.to_le_bytes().to_vec()
}

/// Without the silence around it.
pub(crate) fn trimmed(samples: &[i16]) -> &[i16] {
    let sounds = |sample: &i16| *sample != 0;
    let start = samples.iter().position(sounds).unwrap();
    let end = samples.iter().rposition(sounds).unwrap();
    &samples[start..=end]
}

fn is_silent(samples: &[i16]) -> bool {
    samples.iter().all(|sample| *sample == 0)
}
