use std::path::PathBuf;
use std::time::SystemTime;

use audiosocket_media::pcm;
use uuid::Uuid;

use crate::memory_disk::MemoryDisk;
use crate::queue::LostAudio;

use super::*;

const FRAME: Duration = Duration::from_millis(20);
const NARROW: SampleRate = SampleRate::Hz8000;
const WIDE: SampleRate = SampleRate::Hz16000;

/// A call whose frames arrive 20 ms apart.
struct Caller {
    recording: Recording<MemoryDisk>,
    context: Context<MemoryDisk>,
    at: Instant,
}

impl Caller {
    fn new(disk: &MemoryDisk, max_samples: u32) -> Self {
        let settings = RecordingSettings {
            codec: Some(Codec::Slin),
            max_samples,
            ..RecordingSettings::default()
        };
        Self::with_settings(disk, settings, None)
    }

    /// Returns a call that is recorded as a listener hears it, into a file of this name.
    fn to_file(disk: &MemoryDisk, name: &str) -> Self {
        let settings = RecordingSettings {
            codec: Some(Codec::Slin),
            gaps: Gaps::Playback {
                jitter_buffer: Duration::from_millis(60),
            },
            sync: false,
            ..RecordingSettings::default()
        };
        Self::with_settings(disk, settings, Some(name.into()))
    }

    fn with_settings(
        disk: &MemoryDisk,
        settings: RecordingSettings,
        path: Option<PathBuf>,
    ) -> Self {
        let start = CallStart {
            uuid: Uuid::from_bytes([0xab; 16]),
            at: Instant::now(),
            // 2026-08-22T03:14:15.926Z
            utc: SystemTime::UNIX_EPOCH + Duration::from_millis(1_787_368_455_926),
            path,
        };
        Self {
            at: start.at,
            recording: Recording::new(start, &settings),
            context: Context {
                storage: disk.clone(),
                settings,
                error_lines: LogRateLimit::new(),
            },
        }
    }

    fn write(&mut self, rate: SampleRate, samples: &[i16]) {
        for samples in samples.chunks(rate.hz() as usize / 50) {
            self.at += FRAME;
            let mut payload = Vec::new();
            pcm::to_slin(samples, &mut payload);
            let frame = RecordedFrame {
                at: self.at,
                rate,
                payload,
                lost: LostAudio::default(),
            };
            self.recording.push(&self.context, Side::Caller, frame);
        }
    }

    fn finish(&mut self) -> RecorderStats {
        self.recording.finish(&self.context, self.at, 0);
        let mut stats = RecorderStats::default();
        self.recording.count(&mut stats);
        stats
    }

    fn tick(&mut self) {
        self.recording.tick(&self.context, self.at);
    }
}

/// The result of a recording without an error that has all audio.
fn complete(files: u64) -> RecorderStats {
    RecorderStats {
        ended: 1,
        complete: 1,
        files,
        ..RecorderStats::default()
    }
}

const NAME: &str = "20260822T031415.926Z-abababab-abab-abab-abab-abababababab";

fn counting(len: usize) -> Vec<i16> {
    (0..len).map(|at| at as i16).collect()
}

#[test]
fn another_rate_begins_a_file_that_is_named_by_its_first_sample() {
    let disk = MemoryDisk::default();
    let mut caller = Caller::new(&disk, MAX_SAMPLES);
    let (narrow, wide) = (counting(16_000), counting(16_000));
    caller.write(NARROW, &narrow);
    // The silence between them is at the start of the second file.
    caller.at += Duration::from_secs(1);
    caller.write(WIDE, &wide);
    assert_eq!(caller.finish(), complete(2));
    let wide = [vec![0; 16_000], wide].concat();
    let second = NAME.replace("15.926", "17.926");
    let wanted = [
        (format!("{NAME}.wav"), 8_000, narrow),
        (format!("{second}.wav"), 16_000, wide),
    ];
    assert_eq!(disk.recordings(), wanted);
    assert_eq!(disk.synced(), 2);
}

#[test]
fn a_full_file_is_followed_by_another() {
    let disk = MemoryDisk::default();
    let mut caller = Caller::new(&disk, 8_000);
    let samples = counting(20_000);
    caller.write(NARROW, &samples);
    assert_eq!(caller.finish().files, 3);
    let recordings = disk.recordings();
    let names: Vec<_> = recordings.iter().map(|(name, ..)| &name[8..19]).collect();
    assert_eq!(names, ["T031415.926", "T031416.926", "T031417.926"]);
    let recorded = recordings.into_iter().flat_map(|(.., samples)| samples);
    assert_eq!(recorded.collect::<Vec<_>>(), samples);
}

#[test]
fn no_file_in_a_directory_is_overwritten() {
    let disk = MemoryDisk::default();
    for len in [160, 320, 480] {
        let mut caller = Caller::new(&disk, MAX_SAMPLES);
        caller.write(NARROW, &counting(len));
        caller.finish();
    }
    let mut found = disk.recordings();
    found.sort_by_key(|(.., samples)| samples.len());
    let found: Vec<_> = found.into_iter().map(|(name, ..)| name).collect();
    let wanted = ["", "-2", "-3"].map(|suffix| format!("{NAME}{suffix}.wav"));
    assert_eq!(found, wanted);
}

#[test]
fn the_number_of_files_of_a_call_is_limited() {
    let disk = MemoryDisk::default();
    let mut caller = Caller::new(&disk, MAX_SAMPLES);
    for _ in 0..100 {
        caller.write(NARROW, &[1; 160]);
        caller.write(WIDE, &[2; 320]);
    }
    let failure = caller.recording.failure.as_ref().unwrap();
    assert_eq!(failure.error.to_string(), "a call has at most 9 files");
    let result = RecorderStats {
        ended: 1,
        failed: 1,
        files: MAX_FILES as u64,
        // Each of the 200 frames has another rate than the frame before.
        lost_frames: 191,
        first_error: Some(format!("{}: a call has at most 9 files", &NAME[21..])),
        ..RecorderStats::default()
    };
    assert_eq!(caller.finish(), result);
    assert_eq!(disk.recordings().len(), MAX_FILES);
}

#[test]
fn a_full_disk_ends_one_recording_and_not_the_next() {
    let disk = MemoryDisk::default();
    disk.limit(Some(44 + 2 * 12_345));
    let samples = counting(40_000);
    let mut caller = Caller::new(&disk, MAX_SAMPLES);
    caller.write(NARROW, &samples);
    let failure = caller.recording.failure.as_ref().unwrap();
    let file = &failure.files[0];
    assert_eq!(file.name, format!("{NAME}.wav"));
    assert_eq!(file.seconds, 12_345.0 / 8_000.0);
    assert_eq!(failure.error.kind(), io::ErrorKind::StorageFull);
    // Now the disk has room. The failed recording does not continue, so it has no hole.
    disk.limit(None);
    caller.write(NARROW, &samples);
    let result = caller.finish();
    let error = result.first_error.as_deref().unwrap();
    assert!(error.starts_with(&format!("{NAME}.wav: ")), "{error}");
    assert!(result.lost_frames > 250, "{result:?}");
    assert_eq!(disk.recordings()[0].2, samples[..12_345]);

    let mut caller = Caller::new(&disk, MAX_SAMPLES);
    caller.write(NARROW, &samples);
    assert_eq!(caller.finish(), complete(1));
    assert_eq!(disk.recordings()[0].2, samples);
}

#[test]
fn a_tick_makes_everything_playable() {
    let disk = MemoryDisk::default();
    let mut caller = Caller::new(&disk, MAX_SAMPLES);
    caller.write(NARROW, &counting(7_000));
    assert!(disk.recordings()[0].2.is_empty());
    caller.tick();
    assert_eq!(disk.recordings()[0].2, counting(7_000));
}

#[test]
fn a_call_without_audio_has_no_file_in_a_directory() {
    let disk = MemoryDisk::default();
    let mut caller = Caller::new(&disk, MAX_SAMPLES);
    caller.at += Duration::from_secs(60);
    caller.tick();
    assert_eq!(caller.finish().files, 0);
    assert_eq!(disk.recordings(), []);
}

#[test]
fn a_recording_to_a_path_has_one_file_of_the_rate_of_the_first_speech() {
    let disk = MemoryDisk::default();
    let mut caller = Caller::to_file(&disk, "heard.wav");
    // Silence does not set the rate.
    caller.write(NARROW, &[0; 1_600]);
    caller.tick();
    assert_eq!(disk.recordings(), []);
    caller.write(WIDE, &[7; 320]);
    caller.at += Duration::from_secs(1);
    caller.write(NARROW, &[0; 160]);
    caller.write(WIDE, &[9; 320]);
    // The file ends with the last audio.
    caller.at += Duration::from_secs(5);
    assert_eq!(caller.finish(), complete(1));
    assert_eq!(disk.synced(), 0);
    // The first frame arrived after 20 ms, which made no gap. So the later gap is 20 ms longer.
    let [(name, 16_000, samples)] = &disk.recordings()[..] else {
        panic!("not one file of 16 kHz");
    };
    assert_eq!(name, "heard.wav");
    let wanted = [(0, 3_200), (7, 320), (0, 16_320 + 320), (9, 320)];
    assert_eq!(runs(samples), wanted);
}

/// Returns the values of samples, and the number of repetitions of each value.
fn runs(samples: &[i16]) -> Vec<(i16, usize)> {
    let runs = samples.chunk_by(|one, next| one == next);
    runs.map(|run| (run[0], run.len())).collect()
}

#[test]
fn resampled_audio_has_its_length_at_the_end_of_a_file() {
    let disk = MemoryDisk::default();
    let mut caller = Caller::to_file(&disk, "heard.wav");
    caller.write(WIDE, &[7; 320]);
    caller.write(NARROW, &[7; 1_600]);
    assert_eq!(caller.finish(), complete(1));
    assert_eq!(disk.recordings()[0].2.len(), 320 + 3_200);
}

#[test]
fn a_call_without_speech_has_a_file_of_its_length_at_a_path() {
    let disk = MemoryDisk::default();
    let mut caller = Caller::to_file(&disk, "heard.wav");
    caller.write(WIDE, &[0; 3_200]);
    assert_eq!(caller.finish(), complete(1));
    let wanted = ("heard.wav".to_owned(), 16_000, vec![0; 3_200]);
    assert_eq!(disk.recordings(), [wanted]);

    // Another call overwrites the file.
    let mut caller = Caller::to_file(&disk, "heard.wav");
    assert_eq!(caller.finish(), complete(1));
    let wanted = ("heard.wav".to_owned(), 8_000, Vec::new());
    assert_eq!(disk.recordings(), [wanted]);
}

#[test]
fn a_full_disk_ends_a_recording_to_a_path() {
    let disk = MemoryDisk::default();
    disk.limit(Some(44 + 2 * 12_345));
    let samples = counting(40_000);
    let mut caller = Caller::to_file(&disk, "heard.wav");
    // The first sample of `counting` is silence.
    caller.write(NARROW, &samples[1..]);
    let result = caller.finish();
    assert_eq!(result.files, 1);
    let error = result.first_error.as_deref().unwrap();
    assert!(error.starts_with("heard.wav: "), "{error}");
    assert_eq!(disk.recordings()[0].2, samples[1..=12_345]);
}
