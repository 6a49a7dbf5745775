use std::collections::VecDeque;

use proptest::prelude::*;

use super::InboundBuffer;

#[test]
fn bytes_below_the_limit_come_out_unchanged() {
    let mut inbound = InboundBuffer::new(100);
    assert!(inbound.is_empty());
    assert_eq!(pop(&mut inbound), b"");
    let stream = [frame(0x10, b"audio"), frame(0x03, b"1"), frame(0x10, b"")].concat();
    inbound.push(&stream[..10]);
    inbound.push(&stream[10..]);
    assert!(!inbound.is_empty());
    assert_eq!(pop(&mut inbound), frame(0x10, b"audio"));
    assert_eq!(pop(&mut inbound), frame(0x03, b"1"));
    assert_eq!(pop(&mut inbound), frame(0x10, b""));
    assert!(inbound.is_empty());
    assert_eq!(inbound.take_lag(), None);
}

#[test]
fn one_byte_above_the_limit_frees_a_quarter() {
    let mut inbound = InboundBuffer::new(80);
    let frames: Vec<_> = (0..8).map(|n| frame(0x10, &[n; 7])).collect();
    inbound.push(&frames.concat());
    assert_eq!(inbound.take_lag(), None, "80 bytes are at the limit");
    inbound.push(&[0x10]);
    assert_eq!(lag(&mut inbound), Some((3, 21)));
    assert_eq!(lag(&mut inbound), None, "the lag is returned once");
    for kept in &frames[3..] {
        assert_eq!(pop(&mut inbound), *kept);
    }
    assert_eq!(pop(&mut inbound), [0x10]);
}

#[test]
fn a_frame_that_the_handler_has_begun_stays_whole() {
    let (begun, old, new) = (
        frame(0x10, &[1; 20]),
        frame(0x10, b"old"),
        frame(0x10, b"new"),
    );
    for passed in 1..begun.len() {
        let mut inbound = InboundBuffer::new(0);
        inbound.pass(&begun[..passed]);
        inbound.push(&begun[passed..]);
        inbound.push(&old);
        assert_eq!(lag(&mut inbound), Some((1, 3)));
        assert_eq!(pop(&mut inbound), begun[passed..]);
        inbound.push(&new);
        assert_eq!(lag(&mut inbound), Some((1, 3)));
        assert!(inbound.is_empty());
    }
}

#[test]
fn audio_is_dropped_in_whole_frames_after_a_header_that_is_no_frame() {
    let (begun, old, new) = (
        frame(0x10, &[1; 20]),
        frame(0x10, b"old"),
        frame(0x10, b"new"),
    );
    let mut inbound = InboundBuffer::new(0);
    let first_read = [b"PROXY UNKNOWN\r\n", &begun[..9]].concat();
    inbound.pass(&first_read);
    inbound.begin_frames(&begun[..9]);
    inbound.push(&[&begun[9..], &old, &new].concat());
    assert_eq!(lag(&mut inbound), Some((2, 6)));
    assert_eq!(pop(&mut inbound), begun[9..]);
    assert!(inbound.is_empty());
}

#[test]
fn a_small_read_buffer_gets_a_frame_in_parts() {
    let mut inbound = InboundBuffer::new(10);
    inbound.push(&frame(0x10, b"123456"));
    let mut buffer = [0; 4];
    assert_eq!(inbound.pop(&mut buffer), 4);
    inbound.push(&frame(0x10, b"dropped"));
    assert_eq!(lag(&mut inbound), Some((1, 7)));
    assert_eq!(pop(&mut inbound), b"23456");
    assert!(inbound.is_empty());
}

#[test]
fn frames_other_than_audio_are_never_dropped_and_fill_the_buffer() {
    let mut inbound = InboundBuffer::new(10);
    let keys: Vec<_> = b"0123".map(|key| frame(0x03, &[key])).concat();
    inbound.push(&keys);
    assert!(inbound.is_full());
    inbound.push(&frame(0x10, b"audio"));
    assert_eq!(lag(&mut inbound), Some((1, 5)));
    for key in b"012" {
        assert_eq!(pop(&mut inbound), frame(0x03, &[*key]));
        assert!(!inbound.is_full() || *key == b'0');
    }
}

#[test]
#[should_panic(expected = "the bytes that wait must be popped first")]
fn pass_panics_while_bytes_wait() {
    let mut inbound = InboundBuffer::new(10);
    inbound.push(&[0x10]);
    inbound.pass(&[0x00]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_buffer_does_the_same_as_a_simple_model(
        frames in prop::collection::vec((kind(), 0..30_usize), 0..40),
        cut in 0..10_usize,
        limit in prop_oneof![Just(0), 1..200_usize],
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let frames: Vec<_> = frames
            .into_iter()
            .enumerate()
            .map(|(n, (kind, len))| frame(kind, &vec![n as u8; len]))
            .collect();
        let all = frames.concat().len();
        let mut rest = &frames.concat()[..all.saturating_sub(cut)];
        let mut inbound = InboundBuffer::new(limit);
        let mut naive = Naive::new(limit, &frames);
        let mut most = 0;
        for step in steps.iter().chain(&[Step::Read(all)]) {
            match *step {
                Step::Read(len) => {
                    let (read, after) = rest.split_at(len.min(rest.len()));
                    rest = after;
                    most = most.max(read.len());
                    if naive.waiting.is_empty() && len % 2 == 0 {
                        inbound.pass(read);
                        naive.pass(read);
                    } else {
                        inbound.push(read);
                        naive.push(read);
                    }
                }
                Step::Pop(len) => {
                    let mut buffer = vec![0; len];
                    let popped = inbound.pop(&mut buffer);
                    prop_assert_eq!(&buffer[..popped], &naive.pop(len)[..]);
                }
            }
            prop_assert_eq!(inbound.is_empty(), naive.waiting.is_empty());
            prop_assert_eq!(inbound.is_full(), naive.waiting.len() > limit);
            prop_assert_eq!(lag(&mut inbound), naive.take_lag());
        }
        while !inbound.is_empty() {
            prop_assert_eq!(pop(&mut inbound), naive.pop(usize::MAX));
        }
        naive.assert_sound(cut);
    }

    /// If its owner does not read while it is full, no bytes of a peer make it larger.
    #[test]
    fn the_buffer_holds_at_most_its_limit_a_frame_and_a_read(
        stream in prop::collection::vec(any::<u8>(), 0..2000),
        audio in any::<bool>(),
        limit in 0..100_usize,
        reads in prop::collection::vec(1..50_usize, 1..80),
    ) {
        let stream = match audio {
            true => stream.chunks(40).flat_map(|payload| frame(0x10, payload)).collect(),
            false => stream,
        };
        let mut rest = &stream[..];
        let mut inbound = InboundBuffer::new(limit);
        let mut held = 0_usize;
        for len in reads {
            if inbound.is_full() {
                continue;
            }
            let (read, after) = rest.split_at(len.min(rest.len()));
            rest = after;
            inbound.push(read);
            held += read.len();
            if let Some((frames, bytes)) = lag(&mut inbound) {
                held -= (frames * 3 + bytes) as usize;
            }
            prop_assert!(held <= limit + len, "{held} of {limit}");
            prop_assert_eq!(inbound.is_full(), held > limit);
        }
    }
}

/// A simple model of the buffer: single bytes, each with the number of its frame.
struct Naive {
    limit: usize,
    frames: Vec<Vec<u8>>,
    /// The frame of the next byte, and the position of the byte in it.
    next: (usize, usize),
    waiting: VecDeque<(usize, u8)>,
    out: Vec<u8>,
    lag: (u64, u64),
    dropped: Vec<usize>,
}

impl Naive {
    fn new(limit: usize, frames: &[Vec<u8>]) -> Self {
        Self {
            limit,
            frames: frames.to_vec(),
            next: (0, 0),
            waiting: VecDeque::new(),
            out: Vec::new(),
            lag: (0, 0),
            dropped: Vec::new(),
        }
    }

    fn pass(&mut self, bytes: &[u8]) {
        for _ in bytes {
            self.number();
        }
        self.out.extend(bytes);
    }

    fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let number = self.number();
            self.waiting.push_back((number, *byte));
        }
        if self.waiting.len() <= self.limit {
            return;
        }
        for (number, frame) in self.frames.iter().enumerate() {
            let whole = self.waiting.iter().filter(|(n, _)| *n == number).count() == frame.len();
            let enough = self.waiting.len() <= self.limit / 4 * 3;
            if whole && !enough && matches!(frame[0], 0x10..=0x18) {
                self.waiting.retain(|(n, _)| *n != number);
                self.lag.0 += 1;
                self.lag.1 += frame.len() as u64 - 3;
                self.dropped.push(number);
            }
        }
    }

    fn pop(&mut self, most: usize) -> Vec<u8> {
        let mut popped = Vec::new();
        let first = self.waiting.front().map(|(number, _)| *number);
        while popped.len() < most
            && self.waiting.front().map(|(number, _)| *number) == first
            && let Some((_, byte)) = self.waiting.pop_front()
        {
            popped.push(byte);
        }
        self.out.extend(&popped);
        popped
    }

    fn take_lag(&mut self) -> Option<(u64, u64)> {
        Some(std::mem::take(&mut self.lag)).filter(|(frames, _)| *frames > 0)
    }

    /// Asserts that the output is the input without the dropped audio. The last `cut` bytes were not put in.
    fn assert_sound(mut self, cut: usize) {
        for number in self.dropped {
            assert!(matches!(self.frames[number][0], 0x10..=0x18));
            self.frames[number].clear();
        }
        let mut kept = self.frames.concat();
        kept.truncate(kept.len().saturating_sub(cut));
        assert_eq!(self.out, kept);
    }

    /// Returns the number of the frame of the next byte.
    fn number(&mut self) -> usize {
        let (number, passed) = self.next;
        self.next = match passed + 1 < self.frames[number].len() {
            true => (number, passed + 1),
            false => (number + 1, 0),
        };
        number
    }
}

#[derive(Clone, Debug)]
enum Step {
    Read(usize),
    Pop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..60_usize).prop_map(Step::Read),
        (0..60_usize).prop_map(Step::Pop),
        Just(Step::Pop(usize::from(u16::MAX))),
    ]
}

fn kind() -> impl Strategy<Value = u8> {
    prop_oneof![4 => 0x10..0x19_u8, 1 => any::<u8>(), 1 => Just(0x03)]
}

fn lag(inbound: &mut InboundBuffer) -> Option<(u64, u64)> {
    inbound.take_lag().map(|lag| (lag.frames, lag.bytes))
}

/// Pops the bytes that wait, up to the end of a frame.
fn pop(inbound: &mut InboundBuffer) -> Vec<u8> {
    let mut buffer = vec![0; 100_000];
    let popped = inbound.pop(&mut buffer);
    buffer.truncate(popped);
    buffer
}

/// Returns one frame, built from the description of the protocol.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap();
    let [high, low] = len.to_be_bytes();
    [&[kind, high, low][..], payload].concat()
}
