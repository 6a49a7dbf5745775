//! Speech and beds that end at the time of the move.

use std::time::Duration;

use audiosocket_proto::Timestamp;
use audiosocket_server::CallStats;

use super::TestCall;

/// Returns the bytes and the counters of a call whose caller presses these keys between two frames each. `-` is no key. The
/// call moves after the key with the number `moves_after`.
fn call(keys: &str, moves_after: Option<usize>) -> (Vec<u8>, CallStats) {
    let mut call = TestCall::begin();
    call.write(Timestamp::ZERO, usize::MAX);
    let mut due = Timestamp::ZERO;
    for (number, key) in keys.bytes().enumerate() {
        let between_frames = due + Duration::from_millis(10);
        if key != b'-' {
            call.driver.receive(between_frames, &[0x03, 0, 1, key]);
        }
        if moves_after == Some(number) {
            assert!(call.hand_over(between_frames));
        }
        due = due + Duration::from_millis(20);
        call.driver.handle_timeout(due);
        call.write(due, usize::MAX);
    }
    let stats = call.driver.handle().stats();
    (call.sent, stats)
}

fn assert_the_move_changes_nothing(keys: &str) {
    let stays = call(keys, None);
    for number in 0..keys.len() {
        assert!(
            call(keys, Some(number)) == stays,
            "moved after key {number}"
        );
    }
}

#[test]
fn cleared_speech_fades_in_the_new_process_too() {
    assert_the_move_changes_nothing("1-4--");
}

#[test]
fn paused_speech_fades_and_continues_in_the_new_process_too() {
    assert_the_move_changes_nothing("1-5-6--");
}

#[test]
fn a_bed_that_is_removed_fades_in_the_new_process_too() {
    assert_the_move_changes_nothing("7-8--");
}

/// The second piece of speech comes 60 ms after the end of the first one.
#[test]
fn a_gap_in_speech_that_spans_the_move_is_an_underrun() {
    assert_the_move_changes_nothing("2-----2-");
    let (_, stats) = call("2-----2-", Some(4));
    assert_eq!(stats.playout.underruns, 1);
}
