//! A playout beside a plain model of it.

mod naive;
mod script;

use arbitrary::{Arbitrary, Result, Unstructured};
use audiosocket_proto::{
    AudioBuf, Playout, PlayoutOutput, SendError, SessionConfig, Timestamp, silence_after,
};

use naive::Naive;
use script::Op;
pub(crate) use script::codes;

/// Whatever is played, marked, cleared, sent beside it and asked for, at whatever time: a playout
/// gives out the same frames, marks and deadlines, and counts the same, as a model that keeps every
/// byte apart. And it never gives out frames faster than they last, but for half a ptime.
pub fn playout(data: &[u8]) {
    // Too few bytes read as zeros, so this does not fail on short input.
    let _ = run(&mut Unstructured::new(data));
}

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let config = script::config(u)?;
    let start = match u8::arbitrary(u)? % 3 {
        0 => 1_000_000_000_000,
        // Which waits that are counted from the epoch would pass for.
        1 => 0,
        _ => 123_456_789,
    };
    let mut pair = Pair::new(&config, start);
    while !u.is_empty() {
        let op = Op::arbitrary(u)?;
        pair.apply(&op);
        pair.check();
    }
    pair.finish();
    Ok(())
}

struct Pair {
    playout: Playout<u32>,
    naive: Naive,
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
        assert_eq!(playout.poll_timeout(), None, "no call yet");
        assert_eq!(playout.mark(0), Err(SendError::NoCall));
        playout.start(now);
        Self {
            playout,
            naive: Naive::new(config, start),
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
                assert_eq!(result, self.naive.play(rate, &audio));
            }
            Op::Mark => {
                self.next_mark += 1;
                let result = self.playout.mark(self.next_mark);
                assert_eq!(result, self.naive.mark(self.next_mark));
            }
            Op::Clear => assert_eq!(
                self.playout.clear(&mut Vec::new()).samples,
                self.naive.clear()
            ),
            Op::Hangup => {
                self.playout.hangup();
                self.naive.hangup();
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
                self.naive.sent(self.now.as_nanos(), rate, time);
            }
            Op::Heard(rate) => {
                self.playout.received(rate);
                self.naive.heard(rate);
            }
            Op::Close => {
                self.playout.close(&mut Vec::new());
                self.naive.close();
            }
        }
    }

    fn poll(&mut self, drained: bool) {
        let output = self.playout.poll(self.now, drained, &mut Vec::new());
        let now = self.now.as_nanos();
        assert_eq!(output, self.naive.poll(now, drained));
        if let PlayoutOutput::Frame(frame) = &output {
            assert!(drained, "a frame to a peer that takes nothing: {frame:?}");
            assert!(now >= self.floor, "{} ns too early", self.floor - now);
            let kept = now.saturating_sub(self.ptime / 2);
            self.floor = self.floor.max(kept) + self.ptime;
        }
        let next = self.playout.poll_timeout();
        assert!(next.is_none_or(|next| next > self.now), "due again at once");
    }

    fn marks(&mut self, drained: bool) {
        while let Some(mark) = self.playout.poll_mark(drained) {
            assert_eq!(Some(mark), self.naive.poll_mark(drained));
        }
        assert_eq!(self.naive.poll_mark(drained), None);
    }

    fn check(&self) {
        let due = self.playout.poll_timeout().map(Timestamp::as_nanos);
        assert_eq!(due, self.naive.poll_timeout());
        assert_eq!(self.playout.awaits_drain(), self.naive.awaits_drain());
        self.naive.check_stats(&self.playout.stats());
    }

    /// Plays all that is left, and hangs up.
    fn finish(mut self) {
        self.apply(&Op::Hangup);
        // More than frames can wait.
        for _ in 0..100_000 {
            self.poll(true);
            self.marks(true);
            self.check();
            let Some(due) = self.playout.poll_timeout() else {
                assert!(self.naive.is_over(), "not all was played");
                return;
            };
            self.now = due;
        }
        panic!("the hangup never comes");
    }

    /// None is zero, so that padding and silence are told apart from them.
    fn new_byte(&mut self) -> u8 {
        self.next_byte = self.next_byte % 255 + 1;
        self.next_byte
    }
}
