//! The limits of the queue.

use std::time::Duration;

use audiosocket_proto::{AudioBuf, Bytes, Playout, SampleRate, SendError, SessionConfig};

use crate::rig::{FRAME, RATE, Rig, speech};

/// The documented limit of pieces and marks together.
const ENTRIES: usize = 65_536;

fn full(queued: Duration) -> Result<(), SendError> {
    Err(SendError::PlayoutFull { queued })
}

#[test]
fn max_playout_is_exact_to_one_sample_at_every_rate() {
    for rate in SampleRate::ALL {
        let most = 30 * rate.hz() as usize * 2;
        let mut rig = Rig::new();
        rig.try_play(rate, &vec![1; most - 2]).unwrap();
        let short = rate.duration_of(u64::from(rate.hz()) * 30 - 1);
        assert_eq!(rig.try_play(rate, &[1; 4]), full(short));
        rig.try_play(rate, &[1; 2]).unwrap();
        let half_minute = Duration::from_secs(30);
        assert_eq!(rig.playout.stats().depth, half_minute);
        assert_eq!(rig.try_play(rate, &[1]), full(half_minute));
        // Refused audio changes nothing. Each frame that leaves makes room for one more.
        rig.poll();
        let len = audiosocket_proto::Ptime::Ms20.frame_len(rate);
        assert_eq!(
            rig.try_play(rate, &vec![1; len + 1]),
            full(half_minute - Duration::from_millis(20))
        );
        rig.try_play(rate, &vec![1; len]).unwrap();
    }
}

/// Three rates, each with a third of the limit: the sum has no rounding error.
#[test]
fn durations_of_different_rates_add_up_exactly() {
    let mut rig = Rig::with(|config| config.max_playout(Duration::from_secs(3)));
    for rate in [
        SampleRate::Hz44100,
        SampleRate::Hz12000,
        SampleRate::Hz192000,
    ] {
        // The duration of these pieces is not a whole number of nanoseconds.
        for piece in vec![1; rate.hz() as usize * 2].chunks(2 * 7) {
            rig.try_play(rate, piece).unwrap();
        }
    }
    assert_eq!(rig.playout.stats().depth, Duration::from_secs(3));
    assert_eq!(
        rig.try_play(SampleRate::Hz192000, &[1]),
        full(Duration::from_secs(3))
    );
}

#[test]
fn an_empty_queue_takes_one_piece_of_any_length() {
    let hour = Bytes::from(vec![1; 8000 * 2 * 3600]);
    let mut rig = Rig::with(|config| config.max_playout(Duration::ZERO));
    rig.playout.mark(1).unwrap();
    rig.play_bytes(RATE, hour.clone()).unwrap();
    let queued = Duration::from_secs(3600);
    assert_eq!(rig.try_play(RATE, &[1]), full(queued));
    rig.clear();
    rig.play_bytes(RATE, hour).unwrap();
}

#[test]
fn max_playout_can_be_the_longest_duration() {
    let mut rig = Rig::with(|config| config.max_playout(Duration::MAX));
    for _ in 0..100 {
        rig.play(&[1; 100_000]);
    }
    assert_eq!(rig.playout.stats().depth, Duration::from_millis(625_000));
}

#[test]
fn audio_of_no_bytes_is_refused() {
    let mut rig = Rig::new();
    assert_eq!(rig.try_play(RATE, &[]), Err(SendError::EmptyAudio));
    assert_eq!(rig.rest(), []);
}

#[test]
fn the_number_of_pieces_and_marks_is_limited() {
    let mut rig = Rig::new();
    let piece = Bytes::from_static(&[1, 2]);
    for n in 0..ENTRIES / 2 {
        rig.play_bytes(RATE, piece.clone()).unwrap();
        rig.playout.mark(n as u32).unwrap();
    }
    let queued = RATE.duration_of(ENTRIES as u64 / 2);
    assert_eq!(rig.play_bytes(RATE, piece.clone()), full(queued));
    assert_eq!(rig.playout.mark(0), full(queued));
    // A hangup needs no room.
    rig.playout.hangup();
    rig.clear();
    rig.playout.mark(0).unwrap();
    assert_eq!(rig.marks(true).len(), ENTRIES / 2 + 1);
}

/// A caller that never takes marks cannot make the queue grow without limit.
#[test]
fn the_number_of_marks_that_are_not_taken_is_limited() {
    let mut rig = Rig::new();
    let taken = (0..100_000).filter(|n| rig.playout.mark(*n).is_ok());
    assert_eq!(taken.count(), ENTRIES);
}

#[test]
fn audio_is_refused_before_and_after_the_call() {
    let mut playout: Playout<u32> = Playout::new(&SessionConfig::default());
    let piece = Bytes::from(speech(FRAME));
    let refused = AudioBuf::new(RATE, piece.clone());
    let result = playout.play(refused, &mut Vec::new());
    assert_eq!(result, Err(SendError::NoCall));
    assert_eq!(playout.poll_timeout(), None);
    let mut rig = Rig::with_silence();
    rig.play(&piece);
    rig.close();
    assert_eq!(rig.play_bytes(RATE, piece), Err(SendError::NoCall));
    assert_eq!(rig.rest(), []);
}

/// The output does not contain the audio.
#[test]
fn the_debug_output_is_short_however_much_audio_is_queued() {
    let mut rig = Rig::new();
    for _ in 0..100 {
        rig.play(&speech(4000));
    }
    let text = format!("{:?}", rig.playout);
    assert!(text.len() < 1000, "{} bytes", text.len());
}
