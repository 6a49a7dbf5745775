//! Pieces of any length become frames of one ptime.

use audiosocket_proto::{AudioBuf, Bytes, PlayoutOutput, Ptime, SampleRate};

use crate::rig::{FRAME, PTIME, Rig, frame, speech};

const PTIMES: [Ptime; 5] = [
    Ptime::Ms10,
    Ptime::Ms20,
    Ptime::Ms30,
    Ptime::Ms40,
    Ptime::Ms60,
];

/// Samples in 10 ms at each rate.
const SAMPLES: [usize; 9] = [80, 120, 160, 240, 320, 441, 480, 960, 1920];

#[test]
fn frames_of_every_rate_and_ptime_have_the_right_length() {
    for (rate, samples) in SampleRate::ALL.into_iter().zip(SAMPLES) {
        for (ptime, tens) in PTIMES.into_iter().zip([1, 2, 3, 4, 6]) {
            let len = 2 * samples * tens;
            assert_eq!(ptime.frame_len(rate), len, "{ptime} of {rate}");
            let mut rig = Rig::with(|config| config.fill_silence(false).ptime(ptime));
            // Three frames and one sample.
            let audio = speech(3 * len + 2);
            rig.try_play(rate, &audio).unwrap();
            let mut padded = audio.clone();
            padded.resize(4 * len, 0);
            let outputs = rig.run(ptime.duration() * 10);
            let frames: Vec<_> = (0..4)
                .map(|n| {
                    let bytes = Bytes::copy_from_slice(&padded[n * len..][..len]);
                    (
                        ptime.duration() * n as u32,
                        PlayoutOutput::Frame(AudioBuf::new(rate, bytes)),
                    )
                })
                .collect();
            assert!(outputs == frames, "{ptime} of {rate}");
        }
    }
}

#[test]
fn pieces_of_every_length_join_without_a_gap() {
    // One byte, odd lengths, and lengths around one and two frames.
    for len in [1, 2, 3, 7, 160, 319, 320, 321, 639, 640, 641, 1000] {
        let audio = speech(8 * FRAME + 123);
        let mut rig = Rig::new();
        for piece in audio.chunks(len) {
            rig.play(piece);
        }
        let frames: Vec<_> = audio.chunks(FRAME).map(frame).collect();
        assert_eq!(rig.rest(), frames, "in pieces of {len}");
    }
}

/// Bytes that do not fill a frame wait until the frame is due. Audio that comes before that fills it.
#[test]
fn a_piece_that_comes_before_the_frame_is_due_joins_it() {
    let audio = speech(FRAME + 200);
    let mut rig = Rig::new();
    rig.play(&audio[..FRAME + 10]);
    assert_eq!(rig.poll(), frame(&audio[..FRAME]));
    rig.pass(PTIME);
    rig.play(&audio[FRAME + 10..]);
    assert_eq!(rig.rest(), [frame(&audio[FRAME..])]);
}

#[test]
fn only_the_end_of_speech_is_padded() {
    let audio = speech(100);
    let mut rig = Rig::new();
    rig.play(&audio);
    assert_eq!(rig.rest(), [frame(&audio)]);
    // The next speech starts in a new frame.
    rig.play(&audio);
    assert_eq!(rig.rest(), [frame(&audio)]);
}

/// A frame has one rate, so a change of rate ends the frame.
#[test]
fn a_change_of_rate_ends_a_frame_with_padding() {
    let audio = speech(900);
    let mut rig = Rig::new();
    let wide = SampleRate::Hz16000;
    rig.play(&audio[..400]);
    rig.try_play(wide, &audio[400..500]).unwrap();
    rig.try_play(wide, &audio[500..900]).unwrap();
    rig.play(&audio[..7]);
    let mut joined = audio[400..900].to_vec();
    joined.resize(640, 0);
    assert_eq!(
        rig.rest(),
        [
            frame(&audio[..320]),
            frame(&audio[320..400]),
            PlayoutOutput::Frame(AudioBuf::new(wide, joined)),
            frame(&audio[..7]),
        ]
    );
}

/// The next piece completes half a sample. At the end and at a change of rate, a zero does.
#[test]
fn half_samples_are_completed() {
    let mut rig = Rig::new();
    rig.play(&[1, 2, 3]);
    rig.play(&[4, 5]);
    rig.try_play(SampleRate::Hz12000, &[6, 7, 8]).unwrap();
    let mut wide = vec![6, 7, 8];
    wide.resize(480, 0);
    assert_eq!(
        rig.rest(),
        [
            frame(&[1, 2, 3, 4, 5]),
            PlayoutOutput::Frame(AudioBuf::new(SampleRate::Hz12000, wide))
        ]
    );
}

/// A frame borrows from the queued piece, so that a prompt on a thousand calls is in memory once.
#[test]
fn frames_of_a_long_piece_are_not_copied() {
    let audio = Bytes::from(speech(10 * FRAME));
    let mut rig = Rig::new();
    rig.play_bytes(SampleRate::Hz8000, audio.clone()).unwrap();
    let outputs = rig.rest();
    assert_eq!(outputs.len(), 10);
    for output in outputs {
        let PlayoutOutput::Frame(frame) = output else {
            panic!("{output:?}");
        };
        assert!(audio.as_ptr_range().contains(&frame.bytes().as_ptr()));
    }
}
