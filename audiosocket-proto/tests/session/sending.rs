//! What a session sends, how much of it waits, and what is counted.

use audiosocket_proto::{Audio, SampleRate, SendError, Transmit};

use crate::rig::Rig;
use crate::wire::frame;

#[test]
fn audio_leaves_as_one_frame_of_its_rate() {
    let mut rig = Rig::active();
    for (kind, rate) in (0x10..=0x18).zip(SampleRate::ALL) {
        for len in [1, 320, 65_535] {
            let payload = vec![kind; len];
            let audio = Audio::new(rate, &payload);
            rig.session.send(rig.now, audio).unwrap();
            assert_eq!(rig.flush(), frame(kind, &payload));
        }
    }
}

#[test]
fn several_frames_are_offered_in_one_piece() {
    let mut rig = Rig::active();
    let mut expected = Vec::new();
    for n in 1..20 {
        rig.send(&vec![n; n.into()]).unwrap();
        expected.extend(frame(0x10, &vec![n; n.into()]));
        assert_eq!(rig.transmit(), Transmit::Bytes(&expected));
    }
}

#[test]
fn nothing_can_be_sent_before_the_uuid() {
    let mut rig = Rig::new();
    assert_eq!(rig.send(&[1, 2]), Err(SendError::NoCall));
    assert_eq!(rig.transmit(), Transmit::Idle);
    assert_eq!(rig.session.stats().frames_dropped, 0);
}

#[test]
fn short_writes_of_every_length_lose_nothing() {
    for most in 1..=40 {
        let mut rig = Rig::active();
        let mut expected = Vec::new();
        let mut written = Vec::new();
        for n in 0..50_u8 {
            // More comes in than goes out for a while.
            rig.send(&[n; 7]).unwrap();
            expected.extend(frame(0x10, &[n; 7]));
            if let Transmit::Bytes(bytes) = rig.transmit() {
                let len = bytes.len().min(most);
                written.extend_from_slice(&bytes[..len]);
                rig.session.transmitted(rig.now, len);
            }
        }
        while let Transmit::Bytes(bytes) = rig.transmit() {
            let len = bytes.len().min(most);
            written.extend_from_slice(&bytes[..len]);
            rig.session.transmitted(rig.now, len);
        }
        assert_eq!(written, expected, "{most} bytes at a time");
    }
}

#[test]
#[should_panic(expected = "wrote more than there was to write")]
fn to_report_more_than_was_offered_is_a_bug_of_the_caller() {
    let mut rig = Rig::active();
    rig.send(&[1, 2]).unwrap();
    rig.session.transmitted(rig.now, 6);
}

#[test]
fn what_goes_past_the_bound_is_dropped_and_counted() {
    let mut rig = Rig::active_with(|config| config.max_unsent(100));
    rig.send(&[1; 47]).unwrap();
    assert_eq!(rig.send(&[2; 48]), Err(SendError::QueueFull), "101 bytes");
    assert_eq!(rig.send(&[3; 47]), Ok(()), "100 bytes");
    assert_eq!(rig.send(&[4; 1]), Err(SendError::QueueFull));
    let stats = rig.session.stats();
    assert_eq!((stats.audio_frames_sent, stats.audio_bytes_sent), (2, 94));
    assert_eq!(stats.frames_dropped, 2);

    // Room appears with what the peer takes, byte for byte.
    rig.write(3);
    assert_eq!(rig.send(&[5; 1]), Err(SendError::QueueFull));
    rig.write(1);
    assert_eq!(rig.send(&[6; 1]), Ok(()));
    let unsent = [&[1; 46][..], &frame(0x10, &[3; 47]), &frame(0x10, &[6])].concat();
    assert_eq!(rig.flush(), unsent);
    assert_eq!(rig.session.stats().frames_dropped, 3);
}

#[test]
fn a_hangup_is_sent_even_past_the_bound() {
    let mut rig = Rig::active_with(|config| config.max_unsent(5));
    rig.send(&[1, 2]).unwrap();
    assert_eq!(rig.send(&[1]), Err(SendError::QueueFull));
    rig.hangup();
    assert_eq!(
        rig.flush(),
        [&frame(0x10, &[1, 2])[..], &[0x00, 0, 0]].concat()
    );
}

#[test]
fn what_cannot_be_one_frame_is_refused_and_not_counted() {
    let mut rig = Rig::active();
    assert_eq!(rig.send(&[]), Err(SendError::EmptyAudio));
    let len = 65_536;
    assert_eq!(
        rig.send(&vec![0; len]),
        Err(SendError::AudioTooLong { len })
    );
    assert_eq!(rig.transmit(), Transmit::Idle);
    let stats = rig.session.stats();
    assert_eq!((stats.audio_frames_sent, stats.audio_bytes_sent), (0, 0));
    assert_eq!(stats.frames_dropped, 0);
}

/// Whether there is room does not change what is wrong with it: nobody's peer is behind here.
#[test]
fn what_cannot_be_one_frame_is_not_mistaken_for_a_full_queue() {
    let mut rig = Rig::active();
    let len = 1_000_000;
    assert_eq!(
        rig.send(&vec![0; len]),
        Err(SendError::AudioTooLong { len })
    );
    assert_eq!(rig.session.stats().frames_dropped, 0);

    let mut rig = Rig::active_with(|config| config.max_unsent(5));
    rig.send(&[1, 2]).unwrap();
    assert_eq!(rig.send(&[]), Err(SendError::EmptyAudio));
    assert_eq!(rig.session.stats().frames_dropped, 0);
}

#[test]
fn an_echo_counts_both_ways() {
    let mut rig = Rig::active();
    let read = [frame(0x12, &[1; 640]), frame(0x12, &[2; 640])].concat();
    let mut input = &read[..];
    while let Some(event) = rig.session.receive(rig.now, &mut rig.decoder, &mut input) {
        let audiosocket_proto::Event::Audio(audio) = event else {
            panic!("{event:?}");
        };
        rig.session.send(rig.now, audio).unwrap();
    }
    assert_eq!(rig.flush(), read);
    let stats = rig.session.stats();
    assert_eq!(stats.frames_received, 3);
    assert_eq!(stats.audio_frames_received, 2);
    assert_eq!(stats.audio_bytes_received, 1280);
    assert_eq!(stats.audio_frames_sent, 2);
    assert_eq!(stats.audio_bytes_sent, 1280);
    assert_eq!(stats.frames_dropped, 0);
}
