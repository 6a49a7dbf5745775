//! Compares a playout with a plain model.

mod audio;
mod model;
mod script;

use arbitrary::{Arbitrary, Result, Unstructured};
use audiosocket_proto::{
    AudioBuf, Playout, PlayoutOutput, SendError, SessionConfig, Timestamp, silence_after,
};

use model::PlainPlayout;
use script::Op;
pub(crate) use script::codes;

/// Applies a sequence of operations to a playout and to a plain model that stores every byte separately. Both must return
/// the same frames, marks, deadlines and counts. The playout must never send faster than real time, except for half a
/// ptime.
pub fn playout(data: &[u8]) {
    // A short input does not fail: missing bytes are zeros.
    let _ = run(&mut Unstructured::new(data));
}

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let config = script::config(u)?;
    let setting = u8::arbitrary(u)?;
    let start = match setting % 3 {
        0 => 1_000_000_000_000,
        // With 0, a wait that counts from the epoch would not be found.
        1 => 0,
        _ => 123_456_789,
    };
    let mut pair = Pair::new(&config, start);
    while !u.is_empty() {
        let op = Op::arbitrary(u)?;
        pair.apply(&op);
        if setting >= 128 {
            pair.restore(&config);
        }
        pair.check();
    }
    pair.finish();
    Ok(())
}

struct Pair {
    playout: Playout<u32>,
    model: PlainPlayout,
    now: Timestamp,
    silence_from: Timestamp,
    ptime: u64,
    next_byte: u8,
    next_mark: u32,
    /// No frame may leave earlier than this.
    floor: u64,
}

impl Pair {
    fn new(config: &SessionConfig, start: u64) -> Self {
        let now = Timestamp::from_nanos(start);
        let mut playout = Playout::new(config);
        assert_eq!(
            playout.poll_timeout(),
            None,
            "a playout before its start has no deadline"
        );
        assert_eq!(playout.mark(0), Err(SendError::NoCall));
        playout.start(now);
        Self {
            playout,
            model: PlainPlayout::new(config, start),
            now,
            silence_from: Timestamp::ZERO,
            ptime: config.ptime.duration().as_nanos() as u64,
            next_byte: 0,
            next_mark: 0,
            floor: 0,
        }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Play(rate, len) => {
                let audio: Vec<u8> = (0..len).map(|_| self.new_byte()).collect();
                let result = self
                    .playout
                    .play(AudioBuf::new(rate, audio.clone()), &mut Vec::new());
                assert_eq!(result, self.model.play(rate, &audio));
            }
            Op::Mark => {
                self.next_mark += 1;
                let result = self.playout.mark(self.next_mark);
                assert_eq!(result, self.model.mark(self.next_mark));
            }
            Op::Clear => assert_eq!(
                self.playout.clear(&mut Vec::new()).samples,
                self.model.clear()
            ),
            Op::Pause => {
                self.playout.pause();
                self.model.pause();
            }
            Op::Resume => {
                self.playout.resume();
                self.model.resume();
            }
            Op::Prebuffer(amount) => {
                self.playout.prebuffer(amount);
                self.model.prebuffer(amount);
            }
            Op::Complete => {
                self.playout.complete();
                self.model.complete();
            }
            Op::Hangup => {
                self.playout.hangup();
                self.model.hangup();
            }
            Op::Wait(time) => self.now = self.now + time,
            Op::Due(late) => {
                let due = self.playout.poll_timeout().unwrap_or(self.now);
                self.now = self.now.max(due) + late;
                self.poll(true);
            }
            Op::Poll(drained) => self.poll(drained),
            Op::Marks(drained) => self.marks(drained),
            Op::Sent(rate, time) => {
                self.silence_from = silence_after(self.silence_from, self.now, time);
                self.playout.sent(rate, self.silence_from);
                let time = time.as_nanos() as u64;
                self.model.sent(self.now.as_nanos(), rate, time);
            }
            Op::Received(rate) => {
                self.playout.received(rate);
                self.model.received(rate);
            }
            Op::Close => {
                self.playout.close(&mut Vec::new());
                self.model.close();
            }
        }
    }

    /// Replaces the playout by one from its snapshot, as another process does.
    fn restore(&mut self, config: &SessionConfig) {
        let number_of = |mark: &u32| Some(u64::from(*mark));
        if let Some(snapshot) = self.playout.snapshot(number_of) {
            self.playout = Playout::restore(config, snapshot, |mark| mark as u32);
        }
    }

    fn poll(&mut self, drained: bool) {
        let output = self.playout.poll(self.now, drained, &mut Vec::new());
        let now = self.now.as_nanos();
        assert_eq!(output, self.model.poll(now, drained));
        if let PlayoutOutput::Frame(frame) = &output {
            assert!(drained, "a frame for a peer that does not read: {frame:?}");
            assert!(
                now >= self.floor,
                "the frame is {} ns too early",
                self.floor - now
            );
            let kept = now.saturating_sub(self.ptime / 2);
            self.floor = self.floor.max(kept) + self.ptime;
        }
        let next = self.playout.poll_timeout();
        assert!(
            next.is_none_or(|next| next > self.now),
            "the next deadline is not in the future"
        );
    }

    fn marks(&mut self, drained: bool) {
        while let Some(mark) = self.playout.poll_mark(drained) {
            assert_eq!(Some(mark), self.model.poll_mark(drained));
        }
        assert_eq!(self.model.poll_mark(drained), None);
    }

    fn check(&self) {
        let due = self.playout.poll_timeout().map(Timestamp::as_nanos);
        assert_eq!(due, self.model.poll_timeout());
        assert_eq!(self.playout.awaits_drain(), self.model.awaits_drain());
        self.model.check_stats(&self.playout.stats());
    }

    /// Plays the rest of the audio, and hangs up.
    fn finish(mut self) {
        self.apply(&Op::Hangup);
        self.apply(&Op::Resume);
        // The queue holds fewer frames than this.
        for _ in 0..100_000 {
            self.poll(true);
            self.marks(true);
            self.check();
            let Some(due) = self.playout.poll_timeout() else {
                assert!(self.model.is_over(), "the playout did not play all audio");
                return;
            };
            self.now = due;
        }
        panic!("the playout did not hang up");
    }

    /// Returns the next byte of audio. It is never zero, because padding and silence are zeros.
    fn new_byte(&mut self) -> u8 {
        self.next_byte = self.next_byte % 255 + 1;
        self.next_byte
    }
}
