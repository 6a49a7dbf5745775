//! The bytes that a session sends, the limit of unsent bytes, and the counters.

use audiosocket_proto::{Audio, SampleRate, SendError, Transmit};

use crate::rig::Rig;
use crate::wire::frame;

#[test]
fn audio_is_sent_as_one_frame_of_its_rate() {
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
fn several_frames_are_sent_in_one_piece() {
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
            // Each round sends seven bytes with their header, and writes `most`.
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
fn transmitted_panics_on_more_bytes_than_there_were() {
    let mut rig = Rig::active();
    rig.send(&[1, 2]).unwrap();
    rig.session.transmitted(rig.now, 6);
}

#[test]
fn frames_beyond_max_unsent_are_dropped_and_counted() {
    let mut rig = Rig::active_with(|config| config.max_unsent(100));
    rig.send(&[1; 47]).unwrap();
    assert_eq!(rig.send(&[2; 48]), Err(SendError::QueueFull), "101 bytes");
    assert_eq!(rig.send(&[3; 47]), Ok(()), "100 bytes");
    assert_eq!(rig.send(&[4; 1]), Err(SendError::QueueFull));
    let stats = rig.session.stats();
    assert_eq!((stats.audio_frames_sent, stats.audio_bytes_sent), (2, 94));
    assert_eq!(stats.frames_dropped, 2);

    // Each written byte makes room for one more.
    rig.write(3);
    assert_eq!(rig.send(&[5; 1]), Err(SendError::QueueFull));
    rig.write(1);
    assert_eq!(rig.send(&[6; 1]), Ok(()));
    let unsent = [&[1; 46][..], &frame(0x10, &[3; 47]), &frame(0x10, &[6])].concat();
    assert_eq!(rig.flush(), unsent);
    assert_eq!(rig.session.stats().frames_dropped, 3);
}

#[test]
fn a_hangup_is_sent_beyond_max_unsent() {
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
fn audio_that_does_not_fit_one_frame_is_refused_and_not_counted() {
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

/// The error is about the audio, and does not depend on the room in the send buffer.
#[test]
fn audio_that_does_not_fit_one_frame_is_not_reported_as_a_full_queue() {
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
fn an_echo_is_counted_in_both_directions() {
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
