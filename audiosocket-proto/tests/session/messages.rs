//! The event that each kind of frame causes.

use audiosocket_proto::{End, ErrorFlags, PeerError, SampleRate, Transmit};

use crate::call::HANGUP;
use crate::rig::{Rig, Seen};
use crate::wire::frame;

#[test]
fn audio_of_every_rate_arrives_unchanged() {
    let mut rig = Rig::active();
    for (kind, rate) in (0x10..=0x18).zip(SampleRate::ALL) {
        // Odd lengths too: A-law can come under the kind of slin, with one byte per sample.
        for len in [1, 2, 3, 160, 320, 65_535] {
            let payload: Vec<u8> = (0..len).map(|i: u32| i.to_le_bytes()[0]).collect();
            rig.receive(&frame(kind, &payload));
            assert_eq!(rig.seen(), [Seen::Audio(rate, payload)]);
        }
    }
}

#[test]
fn audio_of_no_bytes_is_ignored() {
    let mut rig = Rig::active();
    for kind in 0x10..=0x18 {
        rig.receive(&frame(kind, &[]));
        assert_eq!(rig.seen(), [Seen::Ignored(kind, vec![])]);
    }
    assert_eq!(rig.session.stats().audio_frames_received, 0);
    assert!(!rig.session.is_over());
}

#[test]
fn undefined_kinds_are_ignored() {
    let mut rig = Rig::active();
    let known = |kind: &u8| matches!(kind, 0x00 | 0x01 | 0x03 | 0x10..=0x18 | 0xff);
    for kind in (0x00..=0xff).filter(|kind| !known(kind)) {
        rig.receive(&frame(kind, b"what"));
        assert_eq!(rig.seen(), [Seen::Ignored(kind, b"what".to_vec())]);
        rig.receive(&frame(kind, &[]));
        assert_eq!(rig.seen(), [Seen::Ignored(kind, vec![])]);
    }
    assert_eq!(rig.transmit(), Transmit::Idle);
}

#[test]
fn every_key_causes_an_event() {
    let mut rig = Rig::active();
    for key in "0123456789*#ABCD".chars() {
        rig.receive(&frame(0x03, &[key as u8]));
        assert_eq!(rig.seen(), [Seen::Dtmf(key)]);
    }
}

#[test]
fn a_malformed_key_press_does_not_end_the_call() {
    let mut rig = Rig::active();
    let keys = b"0123456789*#ABCD";
    let others = (0x00..=0xff).filter(|key| !keys.contains(key));
    let malformed = others.map(|key| vec![key]);
    for payload in malformed.chain([vec![], b"12".to_vec(), vec![b'1'; 300]]) {
        rig.receive(&frame(0x03, &payload));
        assert_eq!(rig.seen(), [Seen::Exception(PeerError::DtmfMalformed)]);
    }
    rig.receive(&frame(0x03, b"1"));
    assert_eq!(rig.seen(), [Seen::Dtmf('1')]);
    assert_eq!(rig.transmit(), Transmit::Idle);
}

#[test]
fn an_error_frame_with_only_the_hangup_flag_is_a_hangup() {
    let mut rig = Rig::active();
    rig.receive(&frame(0xff, &[0x01]));
    rig.assert_ended(End::HangupReceived);
    assert_eq!(rig.transmit(), Transmit::HalfClose, "no hangup in return");
    rig.assert_stays_over();
}

#[test]
fn other_error_frames_end_the_call_only_with_the_hangup_flag() {
    for flags in (0x00..=0xff).filter(|flags| *flags != 0x01) {
        let mut rig = Rig::active();
        rig.receive(&frame(0xff, &[flags]));
        let error = PeerError::Reported {
            flags: ErrorFlags(flags),
        };
        if flags % 2 == 1 {
            rig.assert_ended(End::Failed(error));
            assert_eq!(rig.flush(), HANGUP);
            rig.assert_stays_over();
        } else {
            assert_eq!(rig.seen(), [Seen::Exception(error)]);
            rig.receive(&frame(0x10, &[1, 2]));
            assert_eq!(rig.seen(), [Seen::Audio(SampleRate::Hz8000, vec![1, 2])]);
        }
    }
}

#[test]
fn an_empty_error_frame_has_no_flags() {
    let mut rig = Rig::active();
    rig.receive(&frame(0xff, &[]));
    let flags = ErrorFlags(0);
    assert_eq!(rig.seen(), [Seen::Exception(PeerError::Reported { flags })]);
    assert!(!rig.session.is_over());
}

#[test]
fn a_hangup_with_a_payload_is_a_hangup() {
    let mut rig = Rig::active();
    rig.receive(&frame(0x00, b"bye"));
    rig.assert_ended(End::HangupReceived);
    rig.assert_stays_over();
}

#[test]
fn received_frames_and_bytes_are_counted() {
    let mut rig = Rig::active();
    rig.receive(&frame(0x10, &[0; 320]));
    rig.receive(&frame(0x18, &[0; 7680]));
    rig.receive(&frame(0x10, &[]));
    rig.receive(&frame(0x03, b"1"));
    rig.receive(&frame(0x03, b"?"));
    rig.receive(&frame(0x42, b"?"));
    rig.receive(&frame(0xff, &[0x02]));
    let before_its_end = &frame(0x10, &[0; 100])[..50];
    rig.receive(before_its_end);
    let stats = rig.session.stats();
    assert_eq!(stats.frames_received, 8);
    assert_eq!(stats.audio_frames_received, 2);
    assert_eq!(stats.audio_bytes_received, 8000);
    assert_eq!((stats.audio_frames_sent, stats.audio_bytes_sent), (0, 0));
    assert_eq!(stats.frames_dropped, 0);
}
