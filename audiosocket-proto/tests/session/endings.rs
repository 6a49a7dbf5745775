//! All ways in which a session ends, and the bytes that it then sends.

use std::time::Duration;

use audiosocket_proto::{End, FrameKind, PeerError, SendError, Transmit};

use crate::call::{HANGUP, uuid_frame};
use crate::rig::{Rig, Seen};
use crate::wire::frame;

#[test]
fn end_of_stream_between_frames_closes_the_call() {
    let mut rig = Rig::active();
    rig.receive(&frame(0x10, &[1, 2]));
    rig.seen();
    rig.eof();
    rig.assert_ended(End::Closed);
    assert_eq!(rig.transmit(), Transmit::Close);
    rig.assert_stays_over();
}

#[test]
fn end_of_stream_before_any_byte_closes_the_call() {
    let mut rig = Rig::new();
    rig.eof();
    rig.assert_ended(End::Closed);
    assert_eq!(rig.transmit(), Transmit::Close);
    rig.assert_stays_over();
}

#[test]
fn end_of_stream_inside_a_frame_reports_the_bytes_received() {
    let whole = frame(0x10, &[9; 10]);
    for received in 1..whole.len() {
        let mut rig = Rig::active();
        rig.receive(&whole[..received]);
        assert_eq!(rig.seen(), []);
        rig.eof();
        rig.assert_ended(End::Failed(PeerError::Truncated { received }));
        // The peer is gone, so no hangup is sent.
        assert_eq!(rig.transmit(), Transmit::Close);
        rig.assert_stays_over();
    }
}

#[test]
fn end_of_stream_inside_the_uuid_reports_the_bytes_received() {
    for received in 1..19 {
        let mut rig = Rig::new();
        rig.receive(&uuid_frame()[..received]);
        rig.eof();
        rig.assert_ended(End::Failed(PeerError::Truncated { received }));
        assert_eq!(rig.transmit(), Transmit::Close);
        rig.assert_stays_over();
    }
}

#[test]
fn a_reset_between_frames_ends_the_call_with_reset() {
    let mut rig = Rig::active();
    rig.send(&[1, 2]).unwrap();
    rig.reset();
    rig.assert_ended(End::Reset);
    assert_eq!(rig.transmit(), Transmit::Close, "unsent bytes are dropped");
    rig.assert_stays_over();

    let mut rig = Rig::new();
    rig.reset();
    rig.assert_ended(End::Reset);
    rig.assert_stays_over();
}

#[test]
fn a_reset_inside_a_frame_reports_the_bytes_received() {
    let mut rig = Rig::active();
    rig.receive(&frame(0x10, &[9; 10])[..7]);
    rig.reset();
    rig.assert_ended(End::Failed(PeerError::Truncated { received: 7 }));
    assert_eq!(rig.transmit(), Transmit::Close);
    rig.assert_stays_over();
}

#[test]
fn a_lost_connection_closes_at_once() {
    let mut rig = Rig::active();
    rig.send(&[1, 2]).unwrap();
    rig.lost();
    rig.assert_ended(End::ConnectionLost);
    assert_eq!(rig.transmit(), Transmit::Close);
    rig.assert_stays_over();
}

#[test]
fn after_a_hangup_from_the_peer_the_session_only_half_closes() {
    let mut rig = Rig::active();
    rig.receive(&HANGUP);
    rig.assert_ended(End::HangupReceived);
    assert_eq!(rig.transmit(), Transmit::HalfClose);
    rig.assert_stays_over();
}

#[test]
fn after_our_hangup_the_session_half_closes_and_reads_to_the_end() {
    let mut rig = Rig::active();
    rig.hangup();
    rig.assert_ended(End::HungUp);
    assert_eq!(rig.transmit(), Transmit::Bytes(&HANGUP));
    rig.write(usize::MAX);
    assert_eq!(rig.transmit(), Transmit::HalfClose);
    assert_eq!(rig.transmit(), Transmit::HalfClose, "until `half_closed`");
    rig.session.half_closed();
    assert_eq!(rig.transmit(), Transmit::Idle);
    // Audio that crossed our hangup is read and discarded.
    rig.receive(&frame(0x10, &[1, 2]));
    assert_eq!(rig.seen(), []);
    assert_eq!(rig.transmit(), Transmit::Idle);
    rig.eof();
    assert_eq!(rig.transmit(), Transmit::Close);
    rig.assert_stays_over();
}

#[test]
fn our_hangup_follows_the_unsent_frames() {
    let mut rig = Rig::active();
    rig.send(&[1, 2]).unwrap();
    rig.send(&[3, 4]).unwrap();
    rig.write(2);
    rig.hangup();
    rig.assert_ended(End::HungUp);
    let expected = [&[2, 1, 2], &frame(0x10, &[3, 4])[..], &HANGUP].concat();
    assert_eq!(rig.flush(), expected);
    assert_eq!(rig.transmit(), Transmit::HalfClose);
    rig.assert_stays_over();
}

#[test]
fn a_hangup_before_the_uuid_is_sent() {
    let mut rig = Rig::new();
    rig.hangup();
    rig.assert_ended(End::HungUp);
    assert_eq!(rig.flush(), HANGUP);
    rig.assert_stays_over();
}

#[test]
fn our_hangup_is_still_sent_if_the_peer_closes_first() {
    let mut rig = Rig::active();
    rig.hangup();
    rig.assert_ended(End::HungUp);
    rig.eof();
    assert_eq!(
        rig.transmit(),
        Transmit::Bytes(&HANGUP),
        "the hangup is still unsent"
    );
    rig.write(usize::MAX);
    assert_eq!(rig.transmit(), Transmit::Close, "no half-close before it");
    rig.assert_stays_over();
}

/// The peer may have closed only its write side, so unsent answers are not dropped.
#[test]
fn unsent_bytes_are_still_sent_after_the_peer_closed() {
    let mut rig = Rig::active();
    rig.send(&[1, 2]).unwrap();
    rig.eof();
    rig.assert_ended(End::Closed);
    assert_eq!(rig.write(3), 3);
    assert!(matches!(rig.transmit(), Transmit::Bytes(rest) if rest == [1, 2]));
    assert_eq!(rig.write(2), 2);
    assert_eq!(rig.transmit(), Transmit::Close, "without a hangup");
    rig.assert_stays_over();
}

#[test]
fn a_reset_after_our_hangup_causes_no_event() {
    for half_closed in [false, true] {
        let mut rig = Rig::active();
        rig.hangup();
        rig.assert_ended(End::HungUp);
        if half_closed {
            rig.flush();
            rig.session.half_closed();
        }
        rig.reset();
        assert_eq!(rig.transmit(), Transmit::Close);
        rig.assert_stays_over();
    }
}

/// Asterisk closes at once when it gets our hangup. Writes after that fail with `EPIPE`.
#[test]
fn a_closed_write_side_after_our_hangup_causes_no_event() {
    let mut rig = Rig::active();
    rig.send(&[1, 2]).unwrap();
    rig.hangup();
    rig.assert_ended(End::HungUp);
    rig.session.handle_write_closed();
    assert_eq!(
        rig.transmit(),
        Transmit::Idle,
        "the session waits for the read side"
    );
    rig.eof();
    assert_eq!(rig.transmit(), Transmit::Close);
    rig.assert_stays_over();
}

#[test]
fn frames_are_still_read_after_the_write_side_closed() {
    let mut rig = Rig::active();
    rig.send(&[1, 2]).unwrap();
    rig.session.handle_write_closed();
    assert_eq!(rig.transmit(), Transmit::Idle);
    assert_eq!(rig.due_in(), None, "there is no write deadline");
    rig.receive(&[frame(0x10, &[5, 6]), frame(0x03, b"7")].concat());
    assert_eq!(
        rig.seen(),
        [
            Seen::Audio(audiosocket_proto::SampleRate::Hz8000, vec![5, 6]),
            Seen::Dtmf('7')
        ]
    );
    assert_eq!(rig.send(&[1, 2]), Err(SendError::NoCall));
    assert_eq!(rig.transmit(), Transmit::Idle);
    rig.eof();
    rig.assert_ended(End::Closed);
    assert_eq!(rig.transmit(), Transmit::Close);
    rig.assert_stays_over();
}

#[test]
fn a_hangup_after_the_write_side_closed_sends_nothing_and_lingers() {
    let mut rig = Rig::active();
    rig.session.handle_write_closed();
    rig.hangup();
    rig.assert_ended(End::HungUp);
    assert_eq!(rig.transmit(), Transmit::Idle, "nothing left to half-close");
    rig.wait(Duration::from_secs(1));
    assert_eq!(rig.transmit(), Transmit::Close);
    rig.assert_stays_over();
}

#[test]
fn the_session_closes_if_the_write_side_closes_after_the_peer() {
    let mut rig = Rig::active();
    rig.send(&[1, 2]).unwrap();
    rig.eof();
    rig.assert_ended(End::Closed);
    rig.session.handle_write_closed();
    assert_eq!(rig.transmit(), Transmit::Close);
    rig.assert_stays_over();
}

/// The session refuses a connection by its first header, so that the payload takes no time and no
/// memory.
#[test]
fn audio_before_the_uuid_is_refused_by_its_header() {
    for kind in 0x10..=0x18 {
        for header_in_one_piece in [true, false] {
            let mut rig = Rig::new();
            let header = [kind, 0xff, 0xff];
            if header_in_one_piece {
                rig.receive(&header);
            } else {
                rig.receive(&header[..1]);
                rig.receive(&header[1..2]);
                assert_eq!(rig.seen(), []);
                rig.receive(&header[2..]);
            }
            let kind = FrameKind(kind);
            rig.assert_ended(End::Failed(PeerError::UuidExpected { kind }));
            assert!(
                rig.decoder.partial_len() < 3,
                "the decoder holds no payload"
            );
            assert_eq!(rig.flush(), HANGUP);
            rig.assert_stays_over();
        }
    }
}

#[test]
fn a_connection_that_begins_with_another_kind_is_not_a_call() {
    for kind in (0x00..=0xff).filter(|kind| *kind != 0x01) {
        let mut rig = Rig::new();
        rig.receive(&frame(kind, b"x"));
        let kind = FrameKind(kind);
        rig.assert_ended(End::Failed(PeerError::UuidExpected { kind }));
        assert_eq!(rig.flush(), HANGUP);
        rig.assert_stays_over();
    }
}

#[test]
fn an_http_request_is_not_a_call() {
    let mut rig = Rig::new();
    rig.receive(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
    let kind = FrameKind(b'G');
    rig.assert_ended(End::Failed(PeerError::UuidExpected { kind }));
    rig.assert_stays_over();
}

#[test]
fn a_uuid_of_another_length_is_refused_by_its_header() {
    for len in [0_u16, 1, 15, 17, 36, 0xffff] {
        let mut rig = Rig::new();
        rig.receive(&[0x01, (len >> 8) as u8, len as u8]);
        let len = len.into();
        rig.assert_ended(End::Failed(PeerError::UuidLength { len }));
        assert_eq!(rig.flush(), HANGUP);
        rig.assert_stays_over();
    }
}

#[test]
fn a_uuid_that_comes_byte_by_byte_starts_the_call_with_its_last_byte() {
    let mut rig = Rig::new();
    let frame = uuid_frame();
    for byte in &frame[..18] {
        rig.receive(&[*byte]);
        assert_eq!(rig.seen(), []);
    }
    rig.receive(&frame[18..]);
    let uuid = audiosocket_proto::Uuid::from_u128(crate::wire::UUID);
    assert_eq!(rig.seen(), [Seen::Started(uuid)]);
    assert_eq!(rig.transmit(), Transmit::Idle);
}

#[test]
fn a_second_uuid_ends_the_call() {
    for second in [uuid_frame(), frame(0x01, &[0; 16])] {
        let mut rig = Rig::active();
        rig.receive(&second);
        rig.assert_ended(End::Failed(PeerError::UuidRepeated));
        assert_eq!(rig.flush(), HANGUP);
        rig.assert_stays_over();
    }
}

#[test]
fn a_second_uuid_of_another_length_ends_the_call() {
    let mut rig = Rig::active();
    rig.receive(&frame(0x01, &[0; 3]));
    rig.assert_ended(End::Failed(PeerError::UuidLength { len: 3 }));
    assert_eq!(rig.flush(), HANGUP);
    rig.assert_stays_over();
}

#[test]
fn frames_after_the_end_in_the_same_read_are_discarded() {
    let mut rig = Rig::active();
    let read = [&HANGUP[..], &frame(0x10, &[1, 2]), &frame(0x03, b"1")].concat();
    rig.receive(&read);
    rig.assert_ended(End::HangupReceived);
    assert_eq!(rig.session.stats().frames_received, 2);
    rig.assert_stays_over();
}
