//! A playout with a clock that the test moves.

use std::time::Duration;

use audiosocket_proto::{
    AudioBuf, Bytes, Dropped, MarkOutcome, Playout, PlayoutOutput, SampleRate, SendError,
    SessionConfig, Timestamp, silence_after,
};

/// The default ptime.
pub(crate) const PTIME: Duration = Duration::from_millis(20);

pub(crate) const RATE: SampleRate = SampleRate::Hz8000;

/// Bytes of a frame of [`PTIME`] at [`RATE`].
pub(crate) const FRAME: usize = 320;

/// Not zero, so that a time that counts from the epoch fails a test.
const START: Timestamp = Timestamp::from_nanos(77_000_000_000);

pub(crate) struct Rig {
    pub(crate) playout: Playout<u32>,
    pub(crate) now: Timestamp,
    silence_from: Timestamp,
}

/// An output of the playout, and its time since the start.
pub(crate) type Output = (Duration, PlayoutOutput);

impl Rig {
    /// A call that has begun, without silence.
    pub(crate) fn new() -> Self {
        Self::with(|config| config.fill_silence(false))
    }

    /// A call that has begun, with silence.
    pub(crate) fn with_silence() -> Self {
        Self::with(|config| config)
    }

    pub(crate) fn with(configure: impl FnOnce(SessionConfig) -> SessionConfig) -> Self {
        let config = configure(SessionConfig::default());
        let mut playout = Playout::new(&config);
        playout.start(START);
        Self {
            playout,
            now: START,
            silence_from: Timestamp::ZERO,
        }
    }

    pub(crate) fn play(&mut self, audio: &[u8]) {
        self.try_play(RATE, audio).unwrap();
    }

    pub(crate) fn try_play(&mut self, rate: SampleRate, audio: &[u8]) -> Result<(), SendError> {
        self.play_bytes(rate, Bytes::copy_from_slice(audio))
    }

    /// Queues `audio`. Asserts that `dropped` gets refused audio, and nothing else.
    pub(crate) fn play_bytes(&mut self, rate: SampleRate, audio: Bytes) -> Result<(), SendError> {
        let mut dropped = Vec::new();
        let result = self
            .playout
            .play(AudioBuf::new(rate, audio.clone()), &mut dropped);
        let refused = if result.is_ok() { vec![] } else { vec![audio] };
        assert_eq!(dropped, refused);
        result
    }

    pub(crate) fn clear(&mut self) -> Dropped {
        let mut dropped = Vec::new();
        let cleared = self.playout.clear(&mut dropped);
        let len: usize = dropped.iter().map(Bytes::len).sum();
        assert_eq!(cleared.samples, len.div_ceil(2) as u64);
        cleared
    }

    pub(crate) fn pause(&mut self) {
        self.playout.pause();
    }

    pub(crate) fn resume(&mut self) {
        self.playout.resume();
    }

    pub(crate) fn close(&mut self) {
        self.playout.close(&mut Vec::new());
    }

    /// Reports that audio of this duration was sent now, other than by the playout.
    pub(crate) fn sent(&mut self, rate: SampleRate, duration: Duration) {
        self.silence_from = silence_after(self.silence_from, self.now, duration);
        self.playout.sent(rate, self.silence_from);
    }

    pub(crate) fn poll_undrained(&mut self) -> PlayoutOutput {
        self.playout.poll(self.now, false, &mut Vec::new())
    }

    /// Polls once, while no bytes wait to be written.
    pub(crate) fn poll(&mut self) -> PlayoutOutput {
        self.playout.poll(self.now, true, &mut Vec::new())
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    /// The time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now.saturating_since(START)
    }

    /// The next deadline, as a time since the start.
    pub(crate) fn due(&self) -> Option<Duration> {
        let due = self.playout.poll_timeout()?;
        Some(due.saturating_since(START))
    }

    /// Moves the clock by `time`, and polls exactly at each deadline.
    pub(crate) fn run(&mut self, time: Duration) -> Vec<Output> {
        self.run_delayed(time, || Duration::ZERO)
    }

    /// Moves the clock by `time`, and polls `delay()` after each deadline.
    pub(crate) fn run_delayed(
        &mut self,
        time: Duration,
        mut delay: impl FnMut() -> Duration,
    ) -> Vec<Output> {
        let until = self.now + time;
        let mut outputs = Vec::new();
        while let Some(due) = self.playout.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due) + delay();
            let output = self.poll();
            let next = self.playout.poll_timeout();
            assert!(
                next.is_none_or(|next| next > self.now),
                "the deadline has passed and is still set"
            );
            if output != PlayoutOutput::Idle {
                outputs.push((self.elapsed(), output));
            }
        }
        self.now = self.now.max(until);
        outputs
    }

    /// Plays for an hour. Returns the outputs without their times.
    pub(crate) fn rest(&mut self) -> Vec<PlayoutOutput> {
        let outputs = self.run(Duration::from_secs(3600));
        outputs.into_iter().map(|(_, output)| output).collect()
    }

    /// Takes the marks that were reached.
    pub(crate) fn marks(&mut self, drained: bool) -> Vec<(u32, MarkOutcome)> {
        std::iter::from_fn(|| self.playout.poll_mark(drained)).collect()
    }
}

/// Audio without a zero byte, in which neighbouring bytes differ.
pub(crate) fn speech(len: usize) -> Vec<u8> {
    (0..len)
        .map(|place| ((place * 7 + place / 251) % 255 + 1) as u8)
        .collect()
}

/// A frame at 8 kHz, padded with zeros.
pub(crate) fn frame(audio: &[u8]) -> PlayoutOutput {
    let mut bytes = audio.to_vec();
    bytes.resize(FRAME, 0);
    PlayoutOutput::Frame(AudioBuf::new(RATE, bytes))
}

/// The samples of an output that is a frame.
#[track_caller]
pub(crate) fn samples(output: &PlayoutOutput) -> Vec<i16> {
    let PlayoutOutput::Frame(frame) = output else {
        panic!("expected a frame, got {output:?}");
    };
    frame.samples().collect()
}

/// A frame of silence at 8 kHz.
pub(crate) fn silence() -> PlayoutOutput {
    frame(&[])
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
