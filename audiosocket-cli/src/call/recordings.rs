//! Recordings of the audio that callers receive.

use std::io;
use std::time::{Duration, Instant};

use audiosocket_media::SampleRate;
use audiosocket_proto::Audio;
use audiosocket_record::{Gaps, Recorder, Track};
use audiosocket_testing::load::CallTap;
use serde::Serialize;
use tokio::time::sleep;
use uuid::Uuid;

/// The place of the call's UUID in the name of a file.
pub(super) const PLACEHOLDER: &str = "{uuid}";

/// The jitter buffer of a telephone, roughly. Audio that is at most this late follows the audio before it without a gap.
const JITTER_BUFFER: Duration = Duration::from_millis(60);

/// The limits of the bytes that wait for the disk: 1,700 frames of one call at 8 kHz, and 64 MiB of all calls. If the disk is
/// too slow, recordings fail. No call and no signal waits for the disk.
const MAX_WAITING_PER_CALL: usize = 768 << 10;
const MAX_WAITING: usize = 64 << 20;

/// The longest wait for the disk after the last call.
const DISK_TIMEOUT: Duration = Duration::from_secs(10);

/// The interval of the checks whether all audio is written.
const CHECK_INTERVAL: Duration = Duration::from_millis(5);

/// The results of all recordings.
#[derive(Debug, Default, Serialize)]
pub(super) struct Recordings {
    pub(super) written: u64,
    pub(super) failed: u64,
    /// The error of the first recording that failed.
    pub(super) error: Option<String>,
}

/// Records the audio that one caller receives. `None` if the recorder has no room for the call; it counts such calls.
#[derive(Debug)]
pub(super) struct RecordedCall(Option<Track>);

impl RecordedCall {
    pub(super) fn start(recorder: &Recorder, uuid: Uuid) -> Self {
        Self(recorder.track(uuid).ok())
    }
}

impl CallTap for RecordedCall {
    fn received(&mut self, audio: Audio<'_>, at: Instant) {
        if let Some(track) = &mut self.0 {
            track.write(at, audio);
        }
    }
}

/// Starts a recorder of files with this name.
pub(super) fn start(name: &str) -> io::Result<Recorder> {
    let name = name.to_owned();
    Recorder::to_files(move |uuid| name.replace(PLACEHOLDER, &uuid.to_string()).into())
        .input_rate(SampleRate::Hz8000)
        .gaps(Gaps::Playback {
            jitter_buffer: JITTER_BUFFER,
        })
        .sync(false)
        .max_waiting_per_call(MAX_WAITING_PER_CALL)
        .max_waiting(MAX_WAITING)
        .start()
}

/// Waits until all audio is written, until `stop` is ready, or for [`DISK_TIMEOUT`]. All tracks must have ended.
pub(super) async fn finish(recorder: Recorder, name: &str, stop: impl Future) -> Recordings {
    recorder.shut_down();
    let written = async {
        while !recorder.is_finished() {
            sleep(CHECK_INTERVAL).await;
        }
    };
    let in_time = tokio::select! {
        () = written => true,
        _ = stop => false,
        () = sleep(DISK_TIMEOUT) => false,
    };
    let stats = if in_time {
        recorder.finish()
    } else {
        recorder.stats()
    };
    let failed = stats.started - stats.complete;
    let unfinished = || {
        format!(
            "{}: the disk did not take all audio within 10 s",
            name.escape_debug()
        )
    };
    Recordings {
        written: stats.complete,
        failed,
        error: stats.first_error.or_else(|| (failed > 0).then(unfinished)),
    }
}
