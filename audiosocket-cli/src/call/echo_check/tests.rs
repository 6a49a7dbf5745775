use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const FRAME_LEN: usize = 32;

/// What a server does with one frame.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Echoed,
    Dropped,
    /// One byte, at this place, is changed by this much.
    Corrupted(usize, u8),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Echoed),
        1 => Just(Fate::Dropped),
        1 => (0..FRAME_LEN, 1..=255_u8).prop_map(|(at, by)| Fate::Corrupted(at, by)),
    ]
}

fn now() -> Sent {
    let now = Instant::now();
    Sent { at: now, due: now }
}

/// A checker that has sent `frames` frames, and what they said.
fn call(key: u64, frames: usize) -> (EchoCheck, Vec<Vec<u8>>) {
    let voice = Voice::noise(key, FRAME_LEN);
    let mut check = EchoCheck::new(voice.clone());
    let said = (0..frames as u64).map(|number| {
        check.sent(now());
        let mut frame = Vec::new();
        voice.echo(number, &mut frame);
        frame
    });
    let said = said.collect();
    (check, said)
}

fn receive(check: &mut EchoCheck, bytes: &[u8]) {
    check.receive(bytes, |_| {});
}

fn counts(echoed: u64, wrong: u64, missing: u64, extra: u64) -> Counts {
    Counts {
        echoed,
        wrong,
        missing,
        extra,
    }
}

proptest! {
    /// However the server cuts the stream, whatever silence it puts in between, and whatever it does to its frames: each one is counted
    /// for what became of it, and nothing else is counted.
    #[test]
    fn every_frame_is_counted_for_what_became_of_it(
        key: u64,
        fates in vec(fate(), 1..60),
        cuts in vec((1..3 * FRAME_LEN, prop_oneof![Just(0), 1..2 * FRAME_LEN]), 1..40),
    ) {
        let (mut check, said) = call(key, fates.len());
        let (mut stream, mut wanted) = (Vec::new(), Counts::default());
        for (mut frame, fate) in said.into_iter().zip(&fates) {
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
            // A piece with nothing but a byte that was corrupted to zero is silence indeed.
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

    /// Nor is one taken for echoed when the server keeps only the first part of some. (Parts that
    /// lack less than a tag could be completed by chance, and would then be whole.)
    #[test]
    fn no_frame_is_echoed_that_did_not_come_whole(
        key: u64,
        kept in vec(prop_oneof![Just(0), TAG_LEN..=FRAME_LEN - TAG_LEN, Just(FRAME_LEN)], 1..60),
    ) {
        let (mut check, said) = call(key, kept.len());
        for (frame, kept) in said.iter().zip(&kept) {
            receive(&mut check, &frame[..*kept]);
        }
        let whole = kept.iter().filter(|kept| **kept == FRAME_LEN).count();
        let counts = check.finish();
        prop_assert_eq!(counts.echoed, whole as u64);
        prop_assert_eq!(counts.echoed + counts.wrong + counts.missing, kept.len() as u64);
    }
}

#[test]
fn each_echoed_frame_tells_when_it_was_sent() {
    let voice = Voice::noise(1, FRAME_LEN);
    let mut check = EchoCheck::new(voice.clone());
    let start = Instant::now();
    let sent = [0, 20, 40].map(|millis| Sent {
        at: start + std::time::Duration::from_millis(millis + 3),
        due: start + std::time::Duration::from_millis(millis),
    });
    let (mut stream, mut frame) = (Vec::new(), Vec::new());
    for (number, sent) in (0..).zip(sent) {
        check.sent(sent);
        voice.echo(number, &mut frame);
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
    let (mut check, said) = call(2, 3);
    for frame in [&said[0], &said[1], &said[1], &said[2], &said[2]] {
        receive(&mut check, frame);
    }
    assert_eq!(check.finish(), counts(3, 0, 0, 2));
}

#[test]
fn a_frame_that_comes_before_it_was_sent_is_extra() {
    let (mut check, said) = call(3, 1);
    let mut next = Vec::new();
    Voice::noise(3, FRAME_LEN).echo(1, &mut next);
    receive(&mut check, &said[0]);
    receive(&mut check, &next);
    check.sent(now());
    receive(&mut check, &next);
    assert_eq!(check.finish(), counts(2, 0, 0, 1));
}

#[test]
fn frames_in_the_wrong_order_are_noticed() {
    let (mut check, said) = call(4, 3);
    for frame in [&said[1], &said[0], &said[2]] {
        receive(&mut check, frame);
    }
    assert_eq!(check.finish(), counts(2, 0, 1, 1));
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
fn audio_of_another_rate_is_wrong_whatever_it_says() {
    let (mut check, said) = call(7, 3);
    receive(&mut check, &said[0]);
    check.receive_foreign(&said[1]);
    check.receive_foreign(&[0; FRAME_LEN]);
    receive(&mut check, &said[2]);
    assert_eq!(check.finish(), counts(2, 1, 0, 0));
}

#[test]
fn audio_of_another_rate_inside_a_frame_spoils_it() {
    let (mut check, said) = call(10, 2);
    receive(&mut check, &said[0][..4]);
    check.receive_foreign(&[7; FRAME_LEN]);
    receive(&mut check, &said[0][4..]);
    receive(&mut check, &said[1]);
    assert_eq!(check.finish(), counts(1, 1, 0, 1));
}

#[test]
fn a_server_that_never_answers_costs_bounded_memory() {
    let (mut check, said) = call(8, LONGEST_WINDOW + 100);
    assert_eq!(check.outstanding(), LONGEST_WINDOW);
    for frame in &said[100..] {
        receive(&mut check, frame);
    }
    assert_eq!(check.finish(), counts(LONGEST_WINDOW as u64, 0, 100, 0));
}

#[test]
fn wrong_audio_without_end_is_still_counted_frame_by_frame() {
    let (mut check, _) = call(9, 0);
    let noise = [0x55; FRAME_LEN];
    for _ in 0..2 * LONGEST_WINDOW {
        check.sent(now());
        receive(&mut check, &noise);
    }
    assert_eq!(check.finish(), counts(0, 2 * LONGEST_WINDOW as u64, 0, 0));
}
