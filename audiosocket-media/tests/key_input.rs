//! Keys that come as tones, as frames, and both ways: each press is one key. In virtual time.

use std::time::{Duration, Instant};

use audiosocket_media::SampleRate;
use audiosocket_media::dtmf::{DtmfToneOptions, KeyInput, dtmf_tones};
use audiosocket_proto::DtmfDigit;

const RATE: SampleRate = SampleRate::Hz8000;

/// The keys of a call in virtual time. Audio comes in frames of 20 ms.
struct Line {
    keys: KeyInput,
    now: Instant,
    reported: Vec<DtmfDigit>,
}

impl Line {
    fn new() -> Self {
        Self {
            keys: KeyInput::new(),
            now: Instant::now(),
            reported: Vec::new(),
        }
    }

    fn receives(&mut self, samples: &[i16]) {
        for frame in samples.chunks(160) {
            self.now += RATE.duration_of(frame.len() as u64);
            self.keys
                .push_samples(RATE, frame, self.now, &mut self.reported);
        }
    }

    fn tones(&mut self, keys: &str, tone_ms: u64, pause_ms: u64) {
        let [tone, pause] = [tone_ms, pause_ms].map(Duration::from_millis);
        let options = DtmfToneOptions::default().durations(tone, pause);
        let audio = dtmf_tones(keys, RATE, options).expect("keys");
        self.receives(&audio.samples().collect::<Vec<_>>());
    }

    fn silence(&mut self, ms: usize) {
        self.receives(&vec![0; 8 * ms]);
    }

    fn frame(&mut self, key: u8) {
        let digit = DtmfDigit::new(key).expect("a key");
        self.reported.extend(self.keys.push_frame(digit, self.now));
    }

    /// The keys reported so far.
    fn reported(&self) -> String {
        self.reported.iter().map(|digit| digit.as_char()).collect()
    }
}

#[test]
fn tones_alone_and_frames_alone_are_keys() {
    let mut line = Line::new();
    line.tones("1122#", 60, 60);
    assert_eq!(line.reported(), "1122#");
    let mut line = Line::new();
    for key in *b"1122#" {
        line.frame(key);
        line.silence(40);
    }
    assert_eq!(line.reported(), "1122#");
}

#[test]
fn a_press_that_comes_both_ways_is_one_key() {
    // The frame comes while the tones last, after them, and long after a gateway has cut them off.
    for (tone_ms, later_ms) in [(200, 0), (100, 60), (50, 900)] {
        let mut line = Line::new();
        for _ in 0..2 {
            line.tones("5", tone_ms, 0);
            line.silence(later_ms);
            line.frame(b'5');
            line.silence(100);
        }
        assert_eq!(line.reported(), "55", "{tone_ms} ms, {later_ms} ms later");
    }
}

#[test]
fn a_frame_that_comes_before_its_tones_is_one_key() {
    for delay_ms in [0, 100, 200] {
        let mut line = Line::new();
        for key in *b"77" {
            line.frame(key);
            line.silence(delay_ms);
            line.tones("7", 60, 400);
        }
        assert_eq!(line.reported(), "77", "{delay_ms} ms");
    }
}

#[test]
fn frames_that_come_late_belong_to_the_tones_before_them() {
    let mut line = Line::new();
    line.tones("1121", 50, 50);
    for key in *b"1121" {
        line.frame(key);
    }
    assert_eq!(line.reported(), "1121");
    // All of them have had their frames.
    line.frame(b'1');
    assert_eq!(line.reported(), "11211");
}

#[test]
fn a_frame_a_while_after_tones_of_its_key_is_another_press() {
    let mut line = Line::new();
    line.tones("3", 60, 1_200);
    line.frame(b'3');
    assert_eq!(line.reported(), "33");
    line.silence(400);
    line.tones("3", 60, 60);
    assert_eq!(line.reported(), "333");
}

#[test]
fn a_change_of_the_rate_during_tones_loses_no_press() {
    let mut line = Line::new();
    line.tones("9", 60, 0);
    let wide = SampleRate::Hz16000;
    line.keys
        .push_samples(wide, &[0; 320], line.now, &mut line.reported);
    line.now += Duration::from_millis(1_100);
    line.frame(b'9');
    assert_eq!(line.reported(), "99");
}

#[test]
fn a_flood_of_keys_is_reported() {
    let mut line = Line::new();
    for _ in 0..10_000 {
        line.frame(b'8');
    }
    assert_eq!(line.reported.len(), 10_000);
}
