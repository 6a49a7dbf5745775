//! Deadlines. Each test also checks the moment before the deadline.

use std::time::Duration;

use audiosocket_proto::{End, PeerError, Transmit};

use crate::call::{HANGUP, uuid_frame};
use crate::rig::Rig;
use crate::wire::frame;

const NANOSECOND: Duration = Duration::from_nanos(1);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_uuid_must_come_within_five_seconds() {
    let mut rig = Rig::new();
    assert_eq!(rig.due_in(), Some(5 * SECOND));
    rig.wait(5 * SECOND - NANOSECOND);
    assert_eq!(rig.seen(), []);
    rig.wait(NANOSECOND);
    rig.assert_ended(End::Failed(PeerError::UuidTimeout));
    assert_eq!(rig.flush(), HANGUP);
    rig.assert_stays_over();
}

#[test]
fn a_uuid_that_comes_byte_by_byte_gets_no_more_time() {
    let mut rig = Rig::with(|config| config.uuid_timeout(2 * SECOND));
    for byte in &uuid_frame()[..10] {
        rig.wait(Duration::from_millis(100));
        rig.receive(&[*byte]);
    }
    assert_eq!(rig.due_in(), Some(SECOND));
    rig.wait(SECOND);
    rig.assert_ended(End::Failed(PeerError::UuidTimeout));
    rig.assert_stays_over();
}

#[test]
fn a_silent_call_has_no_deadline() {
    let mut rig = Rig::active();
    assert_eq!(rig.due_in(), None);
    rig.wait(100_000 * SECOND);
    assert_eq!(rig.seen(), []);
    assert_eq!(rig.transmit(), Transmit::Idle);
}

#[test]
fn an_idle_call_ends_after_the_idle_timeout() {
    let mut rig = Rig::active_with(|config| config.idle_timeout(Some(10 * SECOND)));
    assert_eq!(rig.due_in(), Some(10 * SECOND));
    rig.wait(9 * SECOND);
    rig.receive(&frame(0x42, b"a frame of any kind counts"));
    rig.seen();
    assert_eq!(rig.due_in(), Some(10 * SECOND));
    rig.wait(10 * SECOND - NANOSECOND);
    assert_eq!(rig.seen(), []);
    rig.wait(NANOSECOND);
    rig.assert_ended(End::Failed(PeerError::IdleTimeout));
    assert_eq!(rig.flush(), HANGUP);
    rig.assert_stays_over();
}

#[test]
fn sending_does_not_keep_an_idle_call_alive() {
    let mut rig = Rig::active_with(|config| config.idle_timeout(Some(10 * SECOND)));
    rig.wait(9 * SECOND);
    rig.send(&[1, 2]).unwrap();
    rig.flush();
    rig.wait(SECOND);
    rig.assert_ended(End::Failed(PeerError::IdleTimeout));
}

#[test]
fn the_idle_timeout_counts_from_the_uuid() {
    let mut rig = Rig::with(|config| config.idle_timeout(Some(SECOND)));
    assert_eq!(rig.due_in(), Some(5 * SECOND), "the UUID timeout");
    rig.wait(3 * SECOND);
    assert_eq!(rig.seen(), []);
    rig.receive(&uuid_frame());
    rig.seen();
    assert_eq!(rig.due_in(), Some(SECOND));
}

#[test]
fn a_call_ends_if_the_peer_reads_nothing_for_thirty_seconds() {
    let mut rig = Rig::active();
    rig.pass(SECOND);
    rig.send(&[1, 2]).unwrap();
    assert_eq!(rig.due_in(), Some(30 * SECOND));
    rig.wait(30 * SECOND - NANOSECOND);
    assert_eq!(rig.seen(), []);
    rig.wait(NANOSECOND);
    rig.assert_ended(End::Failed(PeerError::WriteStalled));
    // The peer would not read a hangup either.
    assert_eq!(rig.transmit(), Transmit::Close);
    rig.assert_stays_over();
}

#[test]
fn sending_more_does_not_move_the_write_deadline() {
    let mut rig = Rig::active();
    rig.send(&[1, 2]).unwrap();
    for _ in 0..29 {
        rig.wait(SECOND);
        rig.send(&[1, 2]).unwrap();
        assert_eq!(rig.write(0), 0);
    }
    assert_eq!(rig.due_in(), Some(SECOND));
    rig.wait(SECOND);
    rig.assert_ended(End::Failed(PeerError::WriteStalled));
}

#[test]
fn each_byte_that_the_peer_reads_moves_the_write_deadline() {
    let mut rig = Rig::active();
    rig.send(&[0; 100]).unwrap();
    for _ in 0..103 {
        assert_eq!(rig.due_in(), Some(30 * SECOND));
        rig.wait(29 * SECOND);
        assert_eq!(rig.write(1), 1);
    }
    assert_eq!(rig.seen(), []);
    assert_eq!(rig.due_in(), None, "all bytes are written");
    rig.wait(100 * SECOND);
    // The deadline counts from the next frame, not from the last byte that was written.
    rig.send(&[1, 2]).unwrap();
    assert_eq!(rig.due_in(), Some(30 * SECOND));
}

#[test]
fn the_earlier_of_two_deadlines_ends_the_call() {
    let mut rig = Rig::active_with(|config| config.idle_timeout(Some(20 * SECOND)));
    rig.send(&[1, 2]).unwrap();
    assert_eq!(rig.due_in(), Some(20 * SECOND));
    rig.wait(20 * SECOND);
    rig.assert_ended(End::Failed(PeerError::IdleTimeout));

    let mut rig = Rig::active_with(|config| config.idle_timeout(Some(40 * SECOND)));
    rig.send(&[1, 2]).unwrap();
    assert_eq!(rig.due_in(), Some(30 * SECOND));
    rig.wait(30 * SECOND);
    rig.assert_ended(End::Failed(PeerError::WriteStalled));
}

#[test]
fn after_our_hangup_the_peer_has_one_second_to_close() {
    let mut rig = Rig::active();
    rig.hangup();
    rig.assert_ended(End::HungUp);
    rig.flush();
    rig.session.half_closed();
    assert_eq!(rig.due_in(), Some(SECOND));
    // Frames that the peer still sends do not move the deadline.
    rig.wait(SECOND / 2);
    rig.receive(&frame(0x10, &[1, 2]));
    assert_eq!(rig.due_in(), Some(SECOND / 2));
    rig.wait(SECOND / 2 - NANOSECOND);
    assert_eq!(rig.transmit(), Transmit::Idle);
    rig.wait(NANOSECOND);
    assert_eq!(rig.transmit(), Transmit::Close);
    rig.assert_stays_over();
}

#[test]
fn an_unsent_hangup_is_dropped_after_the_linger() {
    let mut rig = Rig::active_with(|config| config.linger(3 * SECOND));
    rig.send(&[1, 2]).unwrap();
    rig.hangup();
    rig.assert_ended(End::HungUp);
    rig.wait(2 * SECOND);
    // Written bytes do not move the deadline: the call is over.
    assert_eq!(rig.write(1), 1);
    assert_eq!(rig.due_in(), Some(SECOND));
    rig.wait(SECOND);
    assert_eq!(rig.transmit(), Transmit::Close);
    rig.assert_stays_over();
}

#[test]
fn an_unsent_answer_is_dropped_after_the_linger_if_the_peer_has_closed() {
    let mut rig = Rig::active();
    rig.send(&[1, 2]).unwrap();
    rig.eof();
    rig.assert_ended(End::Closed);
    assert_eq!(rig.due_in(), Some(SECOND));
    rig.wait(SECOND);
    assert_eq!(rig.transmit(), Transmit::Close);
}

#[test]
fn a_connection_that_is_not_a_call_lingers_as_long_as_a_call() {
    let mut rig = Rig::new();
    rig.receive(b"GET / HTTP/1.1\r\n\r\n");
    rig.flush();
    rig.session.half_closed();
    assert_eq!(rig.due_in(), Some(SECOND));
    rig.wait(SECOND);
    assert_eq!(rig.transmit(), Transmit::Close);
}

#[test]
fn an_early_handle_timeout_does_nothing() {
    for mut rig in [Rig::new(), Rig::active()] {
        for _ in 0..10 {
            rig.wait(Duration::ZERO);
        }
        assert_eq!(rig.seen(), []);
        assert_eq!(rig.transmit(), Transmit::Idle);
    }
}

#[test]
fn the_longest_durations_never_end_and_do_not_overflow() {
    let mut rig = Rig::with(|config| {
        config
            .uuid_timeout(Duration::MAX)
            .idle_timeout(Some(Duration::MAX))
            .write_timeout(Duration::MAX)
            .linger(Duration::MAX)
    });
    rig.wait(1_000_000 * SECOND);
    rig.receive(&uuid_frame());
    rig.seen();
    rig.send(&[1, 2]).unwrap();
    rig.wait(1_000_000 * SECOND);
    assert_eq!(rig.seen(), []);
    rig.hangup();
    rig.wait(1_000_000 * SECOND);
    assert_eq!(rig.flush(), [&frame(0x10, &[1, 2])[..], &HANGUP].concat());
}
