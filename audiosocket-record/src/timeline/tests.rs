use super::*;

const MS: Duration = Duration::from_millis(1);
const FRAME: u64 = 160;

/// Sends frames of 20 ms at 8 kHz, and keeps the segments of their recording.
struct Caller {
    start: Instant,
    timeline: Timeline,
    frames: i16,
    segments: Vec<Segment>,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// Silence, in milliseconds.
    Quiet(u64),
    /// A frame of audio, by its number.
    Spoken(i16),
}
use Part::{Quiet, Spoken};

impl Caller {
    fn new(gaps: Gaps) -> Self {
        let start = Instant::now();
        Self {
            start,
            timeline: Timeline::new(start, gaps),
            frames: 0,
            segments: Vec::new(),
        }
    }

    /// One frame at each of these times, in milliseconds since the start of the call.
    fn frames(mut self, at: impl IntoIterator<Item = u32>) -> Self {
        for at in at {
            let audio = DecodedAudio {
                at: self.start + MS * at,
                rate: SampleRate::Hz8000,
                lost: 0,
                samples: vec![self.frames; FRAME as usize],
            };
            self.frames = self.frames.wrapping_add(1);
            self.segments.extend(self.timeline.push(audio));
        }
        self
    }

    fn tick(mut self, at: u32) -> Self {
        self.segments
            .extend(self.timeline.tick(self.start + MS * at));
        self
    }

    fn finish(mut self, at: u32) -> Vec<Part> {
        self.segments
            .extend(self.timeline.finish(self.start + MS * at));
        self.parts()
    }

    fn parts(&self) -> Vec<Part> {
        let part = |segment: &Segment| match segment {
            Segment::Silence(silence) => Quiet(silence.as_millis() as u64),
            Segment::Audio(_, samples) => Spoken(samples[0]),
        };
        self.segments.iter().map(part).collect()
    }
}

fn frames(numbers: std::ops::Range<i16>) -> impl Iterator<Item = Part> {
    numbers.map(Spoken)
}

#[test]
fn steady_audio_is_recorded_as_it_arrives() {
    let call = Caller::new(Gaps::Keep).frames((0..50).map(|frame| 20 * (frame + 1)));
    assert_eq!(call.finish(1_000), frames(0..50).collect::<Vec<_>>());
}

#[test]
fn jitter_makes_no_gap() {
    let late = [0, 180, 0, 30, 199, 5];
    let at = (0..60).map(|frame| 20 * (frame + 1) + late[frame as usize % late.len()]);
    let call = Caller::new(Gaps::Keep).frames(at);
    assert_eq!(call.finish(1_200), frames(0..60).collect::<Vec<_>>());
}

#[test]
fn a_burst_at_the_start_makes_no_gap_and_shortens_the_next_gap() {
    // Ten frames at once, 200 ms of audio after 10 ms. Then steady audio, and a second without audio.
    let burst = [10; 10].into_iter().chain((1..=10).map(|n| 10 + 20 * n));
    let call = Caller::new(Gaps::Keep).frames(burst);
    let call = call.frames((1..=30).map(|n| 1_210 + 20 * n));
    let recorded = call.finish(1_810);
    let quiet = 1_810 - 50 * 20;
    let wanted = frames(0..20).chain([Quiet(quiet)]).chain(frames(20..50));
    assert_eq!(recorded, wanted.collect::<Vec<_>>());
}

#[test]
fn a_gap_has_the_length_of_the_time_that_passed() {
    let call = Caller::new(Gaps::Keep).frames([20, 40]);
    // The frames after the gap have different delays. The least delay is the length of the gap.
    let call = call.frames([5_060, 5_065, 5_090, 5_120]).tick(5_600);
    let wanted = [Spoken(0), Spoken(1), Quiet(4_985)];
    let wanted = wanted.into_iter().chain(frames(2..6)).collect::<Vec<_>>();
    assert_eq!(call.parts(), wanted);
}

#[test]
fn delayed_audio_stays_in_one_piece() {
    // Two seconds without audio, then the audio of two seconds at once, then steady audio.
    let call = Caller::new(Gaps::Keep).frames([20, 40]);
    let call = call.frames((0..100).map(|n| 2_040 + n / 10));
    let call = call.frames((0..50).map(|n| 2_060 + 20 * n));
    assert_eq!(call.finish(3_040), frames(0..152).collect::<Vec<_>>());
}

#[test]
fn a_word_between_two_gaps_stays_between_them() {
    let call = Caller::new(Gaps::Keep).frames([20, 3_020, 6_020]);
    let wanted = [Spoken(0), Quiet(2_980), Spoken(1), Quiet(2_980), Spoken(2)];
    assert_eq!(call.finish(6_020), wanted);
}

#[test]
fn gaps_at_the_start_and_at_the_end_are_recorded() {
    let call = Caller::new(Gaps::Keep).frames([1_720]);
    assert_eq!(call.finish(4_720), [Quiet(1_700), Spoken(0), Quiet(3_000)]);
}

#[test]
fn a_long_gap_is_recorded_while_it_lasts() {
    let call = (1..=60).fold(Caller::new(Gaps::Keep).frames([20]), |call, second| {
        call.tick(20 + 1_000 * second)
    });
    let quiet = |parts: &[Part]| -> u64 {
        let quiet = parts.iter().map(|part| match part {
            Quiet(ms) => *ms,
            Spoken(_) => 0,
        });
        quiet.sum()
    };
    assert_eq!(quiet(&call.parts()), 50_000);
    let call = call.frames([60_040]);
    assert_eq!(quiet(&call.finish(60_040)), 60_000);
}

#[test]
fn gaps_can_be_skipped() {
    let call = Caller::new(Gaps::Skip).frames([1_000, 30_000]);
    let call = call.tick(90_000);
    assert_eq!(call.finish(100_000), [Spoken(0), Spoken(1)]);
}

#[test]
fn lost_audio_is_silence_of_its_length() {
    for gaps in [Gaps::Keep, Gaps::Skip] {
        let mut call = Caller::new(gaps).frames([20]);
        let audio = DecodedAudio {
            at: call.start + MS * 100,
            rate: SampleRate::Hz8000,
            lost: 3 * FRAME,
            samples: vec![7; FRAME as usize],
        };
        call.segments.extend(call.timeline.push(audio));
        assert_eq!(call.finish(100), [Spoken(0), Quiet(60), Spoken(7)]);
    }
}

#[test]
fn held_audio_is_bounded() {
    // An hour of audio at once, after an hour without audio.
    let mut call = Caller::new(Gaps::Keep);
    let mut most = 0;
    for _ in 0..3_600 * 50 {
        call = call.frames([3_600_000]);
        call.segments.clear();
        let held = call.timeline.gap.as_ref().map_or(0, |gap| gap.cost);
        most = most.max(held);
    }
    assert!((1..=MAX_HELD).contains(&most), "{most}");
}

/// The lengths of the gaps before frames that arrive at these times, all in milliseconds.
fn playback_gaps(arrivals: &[u32]) -> Vec<u64> {
    let gaps = Gaps::Playback {
        jitter_buffer: MS * 60,
    };
    let call = Caller::new(gaps).frames(arrivals.iter().copied());
    let mut quiet = 0;
    let mut found = Vec::new();
    // The recording ends with the last audio, not with the call.
    for part in call.tick(600_000).finish(600_000) {
        match part {
            Quiet(ms) => quiet += ms,
            Spoken(_) => found.push(mem::take(&mut quiet)),
        }
    }
    assert_eq!(quiet, 0);
    found
}

#[test]
fn playback_has_no_gap_for_jitter() {
    assert_eq!(playback_gaps(&[9, 28, 55, 71, 88]), [0; 5]);
    assert_eq!(playback_gaps(&[60, 80, 100]), [0; 3]);
}

#[test]
fn playback_has_a_gap_of_the_time_in_which_nothing_arrived() {
    assert_eq!(playback_gaps(&[61, 81, 1_000, 1_020]), [61, 0, 899, 0]);
}

#[test]
fn playback_keeps_all_audio_that_arrives_early() {
    assert_eq!(playback_gaps(&[0, 0, 0, 0, 100, 160]), [0; 6]);
    assert_eq!(
        playback_gaps(&[0, 0, 0, 0, 100, 161, 200]),
        [0, 0, 0, 0, 0, 61, 0]
    );
}
