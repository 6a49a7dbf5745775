//! A bed under played audio.

use audiosocket_proto::{AudioBuf, Bed, SampleRate, SendError};

use crate::frames::audio;
use crate::scripted_connection::ScriptedConnection;
use crate::test_server::TestServer;

cases! {
    on every runner:
    a_bed_is_in_each_frame_and_ducked_under_played_audio
    a_bed_after_the_end_of_a_call_is_refused
}

const RATE: SampleRate = SampleRate::Hz8000;

fn level(level: i16, samples: usize) -> AudioBuf {
    AudioBuf::from_samples(RATE, &vec![level; samples])
}

/// A frame whose samples are all the same.
fn level_frame(sample: i16) -> Vec<u8> {
    audio(level(sample, 160).bytes())
}

/// Returns the first frame that is not `frame`.
fn frame_after(connection: &mut ScriptedConnection, frame: &[u8]) -> Vec<u8> {
    let mut frames = std::iter::repeat_with(|| connection.frame()).take(crate::frames::MINUTE);
    frames.find(|next| next != frame).unwrap()
}

/// A frame whose volume moves evenly from one level to another, over 160 samples.
fn ramp(from: i32, to: i32, above: i16) -> Vec<u8> {
    let samples: Vec<i16> = (0..160)
        .map(|at| (from + (to - from) * at / 160) as i16 + above)
        .collect();
    audio(AudioBuf::from_samples(RATE, &samples).bytes())
}

fn a_bed_is_in_each_frame_and_ducked_under_played_audio(server: &TestServer) {
    let mut connection = server.started("echo");
    let handle = connection.handle();
    handle
        .set_bed(Bed::new(level(16_000, 7)).volume(0.5).ducked(0.25))
        .unwrap();
    connection.expect(&ramp(0, 8000, 0));
    connection.expect(&level_frame(8000));
    handle.try_play(level(100, 480)).unwrap();
    assert_eq!(
        frame_after(&mut connection, &level_frame(8000)),
        ramp(8000, 4000, 100)
    );
    connection.expect(&level_frame(4100).repeat(2));
    // It rises again.
    frame_after(&mut connection, &level_frame(8000));
    handle.remove_bed();
    connection.send(&audio(b"alive"));
    while connection.frame() != audio(b"alive") {}
    connection.closes(&["audio slin \"alive\""]);
}

fn a_bed_after_the_end_of_a_call_is_refused(server: &TestServer) {
    let mut connection = server.started("echo");
    let handle = connection.handle();
    assert_eq!(
        handle.set_bed(AudioBuf::default()),
        Err(SendError::EmptyAudio)
    );
    connection.closes(&crate::cases::NOTHING);
    assert_eq!(handle.set_bed(level(1, 1)), Err(SendError::NoCall));
    handle.remove_bed();
}
