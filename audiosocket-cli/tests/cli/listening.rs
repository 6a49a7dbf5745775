//! A caller that listens to what a server plays, and interrupts it.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::caller::{self, begin};
use super::process::PATIENCE;
use super::server::{is_audio, read_frame, write_frame};

/// The maximum number of frames of a call: two minutes. No test has as many, so a wait that has no end fails.
const MAX_FRAMES: u32 = 6_000;

/// A call, and the audio received since it began or since the last [`forget`](Self::forget).
pub(crate) struct ListeningCaller {
    pub(crate) stream: TcpStream,
    /// The kind of all audio frames that come.
    pub(crate) kind: u8,
    /// Whether silence of kind 0x10 may come, because the server may not know the caller's rate.
    waits: bool,
    /// The kind of the caller's audio.
    speaks: u8,
    /// The number of received frames.
    frames: u32,
    pub(crate) samples: Vec<i16>,
}

impl ListeningCaller {
    /// Begins a call to a server that sends frames of this kind.
    pub(crate) fn begin(addr: SocketAddr, kind: u8) -> Self {
        Self {
            stream: begin(addr),
            kind,
            waits: false,
            speaks: 0x10,
            frames: 0,
            samples: Vec::new(),
        }
    }

    /// Begins a call to a server that sends frames of this kind after the caller's first audio, and only silence of kind
    /// 0x10 before it. The caller sends a frame of kind `speaks`.
    pub(crate) fn begin_speaking(addr: SocketAddr, speaks: u8, kind: u8) -> Self {
        let mut call = Self::begin(addr, kind);
        call.waits = true;
        call.speak(speaks);
        call
    }

    /// Sends a frame of silence of kind `speaks`. The caller's later audio has this kind too.
    pub(crate) fn speak(&mut self, speaks: u8) {
        self.speaks = speaks;
        self.say(1, 0.0, slin);
    }

    /// Receives a frame. Returns its samples, or `None` for a hangup.
    #[track_caller]
    fn receive(&mut self) -> Option<&[i16]> {
        let frame = read_frame(&mut self.stream).unwrap();
        self.frames += 1;
        assert!(self.frames < MAX_FRAMES, "the expected audio did not come");
        if !is_audio(&frame) {
            assert_eq!(frame.0, 0x00);
            return None;
        }
        let before = self.samples.len();
        self.samples.extend(samples(&frame.1));
        let came = &self.samples[before..];
        if self.waits && frame.0 == 0x10 && came.iter().all(|sample| *sample == 0) {
            self.samples.truncate(before);
            return Some(&[]);
        }
        self.waits = false;
        assert_eq!(frame.0, self.kind);
        Some(&self.samples[before..])
    }

    /// Receives a frame of audio. Returns whether it is silence.
    #[track_caller]
    fn receive_audio(&mut self) -> bool {
        let samples = self.receive().expect("the server hung up");
        samples.iter().all(|sample| *sample == 0)
    }

    /// Receives audio until there are `samples` samples.
    #[track_caller]
    pub(crate) fn receive_samples(&mut self, samples: usize) {
        while self.samples.len() < samples {
            self.receive_audio();
        }
    }

    /// Receives audio until the server hangs up.
    #[track_caller]
    pub(crate) fn receive_to_the_end(&mut self) {
        while self.receive().is_some() {}
    }

    /// Speaks and listens like a phone, in real time: plays and sends a frame every 20 ms, by its own clock. `answer` makes
    /// the next frame from the one that is played. It is silence if the server is late. Ends when `answer` returns `None`.
    #[track_caller]
    pub(crate) fn converse(&mut self, mut answer: impl FnMut(&[i16]) -> Option<Vec<i16>>) {
        let mut played = self.samples.len();
        let mut due = Instant::now();
        loop {
            while self.receives_before(due) {
                self.receive().expect("the server hung up");
            }
            let next = self.samples.len().min(played + 160);
            let mut heard = self.samples[played..next].to_vec();
            played = next;
            heard.resize(160, 0);
            let Some(said) = answer(&heard) else { return };
            self.send(&said);
            due += Duration::from_millis(20);
        }
    }

    /// Returns whether a frame comes before `due`, or has come.
    fn receives_before(&self, due: Instant) -> bool {
        let wait = due.saturating_duration_since(Instant::now());
        // Zero is no timeout of a socket.
        let wait = wait.max(Duration::from_micros(100));
        self.stream.set_read_timeout(Some(wait)).unwrap();
        let comes = self.stream.peek(&mut [0]);
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        comes.is_ok()
    }

    /// Receives audio until this many frames in a row are silence.
    #[track_caller]
    pub(crate) fn receive_silence(&mut self, frames: u32) {
        let mut silent = 0;
        while silent < frames {
            silent = if self.receive_audio() { silent + 1 } else { 0 };
        }
    }

    /// Receives audio until this many frames were not silence.
    #[track_caller]
    pub(crate) fn receive_sound(&mut self, frames: u32) {
        let mut sound = 0;
        while sound < frames {
            sound += u32::from(!self.receive_audio());
        }
    }

    /// Receives audio until all of `wanted` came, sample for sample.
    #[track_caller]
    pub(crate) fn receive_all_of(&mut self, wanted: &[i16]) {
        let wanted = trimmed(wanted);
        loop {
            let before = self.samples.len();
            self.receive_audio();
            let mut ends = before.max(wanted.len())..=self.samples.len();
            if ends.any(|end| self.samples[..end].ends_with(wanted)) {
                return;
            }
        }
    }

    /// Returns whether all of `wanted` came, sample for sample.
    pub(crate) fn has_received(&self, wanted: &[i16]) -> bool {
        let wanted = trimmed(wanted);
        let mut windows = self.samples.windows(wanted.len());
        windows.any(|received| received == wanted)
    }

    /// Ends the call as Asterisk does, while the server plays, and waits until the server has closed the connection.
    pub(crate) fn hang_up(self) {
        caller::end(self.stream);
    }

    pub(crate) fn forget(&mut self) {
        self.samples.clear();
    }

    pub(crate) fn press(&mut self, keys: &str) {
        for key in keys.bytes() {
            write_frame(&mut self.stream, 0x03, &[key]).unwrap();
        }
    }

    /// Sends frames of 160 samples of a tone with this peak, all at once, in the codec of `encode`.
    pub(crate) fn say(&mut self, frames: usize, peak: f64, encode: impl Fn(i16) -> Vec<u8>) {
        let tone: Vec<i16> = (0..160 * frames)
            .map(|at| (peak * (at as f64 * 0.3).sin()) as i16)
            .collect();
        self.send_encoded(&tone, encode);
    }

    /// Sends slin in frames of 160 samples, all at once.
    pub(crate) fn send(&mut self, samples: &[i16]) {
        self.send_encoded(samples, slin);
    }

    /// The same, in the codec of `encode`.
    pub(crate) fn send_encoded(&mut self, samples: &[i16], encode: impl Fn(i16) -> Vec<u8>) {
        for frame in samples.chunks(160) {
            let payload: Vec<u8> = frame.iter().flat_map(|sample| encode(*sample)).collect();
            write_frame(&mut self.stream, self.speaks, &payload).unwrap();
        }
    }
}

fn samples(payload: &[u8]) -> impl Iterator<Item = i16> {
    let (pairs, odd) = payload.as_chunks::<2>();
    assert!(odd.is_empty());
    pairs.iter().map(|pair| i16::from_le_bytes(*pair))
}

pub(crate) fn slin(sample: i16) -> Vec<u8> {
    sample.to_le_bytes().to_vec()
}

/// Returns the samples without the silence around them.
pub(crate) fn trimmed(samples: &[i16]) -> &[i16] {
    let sounds = |sample: &i16| *sample != 0;
    let start = samples.iter().position(sounds).unwrap();
    let end = samples.iter().rposition(sounds).unwrap();
    &samples[start..=end]
}
