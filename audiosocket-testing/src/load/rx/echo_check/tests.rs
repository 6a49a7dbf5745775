use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const FRAME_LEN: usize = 32;

/// The fate of one frame.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Echoed,
    Dropped,
    /// The byte at this index is changed by this much.
    Corrupted(usize, u8),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Echoed),
        1 => Just(Fate::Dropped),
        1 => (0..FRAME_LEN, 1..=255_u8).prop_map(|(at, by)| Fate::Corrupted(at, by)),
    ]
}

fn now() -> SentFrame {
    let now = Instant::now();
    SentFrame { at: now, due: now }
}

/// A check with `frames` sent frames, and the frames.
fn call(key: u64, frames: usize) -> (EchoCheck, Vec<Vec<u8>>) {
    let signal = TestSignal::noise(key, FRAME_LEN);
    let mut check = EchoCheck::new(signal.clone());
    let sent = (0..frames as u64).map(|number| {
        check.sent(now());
        let mut frame = Vec::new();
        signal.write_echo(number, &mut frame);
        frame
    });
    let sent = sent.collect();
    (check, sent)
}

fn receive(check: &mut EchoCheck, bytes: &[u8]) {
    check.receive(bytes, |_| {});
}

/// The counts of a call with three sent frames. The server sends back these frames, in this order.
fn received(key: u64, numbers: &[usize]) -> EchoCounts {
    let (mut check, frames_sent) = call(key, 3);
    for number in numbers {
        receive(&mut check, &frames_sent[*number]);
    }
    check.finish()
}

fn counts(echoed: u64, wrong: u64, missing: u64, extra: u64) -> EchoCounts {
    EchoCounts {
        echoed,
        wrong,
        missing,
        extra,
    }
}

proptest! {
    /// Each frame counts once, by its fate. The server may cut the stream at any place and insert any
    /// silence.
    #[test]
    fn each_frame_counts_once_by_its_fate(
        key: u64,
        fates in vec(fate(), 1..60),
        cuts in vec((1..3 * FRAME_LEN, prop_oneof![Just(0), 1..2 * FRAME_LEN]), 1..40),
    ) {
        let (mut check, frames_sent) = call(key, fates.len());
        let (mut stream, mut wanted) = (Vec::new(), EchoCounts::default());
        for (mut frame, fate) in frames_sent.into_iter().zip(&fates) {
            match *fate {
                Fate::Echoed => wanted.echoed += 1,
                Fate::Dropped => {
                    wanted.missing += 1;
                    continue;
                }
                Fate::Corrupted(at, by) => {
                    frame[at] ^= by;
                    wanted.wrong += 1;
                }
            }
            stream.extend(frame);
        }
        let mut rest = &stream[..];
        for (cut, silence) in cuts.iter().cycle() {
            let (piece, tail) = rest.split_at(rest.len().min(*cut));
            // A piece of one byte that was corrupted to zero is silence.
            prop_assume!(piece.is_empty() || !is_silence(piece));
            receive(&mut check, piece);
            receive(&mut check, &[0; 2 * FRAME_LEN][..*silence]);
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(check.finish(), wanted);
    }

    /// A frame is not echoed if the server sends only its first part. (If less than a tag is missing, the
    /// next bytes can complete the frame by chance.)
    #[test]
    fn a_frame_that_did_not_come_whole_is_not_echoed(
        key: u64,
        kept in vec(prop_oneof![Just(0), TAG_LEN..=FRAME_LEN - TAG_LEN, Just(FRAME_LEN)], 1..60),
    ) {
        let (mut check, frames_sent) = call(key, kept.len());
        for (frame, kept) in frames_sent.iter().zip(&kept) {
            receive(&mut check, &frame[..*kept]);
        }
        let whole = kept.iter().filter(|kept| **kept == FRAME_LEN).count();
        let counts = check.finish();
        prop_assert_eq!(counts.echoed, whole as u64);
        prop_assert_eq!(counts.echoed + counts.wrong + counts.missing, kept.len() as u64);
    }
}

#[test]
fn each_echo_gives_the_times_of_its_frame() {
    let signal = TestSignal::noise(1, FRAME_LEN);
    let mut check = EchoCheck::new(signal.clone());
    let start = Instant::now();
    let sent = [0, 20, 40].map(|millis| SentFrame {
        at: start + std::time::Duration::from_millis(millis + 3),
        due: start + std::time::Duration::from_millis(millis),
    });
    let (mut stream, mut frame) = (Vec::new(), Vec::new());
    for (number, sent) in (0..).zip(sent) {
        check.sent(sent);
        signal.write_echo(number, &mut frame);
        stream.extend_from_slice(&frame);
    }
    let mut echoed = Vec::new();
    check.receive(&stream[..FRAME_LEN + 1], |sent| echoed.push(sent));
    assert_eq!((&echoed[..], check.outstanding()), (&sent[..1], 2));
    check.receive(&stream[FRAME_LEN + 1..], |sent| echoed.push(sent));
    assert_eq!((&echoed[..], check.outstanding()), (&sent[..], 0));
}

#[test]
fn a_frame_that_comes_twice_is_extra() {
    assert_eq!(received(2, &[0, 1, 1, 2, 2]), counts(3, 0, 0, 2));
}

#[test]
fn a_frame_that_comes_before_it_was_sent_is_extra() {
    let (mut check, frames_sent) = call(3, 1);
    let mut next = Vec::new();
    TestSignal::noise(3, FRAME_LEN).write_echo(1, &mut next);
    receive(&mut check, &frames_sent[0]);
    receive(&mut check, &next);
    check.sent(now());
    receive(&mut check, &next);
    assert_eq!(check.finish(), counts(2, 0, 0, 1));
}

#[test]
fn frames_in_the_wrong_order_are_missing_and_extra() {
    assert_eq!(received(4, &[1, 0, 2]), counts(2, 0, 1, 1));
}

#[test]
fn the_echo_of_another_call_is_wrong() {
    let (mut check, _) = call(0x5bd1_e995_7b7d_159c, 3);
    let (_, others) = call(0x2545_f491_4f6c_dd1d, 3);
    for frame in &others {
        receive(&mut check, frame);
    }
    assert_eq!(check.finish(), counts(0, 3, 0, 0));
}

#[test]
fn audio_of_another_rate_is_wrong_with_any_content() {
    let (mut check, frames_sent) = call(7, 3);
    receive(&mut check, &frames_sent[0]);
    check.receive_foreign(&frames_sent[1]);
    check.receive_foreign(&[0; FRAME_LEN]);
    receive(&mut check, &frames_sent[2]);
    assert_eq!(check.finish(), counts(2, 1, 0, 0));
}

#[test]
fn audio_of_another_rate_inside_a_frame_makes_it_wrong() {
    let (mut check, frames_sent) = call(10, 2);
    receive(&mut check, &frames_sent[0][..4]);
    check.receive_foreign(&[7; FRAME_LEN]);
    receive(&mut check, &frames_sent[0][4..]);
    receive(&mut check, &frames_sent[1]);
    assert_eq!(check.finish(), counts(1, 1, 0, 1));
}

#[test]
fn a_server_that_never_answers_takes_bounded_memory() {
    let (mut check, frames_sent) = call(8, MAX_OUTSTANDING + 100);
    assert_eq!(check.outstanding(), MAX_OUTSTANDING);
    for frame in &frames_sent[100..] {
        receive(&mut check, frame);
    }
    assert_eq!(check.finish(), counts(MAX_OUTSTANDING as u64, 0, 100, 0));
}

#[test]
fn endless_wrong_audio_counts_frame_by_frame() {
    let (mut check, _) = call(9, 0);
    let noise = [0x55; FRAME_LEN];
    for _ in 0..2 * MAX_OUTSTANDING {
        check.sent(now());
        receive(&mut check, &noise);
    }
    assert_eq!(check.finish(), counts(0, 2 * MAX_OUTSTANDING as u64, 0, 0));
}
