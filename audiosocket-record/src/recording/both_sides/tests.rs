mod caller_clock;

use std::path::PathBuf;
use std::time::SystemTime;

use audiosocket_media::{Codec, pcm};
use audiosocket_server::io::LogRateLimit;
use uuid::Uuid;

use super::*;
use crate::RecorderStats;
use crate::memory_disk::MemoryDisk;
use crate::queue::{CallStart, LostAudio, RecordedFrame};
use crate::recording::{Context, Recording, RecordingSettings};
use crate::sides::Side;
use crate::wav_file::MAX_SAMPLES;

const MS: Duration = Duration::from_millis(1);
const NARROW: SampleRate = SampleRate::Hz8000;
const WIDE: SampleRate = SampleRate::Hz16000;

/// A call with a recording of both sides. All times are milliseconds since its start.
struct TestCall {
    recording: Recording<MemoryDisk>,
    context: Context<MemoryDisk>,
    start: Instant,
    disk: MemoryDisk,
}

impl TestCall {
    fn new(sides: Sides) -> Self {
        Self::with(sides, None, MAX_SAMPLES)
    }

    fn with(sides: Sides, path: Option<PathBuf>, max_samples: u32) -> Self {
        let settings = RecordingSettings {
            codec: Some(Codec::Slin),
            sides,
            max_samples,
            ..RecordingSettings::default()
        };
        let start = CallStart {
            uuid: Uuid::nil(),
            at: Instant::now(),
            utc: SystemTime::UNIX_EPOCH,
            path,
        };
        let disk = MemoryDisk::default();
        Self {
            start: start.at,
            recording: Recording::new(start, &settings),
            context: Context {
                storage: disk.clone(),
                settings,
                error_lines: LogRateLimit::new(),
            },
            disk,
        }
    }

    fn push(&mut self, side: Side, at: u32, rate: SampleRate, value: i16) {
        let mut payload = Vec::new();
        pcm::to_slin(&vec![value; rate.hz() as usize / 50], &mut payload);
        let frame = RecordedFrame {
            at: self.start + MS * at,
            rate,
            payload,
            lost: LostAudio::default(),
        };
        self.recording.push(&self.context, side, frame);
    }

    /// A frame of the caller, which arrives at its end.
    fn caller(&mut self, at: u32, value: i16) {
        self.push(Side::Caller, at, NARROW, value);
    }

    /// A frame of the playout.
    fn played(&mut self, at: u32, value: i16) {
        self.push(Side::Server { on_schedule: true }, at, NARROW, value);
    }

    /// A frame that the handler sends.
    fn sent(&mut self, at: u32, value: i16) {
        self.push(Side::Server { on_schedule: false }, at, NARROW, value);
    }

    /// Two seconds in which the rate of the caller rises, and the server sends 8 kHz.
    fn rise(&mut self) {
        for at in (0..2_000).step_by(20) {
            self.played(at, 100);
            let rate = if at < 1_000 { NARROW } else { WIDE };
            self.push(Side::Caller, at + 20, rate, 200);
        }
    }

    fn tick(&mut self, at: u32) {
        self.recording.tick(&self.context, self.start + MS * at);
    }

    /// Ends the call. Returns the runs of equal samples of each channel of the only file, at 8 kHz: the value, and the
    /// length in milliseconds.
    fn finish(mut self, at: u32) -> [Vec<(i16, u32)>; 2] {
        assert_eq!(self.end(at).files, 1);
        let [(_, 8_000, samples)] = &self.disk.recordings()[..] else {
            panic!("not one file of 8 kHz");
        };
        channels(samples).map(|samples| runs(&samples))
    }

    fn end(&mut self, at: u32) -> RecorderStats {
        self.recording
            .finish(&self.context, self.start + MS * at, 0);
        let mut stats = RecorderStats::default();
        self.recording.count(&mut stats);
        stats
    }
}

fn channels(samples: &[i16]) -> [Vec<i16>; 2] {
    let (pairs, rest) = samples.as_chunks::<2>();
    assert!(rest.is_empty());
    [0, 1].map(|channel| pairs.iter().map(|pair| pair[channel]).collect())
}

/// Returns runs of equal samples of 8 kHz: the value, and the length in milliseconds.
fn runs(samples: &[i16]) -> Vec<(i16, u32)> {
    let runs = samples.chunk_by(|one, next| one == next);
    let of_run = |run: &[i16]| {
        assert_eq!(run.len() % 8, 0, "not a whole millisecond");
        (run[0], run.len() as u32 / 8)
    };
    runs.map(of_run).collect()
}

#[test]
fn each_side_has_the_place_of_its_time() {
    let mut call = TestCall::new(Sides::Stereo);
    for frame in 0..50 {
        call.played(20 * frame, if frame < 30 { 0 } else { 7 });
        // The first frame arrives 137 ms after the start of the call, so it began at 117 ms.
        call.caller(137 + 20 * frame, if frame < 10 { 1 } else { 2 });
    }
    let [caller, server] = call.finish(1_137);
    assert_eq!(caller, [(0, 117), (1, 200), (2, 800), (0, 20)]);
    assert_eq!(server, [(0, 600), (7, 400), (0, 137)]);
}

#[test]
fn an_echo_with_jitter_is_one_piece() {
    let mut call = TestCall::new(Sides::Stereo);
    for frame in 0..50 {
        let at = 1_000 + 20 * frame + [0, 13, 5, 40][frame as usize % 4];
        call.caller(at, 3);
        call.sent(at, 4);
    }
    // The silence of the playout begins later, and has its place again.
    for frame in 0..10 {
        call.played(2_200 + 20 * frame, 5);
    }
    let [caller, server] = call.finish(2_400);
    assert_eq!(caller, [(0, 980), (3, 1_000), (0, 420)]);
    assert_eq!(server, [(0, 1_000), (4, 1_000), (0, 200), (5, 200)]);
}

#[test]
fn silence_is_shortened_after_a_frame_beside_the_schedule() {
    let mut call = TestCall::new(Sides::Stereo);
    call.played(0, 1);
    call.sent(10, 2);
    for (at, value) in [(20, 1), (40, 0), (60, 0), (80, 3)] {
        call.played(at, value);
    }
    let [_, server] = call.finish(100);
    assert_eq!(server, [(1, 20), (2, 20), (1, 20), (0, 20), (3, 20)]);
}

#[test]
fn a_hangup_inside_of_a_frame_leaves_the_whole_frame() {
    let mut call = TestCall::new(Sides::Stereo);
    call.caller(20, 1);
    call.played(0, 2);
    call.played(20, 2);
    let [caller, server] = call.finish(25);
    assert_eq!(caller, [(1, 20), (0, 20)]);
    assert_eq!(server, [(2, 40)]);
}

#[test]
fn a_server_that_sends_nothing_is_silent() {
    let mut call = TestCall::new(Sides::Stereo);
    for frame in 1..=100 {
        call.caller(20 * frame, 1);
        call.tick(20 * frame);
    }
    // All but the last moments is in the file.
    let (_, _, samples) = &call.disk.recordings()[0];
    assert!(samples.len() >= 2 * 8 * 1_700, "{}", samples.len());
    let [caller, server] = call.finish(2_000);
    assert_eq!((caller, server), (vec![(1, 2_000)], vec![(0, 2_000)]));
}

#[test]
fn a_silent_caller_delays_the_file_by_ten_seconds_at_most() {
    let mut call = TestCall::new(Sides::Stereo);
    for at in (0..30_000).step_by(20) {
        call.played(at, 6);
        call.tick(at);
    }
    let (_, _, samples) = &call.disk.recordings()[0];
    assert!(samples.len() >= 2 * 8 * 19_000, "{}", samples.len());
    let [caller, server] = call.finish(30_000);
    assert_eq!((caller, server), (vec![(0, 30_000)], vec![(6, 30_000)]));
}

#[test]
fn a_call_without_audio_has_no_file_in_a_directory_and_one_at_a_path() {
    let mut call = TestCall::new(Sides::Stereo);
    (0..100).for_each(|second| call.tick(1_000 * second));
    assert_eq!(call.end(100_000).files, 0);
    assert_eq!(call.disk.recordings(), []);

    let mut call = TestCall::with(Sides::Stereo, Some("call.wav".into()), MAX_SAMPLES);
    assert_eq!(call.end(1_000).files, 1);
    let wanted = ("call.wav".to_owned(), 8_000, vec![0; 16_000]);
    assert_eq!(call.disk.recordings(), [wanted]);
}

#[test]
fn the_higher_rate_is_that_of_the_file_and_a_higher_one_begins_another_file() {
    let mut call = TestCall::new(Sides::Stereo);
    call.rise();
    assert_eq!(call.end(2_000).complete, 1);
    let recordings = call.disk.recordings();
    let [(first, 8_000, narrow), (second, 16_000, wide)] = &recordings[..] else {
        panic!("{recordings:?}");
    };
    assert_eq!(
        (&first[9..20], &second[9..20]),
        ("000000.000Z", "000001.000Z")
    );
    let [caller, server] = channels(narrow).map(|samples| runs(&samples));
    assert_eq!((caller, server), (vec![(200, 1_000)], vec![(100, 1_000)]));
    let [caller, server] = channels(wide);
    assert_eq!(caller, [200; 16_000]);
    assert_eq!(server.len(), 16_000);
    // The filter of the resampler rings at the edges.
    assert!(
        server[500..15_500]
            .iter()
            .all(|sample| (95..=105).contains(sample))
    );
}

#[test]
fn a_recording_to_a_path_has_one_rate() {
    let mut call = TestCall::with(Sides::Stereo, Some("call.wav".into()), MAX_SAMPLES);
    call.rise();
    assert_eq!(call.end(2_000).files, 1);
    let recordings = call.disk.recordings();
    let (name, rate, samples) = &recordings[0];
    assert_eq!((&**name, *rate, samples.len()), ("call.wav", 8_000, 32_000));
}

#[test]
fn a_mono_file_has_the_sum_of_both_sides() {
    let mut call = TestCall::new(Sides::Mono);
    call.caller(20, 100);
    call.caller(40, 30_000);
    call.played(0, 200);
    call.played(20, 30_000);
    assert_eq!(call.end(40).files, 1);
    let recordings = call.disk.recordings();
    assert_eq!(runs(&recordings[0].2), [(300, 20), (i16::MAX, 20)]);
}

#[test]
fn two_files_have_the_same_length_and_a_side_each() {
    let mut call = TestCall::new(Sides::TwoFiles);
    call.caller(20, 1);
    for frame in 0..5 {
        call.played(20 * frame, 2);
    }
    let stats = call.end(100);
    assert_eq!((stats.files, stats.complete), (2, 1));
    let recordings = call.disk.recordings();
    let [(caller, 8_000, left), (server, 8_000, right)] = &recordings[..] else {
        panic!("{recordings:?}");
    };
    assert!(caller.ends_with("-00000000-0000-0000-0000-000000000000.caller.wav"));
    assert!(server.ends_with("-00000000-0000-0000-0000-000000000000.server.wav"));
    assert_eq!(runs(left), [(1, 20), (0, 80)]);
    assert_eq!(runs(right), [(2, 100)]);

    let mut call = TestCall::with(Sides::TwoFiles, Some("a/call.wav".into()), MAX_SAMPLES);
    call.caller(20, 1);
    call.end(20);
    let names: Vec<_> = call
        .disk
        .recordings()
        .into_iter()
        .map(|(name, ..)| name)
        .collect();
    assert_eq!(names, ["a/call.caller.wav", "a/call.server.wav"]);
}

#[test]
fn a_full_stereo_file_is_followed_by_another() {
    let mut call = TestCall::with(Sides::Stereo, None, 16_000);
    for frame in 0..100 {
        call.played(20 * frame, frame as i16);
        call.caller(20 * frame + 20, -(frame as i16));
    }
    assert_eq!(call.end(2_000).files, 2);
    let recordings = call.disk.recordings();
    let samples: Vec<i16> = recordings
        .iter()
        .flat_map(|(.., samples)| samples.clone())
        .collect();
    let [caller, server] = channels(&samples);
    let counting = |sign: i16| (0..100_i16).flat_map(move |frame| [sign * frame; 160]);
    assert!(caller.into_iter().eq(counting(-1)));
    assert!(server.into_iter().eq(counting(1)));
}

#[test]
fn a_full_disk_leaves_playable_files_and_ends_the_recording() {
    for sides in [Sides::Stereo, Sides::TwoFiles] {
        let mut call = TestCall::new(sides);
        call.disk.limit(Some(44 + 2 * 12_345));
        for frame in 0..400 {
            call.played(20 * frame, 2);
            call.caller(20 * frame + 20, 1);
            call.tick(20 * frame + 20);
        }
        let stats = call.end(8_000);
        assert_eq!((stats.failed, stats.complete), (1, 0));
        assert!(stats.lost_frames > 100, "{stats:?}");
        for (_, _, samples) in call.disk.recordings() {
            // Whole pairs only.
            let whole = if sides == Sides::Stereo {
                12_344
            } else {
                12_000
            };
            assert!(
                (whole..=12_345).contains(&samples.len()),
                "{}",
                samples.len()
            );
        }
    }
}
