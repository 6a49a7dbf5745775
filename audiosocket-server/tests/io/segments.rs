//! Audio is sent over TCP in whole frames, at most one segment at a time.

use std::task::Poll;

use crate::rig::Rig;

/// Frames of 20 ms.
fn frames(kind: u8, count: usize) -> Vec<u8> {
    let len = if kind == 0x10 { 320u16 } else { 640 };
    let [high, low] = len.to_be_bytes();
    let frame = [vec![kind, high, low], vec![7; usize::from(len)]].concat();
    frame.repeat(count)
}

fn on_tcp() -> Rig {
    let rig = Rig::talking();
    rig.script().retransmissions = Some(0);
    rig
}

/// Echoes `said`. Returns the writes.
fn writes(rig: &mut Rig, said: &[u8]) -> Vec<String> {
    rig.log();
    rig.reads([said]);
    assert!(rig.poll().is_pending());
    assert_eq!(rig.sent(), said);
    let log = rig.log().into_iter();
    log.filter(|line| line.starts_with("write") || line.starts_with("send"))
        .collect()
}

#[test]
fn frames_of_16_khz_are_sent_whole_and_two_at_a_time() {
    let writes = writes(&mut on_tcp(), &frames(0x12, 5));
    assert_eq!(writes, ["send frames"; 3]);
}

#[test]
fn frames_of_8_khz_are_sent_whole_and_four_at_a_time() {
    let writes = writes(&mut on_tcp(), &frames(0x10, 9));
    assert_eq!(writes, ["send frames"; 3]);
}

#[test]
fn a_long_queue_leaves_in_one_write() {
    assert_eq!(writes(&mut on_tcp(), &frames(0x10, 26)), ["write"]);
}

#[test]
fn frames_leave_in_one_write_on_a_stream_that_is_not_tcp() {
    assert_eq!(writes(&mut Rig::talking(), &frames(0x12, 9)), ["write"]);
}

/// The rest of a cut frame goes as bytes, and the next frame is whole again.
#[test]
fn a_short_write_inside_a_frame_loses_no_byte() {
    for written in [1, 2, 3, 642, 643, 1000, 1285] {
        let mut rig = on_tcp();
        rig.script().writes.push_back(Poll::Ready(Ok(written)));
        let cut = writes(&mut rig, &frames(0x12, 3));
        assert_eq!(cut, ["send frames", "write"], "{written}");
        let next = writes(&mut rig, &frames(0x12, 1));
        assert_eq!(next, ["send frames"], "{written}");
    }
}

/// The stream waits until the socket takes bytes again.
#[test]
fn frames_for_a_full_socket_are_written_when_it_takes_them() {
    let mut rig = on_tcp();
    // Two rounds try to send and to write.
    rig.script().writes.extend((0..4).map(|_| Poll::Pending));
    rig.reads([&frames(0x12, 3)[..]]);
    assert!(rig.poll().is_pending());
    assert!(rig.sent().is_empty());
    assert!(rig.poll().is_pending());
    assert_eq!(rig.sent(), frames(0x12, 3));
}
