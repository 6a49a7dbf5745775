//! A model test: the frames contain the queued bytes in order, without the cleared ones.

use std::collections::VecDeque;
use std::time::Duration;

use audiosocket_proto::{
    AudioBuf, MarkOutcome, Playout, PlayoutOutput, Ptime, SampleRate, SendError, SessionConfig,
    Timestamp, silence_after,
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Play(SampleRate, usize),
    Mark,
    Clear,
    Pause,
    Resume,
    /// Moves the clock and polls, whether a deadline has come or not.
    Poll(u64),
    /// Moves the clock and polls while bytes wait to be written.
    PollBlocked(u64),
    /// Polls this many nanoseconds after the deadline.
    Due(u64),
    Sent,
}

/// The queued bytes with their rate, and the marks between them.
#[derive(Default)]
struct Model {
    waits: VecDeque<Item>,
    /// Marks that were reached, with their outcome.
    reached: VecDeque<(u32, MarkOutcome)>,
    dropped: u64,
    played: u64,
    paused: bool,
}

enum Item {
    Byte(SampleRate, u8),
    Mark(u32),
}

impl Model {
    fn bytes(&self) -> usize {
        let bytes = self.waits.iter();
        bytes.filter(|item| matches!(item, Item::Byte(..))).count()
    }

    fn pass_marks(&mut self) {
        while let Some(Item::Mark(mark)) = self.waits.front() {
            self.reached.push_back((*mark, MarkOutcome::Played));
            self.waits.pop_front();
        }
    }

    /// Removes the bytes of `frame` from the model. Queued bytes are never zero, so a zero is padding.
    fn check(&mut self, rate: SampleRate, frame: &[u8]) -> Result<(), TestCaseError> {
        let len = frame
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(frame.len());
        prop_assert!(
            frame[len..].iter().all(|byte| *byte == 0),
            "the frame has a gap"
        );
        for byte in &frame[..len] {
            self.pass_marks();
            let Some(Item::Byte(of, due)) = self.waits.pop_front() else {
                return Err(TestCaseError::fail(
                    "the frame has a byte that was not queued",
                ));
            };
            prop_assert_eq!((of, due), (rate, *byte));
        }
        if len > 0 {
            prop_assert!(!self.paused, "audio leaves in a pause");
            self.played += 1;
            self.pass_marks();
        }
        if len < frame.len() && !self.paused {
            let joins =
                matches!(self.waits.front(), Some(Item::Byte(of, _)) if *of == rate || len == 0);
            prop_assert!(!joins, "the frame is padded, and more bytes are queued");
        }
        Ok(())
    }

    fn clear(&mut self) -> u64 {
        self.paused = false;
        let samples = self.bytes().div_ceil(2) as u64;
        for item in std::mem::take(&mut self.waits) {
            if let Item::Mark(mark) = item {
                self.reached.push_back((mark, MarkOutcome::Cleared));
            }
        }
        self.dropped += samples;
        samples
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn frames_contain_the_queued_bytes_in_order(
        steps in prop::collection::vec(step(), 0..80),
        ptime in prop::sample::select(&[Ptime::Ms10, Ptime::Ms20, Ptime::Ms60][..]),
        fill_silence in any::<bool>(),
        max_millis in 50..2000_u64,
    ) {
        let config = SessionConfig::new()
            .ptime(ptime)
            .fill_silence(fill_silence)
            .fade_cuts(false)
            .max_playout(Duration::from_millis(max_millis));
        let mut playout = Playout::new(&config);
        let mut now = Timestamp::from_nanos(5);
        playout.start(now);
        let mut dropped = Vec::new();
        let mut silence_from = Timestamp::ZERO;
        let mut model = Model::default();
        let mut next_byte = 0_u8;
        let mut next_mark = 0;
        // When the last frame left.
        let mut last = None;
        for step in steps.into_iter().chain([Step::Resume]).chain(vec![Step::Due(0); 400]) {
            let mut drained = true;
            match step {
                Step::Play(rate, len) => {
                    let audio: Vec<u8> = (0..len).map(|_| {
                        next_byte = next_byte % 255 + 1;
                        next_byte
                    }).collect();
                    let room = model.bytes() == 0;
                    match playout.play(AudioBuf::new(rate, audio.clone()), &mut dropped) {
                        Ok(()) => {
                            let bytes = audio.into_iter().map(|byte| Item::Byte(rate, byte));
                            model.waits.extend(bytes);
                        }
                        Err(SendError::EmptyAudio) => prop_assert_eq!(len, 0),
                        Err(SendError::PlayoutFull { queued }) => {
                            prop_assert!(!room);
                            let more = rate.duration_of(len.div_ceil(2) as u64);
                            prop_assert!(queued + more >= config.max_playout);
                        }
                        Err(other) => return Err(TestCaseError::fail(format!("{other}"))),
                    }
                    continue;
                }
                Step::Mark => {
                    playout.mark(next_mark).unwrap();
                    model.waits.push_back(Item::Mark(next_mark));
                    next_mark += 1;
                    if model.bytes() == 0 {
                        model.pass_marks();
                    }
                    continue;
                }
                Step::Clear => {
                    prop_assert_eq!(playout.clear(&mut dropped).samples, model.clear());
                    continue;
                }
                Step::Pause => {
                    playout.pause();
                    model.paused = true;
                    continue;
                }
                Step::Resume => {
                    playout.resume();
                    model.paused = false;
                    continue;
                }
                Step::Sent => {
                    silence_from = silence_after(silence_from, now, ptime.duration());
                    playout.sent(SampleRate::Hz8000, silence_from);
                    continue;
                }
                Step::Poll(nanos) => now = now + Duration::from_nanos(nanos),
                Step::PollBlocked(nanos) => {
                    drained = false;
                    now = now + Duration::from_nanos(nanos);
                }
                Step::Due(nanos) => {
                    let due = playout.poll_timeout().unwrap_or(now);
                    now = now.max(due) + Duration::from_nanos(nanos);
                }
            }
            match playout.poll(now, drained, &mut dropped) {
                PlayoutOutput::Frame(frame) => {
                    let (rate, frame) = (frame.rate(), frame.into_bytes());
                    prop_assert!(drained);
                    prop_assert_eq!(frame.len(), ptime.frame_len(rate));
                    model.check(rate, &frame)?;
                    let gap = last.map(|last| now.saturating_since(last));
                    prop_assert!(gap.is_none_or(|gap| gap >= ptime.duration() / 2), "{:?}", gap);
                    last = Some(now);
                }
                PlayoutOutput::Idle => {}
                other => return Err(TestCaseError::fail(format!("unexpected output {other:?}"))),
            }
            prop_assert!(playout.poll_timeout().is_none_or(|due| due > now), "the deadline has already passed");
            while let Some(mark) = playout.poll_mark(drained) {
                prop_assert_eq!(Some(mark), model.reached.pop_front());
            }
            let waits = model.reached.front();
            prop_assert!(waits.is_none_or(|(_, outcome)| !drained && *outcome == MarkOutcome::Played));
            prop_assert_eq!(playout.stats().frames, model.played);
            prop_assert_eq!(playout.stats().samples_dropped, model.dropped);
        }
        prop_assert!(model.waits.is_empty(), "some bytes or marks are still queued");
    }
}

fn step() -> impl Strategy<Value = Step> {
    // Few rates, so that most pieces join.
    let rate =
        prop::sample::select(&[SampleRate::Hz8000, SampleRate::Hz8000, SampleRate::Hz12000][..]);
    let len = prop_oneof![0..8_usize, 100..400_usize, 300..2000_usize];
    let nanos = || prop_oneof![0..1000_u64, 0..30_000_000_u64, 0..700_000_000_u64];
    prop_oneof![
        6 => (rate, len).prop_map(|(rate, len)| Step::Play(rate, len)),
        3 => Just(Step::Mark),
        1 => Just(Step::Clear),
        1 => Just(Step::Pause),
        2 => Just(Step::Resume),
        1 => Just(Step::Sent),
        4 => nanos().prop_map(Step::Poll),
        1 => nanos().prop_map(Step::PollBlocked),
        12 => nanos().prop_map(|nanos| Step::Due(nanos % 12_000_000)),
    ]
}
